// Bundles the page into `src/internal/assets.ts`, unless that is up to date already.
import { createHash } from "node:crypto"
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"

const folder = join(import.meta.dirname, "..")
const target = join(folder, "src/internal/assets.ts")

const sha = (...contents: ReadonlyArray<string | Uint8Array>) =>
  contents.reduce((hash, content) => hash.update(content), createHash("sha256")).digest("hex").slice(0, 16)

/** What the page is made of: its own files, what it shares with the server, and the versions of what it bundles. */
const inputs = [
  ...globSync("page/*", { cwd: folder }).toSorted(),
  "src/internal/wire.ts",
  ...["preact", "uplot"].map((name) => `node_modules/${name}/package.json`)
]

const bundle = async () => {
  // Only when there is something to do: it takes a while to load.
  const { build } = await import("vite")
  const result = await build({
    root: join(folder, "page"),
    configFile: false,
    logLevel: "warn",
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      write: false,
      target: "es2022",
      modulePreload: false,
      rollupOptions: {
        input: [join(folder, "page/main.tsx"), join(folder, "page/style.css")],
        output: { entryFileNames: "page.js", assetFileNames: "page[extname]" }
      }
    }
  })
  const outputs = (Array.isArray(result) ? result : [result]).flatMap((output) =>
    "output" in output ? output.output : []
  )
  const find = (end: string): string => {
    const found = outputs.filter(({ fileName }) => fileName.endsWith(end))
    const [file] = found
    if (file === undefined || found.length > 1) throw new Error(`The page has ${found.length} files named *${end}`)
    return file.type === "chunk" ? file.code : String(file.source)
  }
  // A classic script: with a module, browsers send an `Origin`, which is not that of `Host` behind a plain `proxy_pass`.
  const js = `"use strict";(()=>{${find(".js")}})()`
  return { js, css: find(".css"), icon: readFileSync(join(folder, "page/icon.svg"), "utf8") }
}

const types = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  icon: "image/svg+xml"
}

/** Writes the assets if they aren't those of the present sources. */
export const buildAssets = async (): Promise<void> => {
  const version = `// Made of ${sha(...inputs.map((file) => readFileSync(join(folder, file))))} by page/build.ts.\n`
  if (existsSync(target) && readFileSync(target, "utf8").startsWith(version)) return
  const files = Object.entries(await bundle()).map(([name, content]) => {
    const gzip = gzipSync(content, { level: 9 }).toString("base64")
    return `  ${name}: { type: "${types[name as keyof typeof types]}", etag: "${sha(content)}", gzip: "${gzip}" }`
  })
  writeFileSync(target, `${version}export const assets = {\n${files.join(",\n")}\n}\n`)
}

if (import.meta.main) await buildAssets()
