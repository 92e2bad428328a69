/**
 * Trees of nested jobs: how many are at work.
 */
import { expect } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { expectWorking, forkNow, makePool, testEffect } from "./support/index.ts"

testEffect.each([[1, 6, 0.85], [2, 6, 1.7], [3, 6, 2.55], [8, 9, 7]] as const)(
  "a tree of nested run keeps %i slots at work: a job lends its slot to any inside it",
  function*([size, depth, least]) {
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
  }
)
