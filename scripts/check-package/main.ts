// Packs @greenpool/core as it would be published, and checks what its users would get.
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { npmEnvironment } from "../npm-environment.ts"
import { runtimes } from "../runtimes/runtimes.ts"
import { checkChangelog, checkContents } from "./contents.ts"
import { installProject } from "./project.ts"

const folder = mkdtempSync(join(tmpdir(), "greenpool-"))
process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
const tarball = join(folder, "core.tgz")

const run = (command: string, args: ReadonlyArray<string>, cwd = folder) => {
  const env = command === "npx" ? npmEnvironment : process.env
  execFileSync(command, args, { cwd, env, stdio: "inherit" })
}

run("pnpm", ["pack", "--out", tarball], join(import.meta.dirname, "../../packages/core"))
checkContents(tarball)
checkChangelog(tarball)

// Its manifest and types resolve for every user of ES modules.
run("publint", ["--strict", tarball])
run("attw", ["--profile", "esm-only", tarball])

// A program in plain JavaScript runs on every runtime.
const javascript = installProject("javascript", tarball, folder)
for (const { command, name, run: args } of Object.values(runtimes)) {
  console.log(`The JavaScript program on ${name}`)
  const [file, ...first] = command
  run(file, [...first, ...args, "program.js"], javascript)
}

// One in strict TypeScript compiles with all that is checked switched on, whichever way it resolves modules, and runs.
const typescript = installProject("typescript", tarball, folder)
const compile = (compiler: string, config: string) => {
  console.log(`The TypeScript program with ${compiler} and ${config}`)
  run("node", [join("node_modules", compiler, "bin/tsc"), "--project", config], typescript)
}
compile("typescript-5", "tsconfig.json")
compile("typescript", "tsconfig.bundler.json")
compile("typescript", "tsconfig.json")
run("node", ["dist/program.js"], typescript)

console.log("The package is sound")
