/**
 * The jobs of a map, in the hands of the test: each notes that it starts, and goes on until it is told how to end.
 */
import { Deferred, Effect, Exit } from "effect"

export class MapJobs {
  /** The items whose jobs have started, in order. */
  readonly started: Array<number> = []
  /** The items whose jobs have ended, in order. */
  readonly ended: Array<number> = []
  /** The items whose jobs were interrupted, in order. */
  readonly interrupted: Array<number> = []
  /** The largest number of jobs that ever ran at once. */
  most = 0
  readonly #running = new Set<number>()
  readonly #gates = new Map<number, Deferred.Deferred<number, string>>()

  /** A job that gives its item when it is finished. */
  readonly job = (item: number): Effect.Effect<number, string> =>
    Effect.suspend(() => {
      this.started.push(item)
      this.#running.add(item)
      this.most = Math.max(this.most, this.#running.size)
      return Deferred.await(this.#gate(item))
    }).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          this.#running.delete(item)
          this.ended.push(item)
          if (Exit.hasInterrupts(exit)) this.interrupted.push(item)
        })
      )
    )

  /** The items whose jobs have started and not ended, in order. */
  get running(): Array<number> {
    return [...this.#running]
  }

  /** The item whose job has started last of those that run. Throws when none runs, where a test would wait for ever. */
  get last(): number {
    const last = this.running.at(-1)
    if (last === undefined) throw new Error("no job runs")
    return last
  }

  /** Lets the jobs of these items succeed, now or as soon as they start. */
  finish(...items: ReadonlyArray<number>): void {
    for (const item of items) Deferred.doneUnsafe(this.#gate(item), Exit.succeed(item))
  }

  /** Lets the job of the item fail with `"failed <item>"`. */
  fail(item: number): void {
    Deferred.doneUnsafe(this.#gate(item), Exit.fail(`failed ${item}`))
  }

  #gate(item: number): Deferred.Deferred<number, string> {
    let gate = this.#gates.get(item)
    if (gate === undefined) this.#gates.set(item, gate = Deferred.makeUnsafe())
    return gate
  }
}
