/**
 * What a pool's counters say.
 */
import { expect } from "@effect/vitest"
import { Effect } from "effect"
import type { GreenPool, PoolFull, PoolStats } from "../../src/index.ts"

/** `free`, `running`, `waiting` and `borrowed`, at one moment. */
export const counters = (pool: GreenPool<PoolFull>) =>
  Effect.map(pool.stats, ({ borrowed, free, running, waiting }) => ({ free, running, waiting, borrowed }))

/** What holds of each snapshot. */
export const expectConsistent = (stats: PoolStats): void => {
  expect(stats.free).toBe(stats.size - stats.running)
  expect(stats.started).toBe(stats.succeeded + stats.failed + stats.interrupted + stats.running + stats.borrowed)
}

/** Nothing runs, nothing waits, and nothing was lost. */
export const expectEmpty = (pool: GreenPool<PoolFull>) =>
  Effect.map(pool.stats, (stats) => {
    expectConsistent(stats)
    expect({ running: stats.running, waiting: stats.waiting, borrowed: stats.borrowed }).toEqual({
      running: 0,
      waiting: 0,
      borrowed: 0
    })
  })

/** Checks that exactly `size` jobs get a slot at once, and one more does not; leaves the pool as it was. */
export const expectWorking = (pool: GreenPool<PoolFull>) =>
  Effect.gen(function*() {
    const size = yield* pool.size
    const before = yield* counters(pool)
    expect(before).toEqual({ free: size, running: 0, waiting: 0, borrowed: 0 })
    const fibers = yield* Effect.forEach(
      Array.from({ length: size + 1 }),
      () => Effect.forkChild(pool.run(Effect.never), { startImmediately: true })
    )
    expect(yield* counters(pool)).toEqual({ free: 0, running: size, waiting: 1, borrowed: 0 })
    for (const fiber of fibers) fiber.interruptUnsafe()
    yield* pool.waitall
    expect(yield* counters(pool)).toEqual(before)
  })
