/**
 * A process that runs tests: `worker.ts`, as others see it.
 */
import { type ChildProcess, fork } from "node:child_process"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import type { Package } from "./packages.ts"
import type { Command, Due, Message, Run, Start } from "./worker.ts"

/** How long the process may be silent, in addition to the limit of a test. */
const Grace = 1_000

export class Process {
  readonly #child: ChildProcess
  /** Whether it can still be used. */
  alive = true
  tests: ReadonlyArray<string> = []
  /** The mutants that were reached while modules were loaded. */
  reached: ReadonlyArray<number> = []
  /** What the process has written to its stderr. */
  output = ""

  private constructor(cwd: string) {
    this.#child = fork(join(import.meta.dirname, "worker.ts"), {
      cwd,
      execArgv: ["--expose-gc", "--max-old-space-size=2048", "--disable-warning=ExperimentalWarning"],
      stdio: ["ignore", "ignore", "pipe", "ipc"]
    })
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.output = (this.output + chunk.toString()).slice(-10_000)
    })
  }

  /** Starts a process with these sources, by their paths in `src`, and test files. It has no tests if it can't load them. */
  static async start(
    { directory }: Package,
    sources: ReadonlyMap<string, string>,
    files: ReadonlyArray<string>,
    mutants = 0,
    active = 0
  ): Promise<Process> {
    const process = new Process(directory)
    const start: Start = {
      sources: Object.fromEntries(
        [...sources].map(([file, text]) => [pathToFileURL(join(directory, "src", file)).href, text])
      ),
      mutants,
      active,
      directory: join(directory, "test"),
      files
    }
    await process.#talk(start, (message, end) => {
      if (message.type !== "ready") return
      Object.assign(process, message)
      end()
    }, 60_000)
    return process
  }

  /** Runs tests until one fails. */
  async run(mutant: number, due: ReadonlyArray<Due>): Promise<{ runs: ReadonlyArray<Run>; spoiled: boolean }> {
    const runs: Array<Run> = []
    let spoiled = false
    let last: Due | undefined
    const lost = await this.#talk({ mutant, due }, (message, end) => {
      if (message.type === "running") last = message.due
      if (message.type === "ran") runs.push(message.run)
      if (message.type === "spoiled") spoiled = true
      if (message.type === "spoiled" || message.type === "done") end()
      return message.type === "running" ? message.due.limit + Grace : undefined
    }, Grace)
    // A test that never ends may keep the process from saying that it has begun.
    const { test } = last ?? due[0] ?? { test: "" }
    if (lost !== undefined) runs.push({ test, failure: lost, seconds: 0, reached: [mutant] })
    if (spoiled) this.kill()
    return { runs, spoiled }
  }

  kill(): void {
    this.alive = false
    this.#child.kill("SIGKILL")
  }

  /**
   * Sends a message, and listens until `onMessage` calls `end`. Says why when the process ends before, or is killed
   * because it was silent for longer than `onMessage` has allowed.
   */
  #talk(
    message: Start | Command,
    onMessage: (message: Message, end: () => void) => number | undefined | void,
    first: number
  ): Promise<string | undefined> {
    return new Promise((resolve) => {
      const end = (reason?: string): void => {
        clearTimeout(timer)
        this.#child.off("message", listen)
        this.#child.off("exit", exit)
        resolve(reason)
      }
      const late = (): void => {
        this.kill()
        end("does not end")
      }
      let timer = setTimeout(late, first)
      const listen = (received: Message): void => {
        const allowed = onMessage(received, end)
        if (allowed === undefined) return
        clearTimeout(timer)
        timer = setTimeout(late, allowed)
      }
      const exit = (): void => {
        this.alive = false
        end("ends the process")
      }
      this.#child.on("message", listen)
      this.#child.on("exit", exit)
      if (!this.#child.connected) return exit()
      this.#child.send(message, (error) => error === null ? undefined : exit())
    })
  }
}
