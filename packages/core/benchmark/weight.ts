/** What the library weighs: the bytes that a bundle of it takes, and the time that its import takes. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { build } from "vite"
import { median } from "./measure.ts"

const core = fileURLToPath(new URL("../dist/index.js", import.meta.url))

/** The bytes of a minified and compressed bundle of a program that imports these names, without effect. */
export const bundled = async (names: ReadonlyArray<string>): Promise<number> => {
  const entry = "virtual:entry"
  const result = await build({
    configFile: false,
    logLevel: "silent",
    plugins: [{
      name: "entry",
      enforce: "pre",
      resolveId: (id) => id === entry ? `\0${entry}` : undefined,
      load: (id) => id === `\0${entry}` ? `export { ${names.join(", ")} } from ${JSON.stringify(core)}` : undefined
    }],
    build: {
      write: false,
      minify: true,
      rolldownOptions: { input: entry, external: /^effect/, preserveEntrySignatures: "strict" }
    }
  })
  const [{ output } = { output: [] }] = Array.isArray(result) ? result : "output" in result ? [result] : []
  return gzipSync(output.map((file) => file.type === "chunk" ? file.code : "").join("")).length
}

/** The milliseconds that a program takes which imports this and does nothing else. */
export const importTime = (specifier: string, rounds: number): number =>
  median(Array.from({ length: rounds }, () => {
    const start = performance.now()
    const code = `await import(${JSON.stringify(specifier)})`
    const { status } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
      cwd: import.meta.dirname,
      stdio: "inherit"
    })
    if (status !== 0) throw new Error(`import of ${specifier} ended with ${status}`)
    return performance.now() - start
  }))

export const library = core
