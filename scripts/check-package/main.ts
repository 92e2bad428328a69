// Packs the packages as they would be published, and checks what their users would get.
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build } from "vite"
import { npmEnvironment } from "../npm-environment.ts"
import { runtimes } from "../runtimes/runtimes.ts"
import { checkChangelog, checkContents, checkLinks } from "./contents.ts"
import { installProject } from "./project.ts"

const folder = mkdtempSync(join(tmpdir(), "greenpool-"))
process.once("exit", () => rmSync(folder, { recursive: true, force: true }))

const run = (command: string, args: ReadonlyArray<string>, cwd = folder) => {
  const env = command === "npx" ? npmEnvironment : process.env
  execFileSync(command, args, { cwd, env, stdio: "inherit" })
}

/** Packs a package, and checks what is in it. Its manifest and types resolve for every user of ES modules. */
const pack = (name: string): string => {
  const tarball = join(folder, `${name}.tgz`)
  run("pnpm", ["pack", "--out", tarball], join(import.meta.dirname, "../../packages", name))
  checkContents(tarball)
  checkLinks(tarball)
  checkChangelog(tarball)
  run("publint", ["--strict", tarball])
  run("attw", ["--profile", "esm-only", tarball])
  return tarball
}

const core = pack("core")
const cluster = pack("cluster")
const dashboard = pack("dashboard")

// A program in plain JavaScript runs on every runtime.
const javascript = installProject("javascript", folder, core)
for (const { command, name, run: args } of Object.values(runtimes)) {
  console.log(`The JavaScript program on ${name}`)
  const [file, ...first] = command
  run(file, [...first, ...args, "program.js"], javascript)
}

// One in strict TypeScript compiles with all that is checked switched on, whichever way it resolves modules, and runs.
const typescript = installProject("typescript", folder, core)
const compile = (compiler: string, config: string) => {
  console.log(`The TypeScript program with ${compiler} and ${config}`)
  run("node", [join("node_modules", compiler, "bin/tsc"), "--project", config], typescript)
}
compile("typescript-5", "tsconfig.json")
compile("typescript", "tsconfig.bundler.json")
compile("typescript", "tsconfig.json")
run("node", ["dist/program.js"], typescript)

// A server with a dashboard runs from one file, in an empty folder: it looks for no other file.
console.log("The server with a dashboard, from its bundle")
const server = installProject("server", folder, core, dashboard)
const empty = mkdtempSync(join(folder, "empty-"))
await build({
  root: server,
  configFile: false,
  logLevel: "warn",
  ssr: { noExternal: true },
  build: { ssr: "server.js", outDir: empty, emptyOutDir: true }
})
run("node", ["server.js"], empty)

console.log("The program with a cluster")
run("node", ["program.js"], installProject("cluster", folder, core, cluster))

console.log("The packages are sound")
