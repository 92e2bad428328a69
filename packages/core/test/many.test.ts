import { describe, expect, it } from "@effect/vitest"
import { Effect, type Fiber } from "effect"
import type { GreenPool } from "../src/index.ts"
import { expectEmpty, expectWorking } from "./support/counters.ts"
import { Growth } from "./support/heap.ts"
import { makePool } from "./support/makePool.ts"
import { Stage } from "./support/stage.ts"

describe("very many jobs that complete synchronously", () => {
  it.live.each<[string, (pool: GreenPool) => Effect.Effect<unknown>]>([
    ["run", (pool) => pool.run(Effect.void)],
    ["spawn", (pool) => pool.spawn(Effect.void)],
    ["spawnN", (pool) => pool.spawnN(Effect.void)]
  ])("of %s neither overflow the stack nor leave anything behind", ([, call]) =>
    Effect.gen(function*() {
      const many = 50_000
      const pool = yield* makePool(10)
      const job = call(pool)
      const growth = new Growth(many)
      let left = many
      const body = () => Effect.andThen(job, growth.step)
      yield* Effect.whileLoop({ while: () => left-- > 0, body, step: () => {} })
      yield* pool.waitall
      expect((yield* pool.stats).succeeded).toBe(many)
      growth.expectLessThan(8)
      yield* expectEmpty(pool)
    }))
})

describe("very many waiting fibers", () => {
  /** The processor time that `use` takes with so many fibers in the queue of a full pool. */
  const time = (
    count: number,
    use: (fibers: ReadonlyArray<Fiber.Fiber<void>>, pool: GreenPool, stage: Stage) => Effect.Effect<unknown>
  ) =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.spawn(stage.job("holder"))
      const fibers: Array<Fiber.Fiber<void>> = []
      for (let i = 0; i < count; i++) {
        fibers.push(yield* Effect.forkDetach(pool.run(Effect.void), { startImmediately: true }))
      }
      expect(yield* pool.waiting).toBe(count)
      const start = process.cpuUsage()
      yield* use(fibers, pool, stage)
      const { system, user } = process.cpuUsage(start)
      expect(yield* pool.waiting).toBe(0)
      yield* stage.finishAll
      yield* pool.waitall
      yield* expectWorking(pool)
      return user + system
    }))

  const cancelAll = (fibers: ReadonlyArray<Fiber.Fiber<void>>) =>
    Effect.sync(() => {
      for (const fiber of fibers) fiber.interruptUnsafe()
    })

  it.live.each<[string, Parameters<typeof time>[1]]>([
    ["are cancelled in order", cancelAll],
    ["are cancelled against their order", (fibers) => cancelAll(fibers.toReversed())],
    ["get the slot, one after the other,", (_, pool, stage) => Effect.andThen(stage.finishAll, pool.waitall)]
  ])("%s in linear time, and do not overflow the stack", ([, use]) =>
    Effect.gen(function*() {
      yield* time(5000, use)
      const short = yield* time(5000, use)
      const long = yield* time(50_000, use)
      // linear would be 10, quadratic 100
      expect(long / short).toBeLessThan(50)
    }))
})
