/**
 * What a run has found so far, in a file, so that a further run can go on from there.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs"

/** The test that found a fault; null when none did. */
export type Found = string | null

interface Entry {
  readonly key: string
  readonly value: unknown
}

/** Without a file it keeps nothing. */
export class Memo {
  readonly #path: string | undefined
  readonly #entries = new Map<string, unknown>()

  constructor(path: string | undefined) {
    this.#path = path
    if (path === undefined || !existsSync(path)) return
    // A run may have been killed while it wrote the last one.
    for (const line of readFileSync(path, "utf8").split("\n").slice(0, -1)) {
      const { key, value } = JSON.parse(line) as Entry
      this.#entries.set(key, value)
    }
  }

  get(key: string): unknown {
    return this.#entries.get(key)
  }

  set(key: string, value: unknown): void {
    this.#entries.set(key, value)
    if (this.#path !== undefined) appendFileSync(this.#path, `${JSON.stringify({ key, value })}\n`)
  }
}
