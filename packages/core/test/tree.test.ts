/**
 * Trees of nested jobs: how many are at work.
 */
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"

it.effect.each([[1, 6, 0.85], [2, 6, 1.7], [3, 6, 2.55], [8, 9, 7]] as const)(
  "a binary tree of nested run keeps %i slots at work: a job that waits for jobs inside it lends its slot to any of them",
  ([size, depth, least]) =>
    Effect.gen(function*() {
      const pool = yield* makePool(size)
      let now = 0
      let most = 0
      const start = Effect.sync(() => most = Math.max(most, ++now))
      const work = Effect.acquireUseRelease(start, () => Effect.sleep(1), () => Effect.sync(() => now--))
      /** Works, and then has its two children run. */
      const nodeOf = (depth: number): Effect.Effect<unknown> => {
        if (depth === 0) return work
        const child = pool.run(nodeOf(depth - 1))
        return Effect.andThen(work, Effect.all([child, child], { concurrency: "unbounded" }))
      }
      const root = yield* forkNow(pool.run(nodeOf(depth)))
      let time = 0
      for (; root.pollUnsafe() === undefined; time++) yield* TestClock.adjust(1)
      const nodes = 2 ** (depth + 1) - 1
      expect(most).toBe(size)
      expect(nodes / time).toBeGreaterThan(least)
      yield* expectWorking(pool)
    })
)
