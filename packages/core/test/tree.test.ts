/**
 * Trees of nested jobs: how many are at work.
 */
import { expect, it } from "@effect/vitest"
import { Clock, Effect, type Fiber } from "effect"
import { TestClock } from "effect/testing"
import { expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"

/** Milliseconds that each node of the tree works before it has its two children run. */
const Work = 10

const atWork = (size: number, depth: number) =>
  Effect.gen(function*() {
    const pool = yield* makePool(size)
    let now = 0
    let most = 0
    const work = Effect.suspend(() => {
      most = Math.max(most, ++now)
      return Effect.ensuring(Effect.sleep(Work), Effect.sync(() => now--))
    })
    const node = (depth: number): Effect.Effect<void> =>
      depth === 0 ? work : Effect.andThen(
        work,
        Effect.forEach([0, 1], () => pool.run(node(depth - 1)), { concurrency: "unbounded", discard: true })
      )
    const start = yield* Clock.currentTimeMillis
    const root: Fiber.Fiber<void> = yield* forkNow(pool.run(node(depth)))
    while (root.pollUnsafe() === undefined) yield* TestClock.adjust(Work)
    const nodes = 2 ** (depth + 1) - 1
    yield* expectWorking(pool)
    return { mean: nodes * Work / ((yield* Clock.currentTimeMillis) - start), most }
  })

it.effect.each([[1, 6, 0.85], [2, 6, 1.7], [3, 6, 2.55], [8, 9, 7]] as const)(
  "a binary tree of nested run keeps %i slots at work: a job that waits for jobs inside it lends its slot to any of them",
  ([size, depth, least]) =>
    Effect.gen(function*() {
      const { mean, most } = yield* atWork(size, depth)
      expect(most).toBe(size)
      expect(mean).toBeGreaterThan(least)
    })
)
