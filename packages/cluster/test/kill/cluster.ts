/** A cluster of real processes on this machine, which can be killed, frozen and cut off. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { type Absence, type Event, now, parse } from "./events.ts"

/** How soon processes miss each other, in milliseconds. */
export interface Timings {
  readonly lease: number
  readonly heartbeat: number
  readonly grace: number
  readonly reclaimAfter: number
  readonly sharding: Readonly<Record<string, number>>
}

/** What one process of the cluster does. */
export interface ProcessOptions {
  /** A process with a port is a runner. */
  readonly port?: number
  readonly listenPort?: number
  readonly database: string
  readonly log: string
  readonly size: number
  /** How many callers always want a slot. */
  readonly callers: number
  readonly jobMillis: number
  /** How many durable jobs it maps, beside its callers. */
  readonly durable: number
  readonly timings: Timings
}

export class Cluster implements AsyncDisposable {
  readonly absences: Array<Absence> = []
  readonly #folder = mkdtempSync(join(tmpdir(), "greenpool-kill-"))
  readonly #children = new Map<string, ChildProcess>()
  readonly #options: Pick<ProcessOptions, "size" | "jobMillis" | "timings" | "database">

  constructor(options: Pick<ProcessOptions, "size" | "jobMillis" | "timings"> & { readonly database?: string }) {
    this.#options = { ...options, database: options.database ?? join(this.#folder, "cluster.db") }
  }

  /** Starts a process, and waits until it runs jobs. */
  async start(
    name: string,
    options: Partial<Pick<ProcessOptions, "port" | "listenPort" | "callers" | "durable">> = {}
  ): Promise<void> {
    const log = this.#logOf(name)
    const all: ProcessOptions = { callers: 2 * this.#options.size, durable: 0, ...this.#options, ...options, log }
    const child = spawn(process.execPath, [join(import.meta.dirname, "program.ts"), JSON.stringify(all)], {
      // Effect's log says that connections were reset.
      stdio: ["ignore", "ignore", "inherit"]
    })
    this.#children.set(name, child)
    const word = all.callers > 0 ? "start" : "ready"
    await this.until(`${name} to ${word}`, 60, () => this.of(name).some(({ what }) => what === word))
  }

  /** Sends a signal, and returns when. */
  signal(name: string, signal: NodeJS.Signals): number {
    const at = now()
    this.#children.get(name)!.kill(signal)
    if (signal === "SIGKILL") this.absences.push({ process: name, from: at, to: Infinity })
    return at
  }

  /** Waits until a process has ended. */
  async ended(name: string): Promise<void> {
    const child = this.#children.get(name)!
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
  }

  /** What a process has written down. */
  of(name: string): ReadonlyArray<Event> {
    const log = this.#logOf(name)
    return existsSync(log) ? parse(name, readFileSync(log, "utf8")) : []
  }

  /** What all processes, or those of the names, have written down, in order. */
  events(...names: ReadonlyArray<string>): ReadonlyArray<Event> {
    return (names.length > 0 ? names : [...this.#children.keys()]).flatMap((name) => this.of(name))
      .toSorted((a, b) => a.time - b.time)
  }

  /** Waits until the condition holds, and returns for how long. */
  async until(what: string, seconds: number, condition: () => boolean): Promise<number> {
    const start = now()
    while (!condition()) {
      if (now() - start > seconds) throw new Error(`It took more than ${seconds} s for ${what}`)
      await sleep(200)
    }
    return now() - start
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children.values()) {
      child.kill("SIGCONT")
      child.kill("SIGKILL")
    }
    await Promise.all([...this.#children.keys()].map((name) => this.ended(name)))
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #logOf(name: string): string {
    return join(this.#folder, `${name}.log`)
  }
}
