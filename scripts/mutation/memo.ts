/**
 * What a run has found so far, in a file, so that a further run can go on from there.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs"

/** Without a file it is a map like others. */
export class Memo extends Map<string, unknown> {
  readonly #path: string | undefined

  constructor(path: string | undefined) {
    super()
    if (path !== undefined && existsSync(path)) {
      // A run may have been killed while it wrote the last one.
      for (const line of readFileSync(path, "utf8").split("\n").slice(0, -1)) {
        const { key, value } = JSON.parse(line) as { readonly key: string; readonly value: unknown }
        super.set(key, value)
      }
    }
    this.#path = path
  }

  override set(key: string, value: unknown): this {
    if (this.#path !== undefined) appendFileSync(this.#path, `${JSON.stringify({ key, value })}\n`)
    return super.set(key, value)
  }
}
