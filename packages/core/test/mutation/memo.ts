/**
 * What a run has found so far, in a file, so that a further run can go on from there.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import type { Fault } from "./fault.ts"
import type { Outcome } from "./report.ts"

interface Entry {
  readonly fault: string
  readonly killedBy: string
  readonly seconds: number
}

const idOf = ({ file, find, replace }: Fault): string => JSON.stringify([file, find, replace])

/** Keeps the faults that were killed; without a file it keeps nothing. */
export class Memo {
  readonly #path: string | undefined
  readonly #entries = new Map<string, Entry>()

  constructor(path: string | undefined) {
    this.#path = path
    if (path === undefined || !existsSync(path)) return
    for (const line of readFileSync(path, "utf8").split("\n")) {
      if (line === "") continue
      const entry = JSON.parse(line) as Entry
      this.#entries.set(entry.fault, entry)
    }
  }

  get(fault: Fault): Outcome | undefined {
    const entry = this.#entries.get(idOf(fault))
    return entry === undefined ? undefined : { fault, killedBy: entry.killedBy, seconds: entry.seconds }
  }

  add({ fault, killedBy, seconds }: Outcome): void {
    if (this.#path === undefined || killedBy === undefined) return
    const entry: Entry = { fault: idOf(fault), killedBy, seconds }
    appendFileSync(this.#path, `${JSON.stringify(entry)}\n`)
  }
}
