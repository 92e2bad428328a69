// Packs @greenpool/core as it would be published, and checks what its users would get.
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const core = join(import.meta.dirname, "../packages/core")
const project = mkdtempSync(join(tmpdir(), "greenpool-"))
process.once("exit", () => rmSync(project, { recursive: true, force: true }))
const tarball = join(project, "core.tgz")

const run = (command: string, args: ReadonlyArray<string>, cwd: string) =>
  void execFileSync(command, args, { cwd, stdio: "inherit" })

run("pnpm", ["pack", "--out", tarball], core)

// It holds what belongs there, and nothing else.
const files = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).trim().split("\n")
const expected =
  /^package\/(dist\/.+\.(js|d\.ts)(\.map)?|src\/.+(?<!\.d)\.ts|(README|CHANGELOG)\.md|LICENSE|package\.json)$/
const foreign = files.filter((file) => !expected.test(file) || /test|bench/i.test(file))
const missing = ["dist/index.js", "dist/index.d.ts", "src/index.ts", "README.md", "LICENSE"]
  .filter((file) => !files.includes(`package/${file}`))
if (foreign.length > 0 || missing.length > 0) {
  throw new Error(`The tarball should not hold [${foreign.join(", ")}] and lacks [${missing.join(", ")}]`)
}

// Its manifest and types resolve for every user of ES modules.
run("publint", ["--strict", tarball], project)
run("attw", ["--profile", "esm-only", tarball], project)

// Installed in an empty project, it loads, and its internals stay closed.
const installed = join(project, "node_modules/@greenpool/core")
mkdirSync(installed, { recursive: true })
run("tar", ["-xzf", tarball, "--strip-components=1", "-C", installed], project)
symlinkSync(join(core, "node_modules/effect"), join(project, "node_modules/effect"))
const program = `
  await import("@greenpool/core")
  const { code } = await import("@greenpool/core/dist/index.js").catch((error) => error)
  if (code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw new Error("A file of the package can be imported by its path")
`
run("node", ["--input-type=module", "--eval", program], project)
console.log(`The package is sound: ${files.length} files`)
