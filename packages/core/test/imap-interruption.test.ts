import { describe, expect, it, vi } from "@effect/vitest"
import { Effect, Exit, type Fiber, Option, type Scheduler, Stream } from "effect"
import type { GreenPool } from "../src/index.ts"
import { countedSources } from "./support/counted-sources.ts"
import { expectEmpty } from "./support/counters.ts"
import { sweep } from "./support/interruption-sweep.ts"
import { upTo } from "./support/sizes.ts"
import { turns } from "./support/turns.ts"
import { mapOf, type Verb, verbs } from "./support/verbs.ts"
import { World } from "./support/world.ts"

// Thousands of runs.
vi.setConfig({ testTimeout: 30_000 })

const length = 5

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

const read = (
  pool: GreenPool,
  verb: Verb,
  work: Work,
  source: Iterable<number> | Stream.Stream<number>,
  received: Array<number>
): Effect.Effect<void> =>
  Stream.runForEach(mapOf(pool, verb)(work.job, source), (result: number | Exit.Exit<number>) =>
    Effect.sync(() => {
      received.push(Exit.isExit(result) ? Exit.getSuccess(result).pipe(Option.getOrThrow) : result)
    }))

const inOrder = (received: ReadonlyArray<number>): ReadonlyArray<number> => received.map((_, index) => index)

const occupy = (world: World, pool: GreenPool, jobs: number): void => {
  for (let job = 0; job < jobs; job++) world.fork(pool.run(turns(4 + job)))
}

for (const { kind, make } of countedSources) {
  describe.each(verbs)(`%s of ${kind}`, (verb) => {
    it.each([{ title: "a free", taken: 0 }, { title: "a full", taken: 2 }])(
      "an interruption at any point of a map on $title pool loses no slot, leaves no job and closes the source",
      ({ taken }) =>
        sweep((world, operations) => {
          const pool = world.pool(2)
          occupy(world, pool, taken)
          const { counts, source } = make(length)
          const work = new Work()
          const received: Array<number> = []
          const victim = world.fork(read(pool, verb, work, source, received), operations)
          return {
            victim,
            pool,
            check(over) {
              world.get(expectEmpty(pool))
              expect(work.ended.toSorted()).toEqual(work.started)
              expect(work.started).toEqual(inOrder(work.started))
              expect(counts.opened).toBe(counts.closed + Math.min(1, counts.ends))
              expect(new Set(received).size).toBe(received.length)
              const ordered = verb === "imapUnordered" ? received.toSorted() : received
              expect(ordered).toEqual(verb === "imapUnordered" ? ordered : inOrder(received))
              expect(over ? ordered : upTo(length)).toEqual(upTo(length))
              const { taken } = counts
              world.run()
              expect(counts.taken).toBe(taken)
            }
          }
        })
    )

    it.each([1, 2])(
      "an interruption at any point of a map inside a job of the same pool of size %i loses no slot and leaves no job",
      (size) =>
        sweep((world, operations) => {
          const pool = world.pool(size)
          const { counts, source } = make(3)
          const work = new Work()
          const received: Array<number> = []
          const victim = world.fork(pool.run(read(pool, verb, work, source, received)), operations)
          return {
            victim,
            pool,
            check(over) {
              world.get(expectEmpty(pool))
              expect(work.ended.toSorted()).toEqual(work.started)
              expect(counts.opened).toBe(counts.closed + Math.min(1, counts.ends))
              expect(over ? received.toSorted() : upTo(3)).toEqual(upTo(3))
            }
          }
        })
    )
  })
}

describe("on a scheduler that has each fiber yield before each of its first operations", () => {
  class HesitantWorld extends World {
    readonly #yields = new Map<Fiber.Fiber<unknown, unknown>, number>()

    override shouldYield(fiber: Parameters<Scheduler.Scheduler["shouldYield"]>[0]): boolean {
      const yields = this.#yields.get(fiber) ?? 0
      this.#yields.set(fiber, yields + 1)
      return yields < 6
    }
  }

  it("a resize at any moment reaches the window of a map", () => {
    for (let steps = 0; steps < 60; steps++) {
      const world = new HesitantWorld()
      const pool = world.pool(1)
      world.fork(Stream.runDrain(pool.imap(() => Effect.never, [0, 1, 2])))
      for (let i = 0; i < steps; i++) world.step()
      // outside of the world: at once
      Effect.runSync(pool.resize(2))
      world.run()
      expect({ steps, running: world.get(pool.running) }).toEqual({ steps, running: 2 })
    }
  })
})
