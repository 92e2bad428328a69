/**
 * The results of a map that were not emitted yet, as a linked list of its jobs in the order of emission.
 */
import type { Exit } from "effect"

/** A job whose result is to be emitted. */
export interface Result {
  /** Once the job has ended. */
  exit: Exit.Exit<unknown, unknown> | undefined
  /** The job to be emitted after this one. */
  after: Result | undefined
}

export class Results {
  private first: Result | undefined = undefined
  private last: Result | undefined = undefined

  append(result: Result): void {
    if (this.last === undefined) this.first = result
    else this.last.after = result
    this.last = result
  }

  /** The exit to be emitted next, if the job of it has ended. */
  get next(): Exit.Exit<unknown, unknown> | undefined {
    return this.first?.exit
  }

  /** Removes the results that are ready: all exits, or values up to the first failure. */
  take(exits: boolean): Array<unknown> {
    const chunk: Array<unknown> = []
    for (let result = this.first; result?.exit !== undefined; result = this.first) {
      const { after, exit } = result
      if (exits) chunk.push(exit)
      else if (exit._tag === "Success") chunk.push(exit.value)
      else break
      this.first = after
      result.exit = result.after = undefined
    }
    if (this.first === undefined) this.last = undefined
    return chunk
  }

  /** Drops all. */
  clear(): void {
    this.first = this.last = undefined
  }
}
