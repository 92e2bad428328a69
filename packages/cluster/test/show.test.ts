/**
 * A budget as a whole, as the dashboard shows it.
 */
import { expect, it } from "@effect/vitest"
import type { PoolStats } from "@greenpool/core"
import { Effect, Fiber, Stream } from "effect"
import { budgetOf, ClusterGreenPool } from "../src/index.ts"
import { member, pass, ready } from "./support/cluster.ts"

it.effect("a budget is shown with the jobs, callers and processes of all its pools, and can be resized", () =>
  Effect.gen(function*() {
    yield* ready
    const pools = yield* Effect.forEach([1, 2], () => member({ size: 2 }))
    const budget = budgetOf(pools[0]!)
    const seen: Array<PoolStats> = []
    const reader = yield* Effect.forkChild(
      Stream.runForEach(budget.changes, (stats) => Effect.sync(() => seen.push(stats)))
    )
    for (const pool of pools) {
      for (let job = 0; job < 2; job++) yield* Effect.forkScoped(pool.run(Effect.never))
    }
    yield* pass("1 second", 3)
    const stats = yield* Effect.forkChild(budget.stats)
    yield* pass(10)
    expect(yield* Fiber.join(stats)).toMatchObject({ name: "test (cluster)", size: 2, running: 2, free: 0, waiting: 2 })
    const keys = yield* Effect.forkChild(budget.keys)
    yield* pass(10)
    expect((yield* Fiber.join(keys)).map(({ running, waiting }) => [running, waiting])).toEqual([[2, 0], [0, 2]])
    const resized = yield* Effect.forkChild(budget.resize(4))
    yield* pass("1 second", 3)
    yield* Fiber.join(resized)
    expect(seen.at(-1)).toMatchObject({ size: 4, running: 4, waiting: 0 })
    // No state is emitted twice.
    expect(new Set(seen.map((state) => JSON.stringify(state))).size).toBe(seen.length)
    yield* Fiber.interrupt(reader)
  }).pipe(Effect.provide(ClusterGreenPool.layerTest())))
