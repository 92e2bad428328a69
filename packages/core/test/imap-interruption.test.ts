import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Stream } from "effect"
import { countedSources } from "./support/counted-sources.ts"
import {
  atRest,
  emitted,
  expectEmpty,
  forkNow,
  makePool,
  mapOf,
  testEffect,
  turns,
  upTo,
  verbs
} from "./support/index.ts"
import { sweep } from "./support/interruption-sweep.ts"

const places = [
  { place: "on a free pool", size: 2, taken: 0, isInside: false },
  { place: "on a full pool", size: 2, taken: 2, isInside: false },
  { place: "inside a job of the same pool of size 1", size: 1, taken: 0, isInside: true },
  { place: "inside a job of the same pool of size 2", size: 2, taken: 0, isInside: true }
]

const maps = verbs.flatMap((verb) => countedSources.map(({ kind, make }) => ({ verb, kind, make })))

describe.each(maps)("an interruption at any point of $verb of $kind", ({ make, verb }) => {
  it.each(places)("$place loses no slot, leaves no job and closes the source", ({ isInside, size, taken }) => {
    const length = isInside ? 3 : 5
    sweep((world, operations) => {
      const pool = world.pool(size)
      for (let job = 0; job < taken; job++) world.fork(pool.run(turns(4 + job)))
      const { counts, source } = make(length)
      const started: Array<number> = []
      const ended: Array<number> = []
      /** Takes some turns, more or less, and one to finalize. */
      const job = (item: number) =>
        Effect.suspend(() => {
          started.push(item)
          return turns((item * 2) % 3)
        }).pipe(
          Effect.ensuring(Effect.andThen(Effect.yieldNow, Effect.sync(() => ended.push(item)))),
          Effect.as(item)
        )
      const received: Array<unknown> = []
      const note = (result: unknown) => Effect.sync(() => received.push(result))
      const read = Stream.runForEach(mapOf(pool, verb)(job, source), note)
      return {
        victim: world.fork(isInside ? pool.run(read) : read, operations),
        pool,
        check(over) {
          world.get(expectEmpty(pool))
          expect(ended.toSorted()).toEqual(started)
          expect(started).toEqual(upTo(started.length))
          expect(counts.opened).toBe(counts.closed + Math.min(1, counts.ends))
          const results = verb === "imapUnordered" ? received.toSorted() : received
          const isDue = (result: unknown, index: number) =>
            over || (verb === "imapUnordered" ? received.includes(result) : index < received.length)
          expect(results).toEqual(upTo(length).map(emitted(verb)).filter(isDue))
        }
      }
    })
  })
})

testEffect("a reader that is interrupted while its map ends still waits for the jobs", function*() {
  const pool = yield* makePool(2)
  const gate = yield* Latch.make()
  const jobs = [Effect.ensuring(Effect.never, gate.await), Effect.fail("no")]
  const pull = yield* Stream.toPull(pool.imapUnordered((job) => job, jobs))
  const reader = yield* forkNow(pull)
  yield* atRest
  reader.interruptUnsafe()
  yield* atRest
  expect(reader.pollUnsafe()).toBeUndefined()
  yield* gate.open
  yield* Fiber.await(reader)
  yield* expectEmpty(pool)
})
