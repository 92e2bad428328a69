/**
 * A copy of the package in a directory of its own, in which tests can run.
 */
import { spawn } from "node:child_process"
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { core, root } from "./tests.ts"

const config = `import { writeFileSync } from "node:fs"

export default {
  cacheDir: ".vite",
  test: {
    include: ["packages/core/test/**/*.test.ts"],
    execArgv: ["--expose-gc"],
    pool: "forks",
    maxWorkers: 1,
    bail: 1,
    reporters: ["json", {
      onTestModuleStart: (module) => writeFileSync("running", module.moduleId)
    }],
    outputFile: { json: "report.json" }
  }
}
`

/** The part of vitest's report that is read here. */
interface Report {
  readonly numTotalTests: number
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: ReadonlyArray<{ readonly status: string; readonly fullName: string }>
  }>
}

export class Package {
  readonly #directory = mkdtempSync(join(tmpdir(), "greenpool-mutation-"))
  readonly #core = join(this.#directory, "packages", "core")

  /** Copies another copy, or else the package itself. */
  constructor(from?: Package) {
    const source = from === undefined ? core : from.#core
    for (const name of ["src", "test", "package.json", "tsconfig.json", "tsconfig.src.json", "tsconfig.test.json"]) {
      cpSync(join(source, name), join(this.#core, name), { recursive: true })
    }
    for (const name of ["package.json", "tsconfig.base.json"]) {
      cpSync(join(root, name), join(this.#directory, name))
    }
    symlinkSync(join(root, "node_modules"), join(this.#directory, "node_modules"))
    symlinkSync(join(core, "node_modules"), join(this.#core, "node_modules"))
    writeFileSync(join(this.#directory, "vitest.config.mjs"), config)
  }

  /** Reads a file of `src`. */
  read(file: string): string {
    return readFileSync(join(this.#core, "src", file), "utf8")
  }

  /** Writes a file of `src`. */
  write(file: string, text: string): void {
    writeFileSync(join(this.#core, "src", file), text)
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** Runs these test files up to the first test that fails, and says which that is. A hang is a failure. */
  async firstFailure(files: ReadonlyArray<string>, seconds: number): Promise<string | undefined> {
    if (files.length === 0) return undefined
    for (const name of ["report.json", "running"]) rmSync(join(this.#directory, name), { force: true })
    const run = await this.#run(files, seconds)
    if (run.hung) return `${this.#running()}: does not end`
    if (run.code === 0) return undefined
    const report = this.#report()
    for (const { assertionResults, name } of report?.testResults ?? []) {
      const failed = assertionResults.find(({ status }) => status === "failed")
      if (failed !== undefined) return `${nameOf(name)}: ${failed.fullName}`
    }
    const broken = report?.testResults.find(({ message, status }) => status === "failed" && message !== "")
    if (report === undefined || report.numTotalTests === 0) {
      throw new Error(`no test ran: ${broken?.message ?? run.output.slice(-2000)}`)
    }
    return `${this.#running()}: ends with an error outside of any test`
  }

  #run(
    files: ReadonlyArray<string>,
    seconds: number
  ): Promise<{ readonly code: number | null; readonly hung: boolean; readonly output: string }> {
    return new Promise((resolve) => {
      let output = ""
      let hung = false
      const child = spawn(
        process.execPath,
        [
          join(root, "node_modules", "vitest", "vitest.mjs"),
          "run",
          ...files.map((file) => join("packages", "core", "test", file))
        ],
        { cwd: this.#directory, detached: true, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, CI: "1" } }
      )
      const collect = (chunk: Buffer): void => {
        output = (output + chunk.toString()).slice(-10_000)
      }
      child.stdout.on("data", collect)
      child.stderr.on("data", collect)
      // Its workers are in its process group, and would outlive it.
      const kill = (): void => {
        try {
          if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
        } catch {
          // all of them have ended
        }
      }
      const timer = setTimeout(() => {
        hung = true
        kill()
      }, seconds * 1000)
      child.on("close", (code) => {
        clearTimeout(timer)
        kill()
        resolve({ code, hung, output })
      })
    })
  }

  #report(): Report | undefined {
    const file = join(this.#directory, "report.json")
    return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) as Report : undefined
  }

  /** The test file that began last. */
  #running(): string {
    const file = join(this.#directory, "running")
    return existsSync(file) ? nameOf(readFileSync(file, "utf8")) : "the tests"
  }
}

const nameOf = (path: string): string => path.split("/test/").at(-1) ?? path
