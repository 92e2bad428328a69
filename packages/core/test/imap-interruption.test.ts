import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { countedSources } from "./support/counted-sources.ts"
import { expectEmpty } from "./support/counters.ts"
import { sweep } from "./support/interruption-sweep.ts"
import { upTo } from "./support/sizes.ts"
import { turns } from "./support/turns.ts"
import { emitted, mapOf, verbs } from "./support/verbs.ts"

/** Jobs that take some turns, more or less, and note what becomes of them. */
class Work {
  readonly started: Array<number> = []
  readonly ended: Array<number> = []

  readonly job = (item: number): Effect.Effect<number> =>
    Effect.suspend(() => {
      this.started.push(item)
      return turns((item * 2) % 3)
    }).pipe(
      // The finalizer takes its time too.
      Effect.ensuring(Effect.andThen(Effect.yieldNow, Effect.sync(() => this.ended.push(item)))),
      Effect.as(item)
    )
}

const places = [
  { place: "on a free pool", size: 2, taken: 0, isInside: false },
  { place: "on a full pool", size: 2, taken: 2, isInside: false },
  { place: "inside a job of the same pool of size 1", size: 1, taken: 0, isInside: true },
  { place: "inside a job of the same pool of size 2", size: 2, taken: 0, isInside: true }
]

describe.each(verbs.flatMap((verb) => countedSources.map(({ kind, make }) => ({ verb, kind, make }))))(
  "an interruption at any point of $verb of $kind",
  ({ make, verb }) => {
    it.each(places)("$place loses no slot, leaves no job and closes the source", ({ isInside, size, taken }) => {
      const length = isInside ? 3 : 5
      sweep((world, operations) => {
        const pool = world.pool(size)
        for (let job = 0; job < taken; job++) world.fork(pool.run(turns(4 + job)))
        const { counts, source } = make(length)
        const work = new Work()
        const received: Array<unknown> = []
        const read = Stream.runForEach(
          mapOf(pool, verb)(work.job, source),
          (result) => Effect.sync(() => received.push(result))
        )
        return {
          victim: world.fork(isInside ? pool.run(read) : read, operations),
          pool,
          check(over) {
            world.get(expectEmpty(pool))
            expect(work.ended.toSorted()).toEqual(work.started)
            expect(work.started).toEqual(upTo(work.started.length))
            expect(counts.opened).toBe(counts.closed + Math.min(1, counts.ends))
            expect(new Set(received).size).toBe(received.length)
            const results = verb === "imapUnordered" ? received.toSorted() : received
            const isKnown = over || verb !== "imapUnordered"
            expect(results).toEqual(
              isKnown ? upTo(over ? length : received.length).map(emitted(verb)) : results
            )
          }
        }
      })
    })
  }
)
