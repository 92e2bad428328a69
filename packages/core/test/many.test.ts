import { describe, expect, it } from "@effect/vitest"
import { Effect, type Fiber, Latch, type Scope } from "effect"
import type { GreenPool } from "../src/index.ts"
import { expectEmpty, expectWorking } from "./support/counters.ts"
import { heap } from "./support/heap.ts"
import { makePool } from "./support/makePool.ts"

const many = 300_000

describe("very many jobs that complete synchronously", () => {
  const works: Record<string, (pool: GreenPool) => Effect.Effect<unknown>> = {
    run: (pool) => pool.run(Effect.void),
    spawn: (pool) => pool.spawn(Effect.void),
    spawnN: (pool) => pool.spawnN(Effect.void)
  }

  it.live.each(Object.keys(works))(
    "of %s neither overflow the stack nor leave anything behind",
    (verb) =>
      Effect.gen(function*() {
        const pool = yield* makePool(10)
        const job = works[verb]?.(pool) ?? Effect.die(new Error(verb))
        const repeat = (count: number) => {
          let left = count
          return Effect.whileLoop({ while: () => left-- > 0, body: () => job, step: () => {} })
        }
        yield* repeat(10_000)
        const before = yield* heap
        yield* repeat(many)
        yield* pool.waitall
        const after = yield* heap
        expect((yield* pool.stats).succeeded).toBe(many + 10_000)
        // less than ten bytes a job
        expect(after - before).toBeLessThan(10 * many)
        yield* expectEmpty(pool)
      })
  )
})

describe("very many waiting fibers", () => {
  /** A full pool with this many fibers in its queue. */
  const lineUp = (count: number): Effect.Effect<
    { pool: GreenPool; fibers: Array<Fiber.Fiber<void>>; gate: Latch.Latch },
    never,
    Scope.Scope
  > =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const gate = yield* Latch.make()
      yield* pool.spawn(gate.await)
      const fibers: Array<Fiber.Fiber<void>> = []
      for (let i = 0; i < count; i++) {
        fibers.push(yield* Effect.forkDetach(pool.run(Effect.void), { startImmediately: true }))
      }
      expect(yield* pool.waiting).toBe(count)
      return { pool, fibers, gate }
    })

  /** The processor time that an effect takes. */
  const time = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const start = process.cpuUsage()
      return Effect.map(effect, () => {
        const { system, user } = process.cpuUsage(start)
        return user + system
      })
    })

  it.live(
    "are cancelled in linear time, in order or against it",
    () =>
      Effect.gen(function*() {
        const cancelAll = (count: number, order: (fibers: Array<Fiber.Fiber<void>>) => Array<Fiber.Fiber<void>>) =>
          Effect.scoped(Effect.gen(function*() {
            const { fibers, gate, pool } = yield* lineUp(count)
            const victims = order(fibers)
            const took = yield* time(Effect.sync(() => {
              for (const fiber of victims) fiber.interruptUnsafe()
            }))
            expect(yield* pool.waiting).toBe(0)
            expect(yield* pool.running).toBe(1)
            yield* gate.open
            yield* pool.waitall
            yield* expectWorking(pool)
            return took
          }))
        yield* cancelAll(20_000, (fibers) => fibers)
        const short = yield* cancelAll(20_000, (fibers) => fibers.toReversed())
        const long = yield* cancelAll(200_000, (fibers) => fibers.toReversed())
        // linear would be 10, quadratic 100
        expect(long / short).toBeLessThan(50)
      })
  )

  it.live("drain in linear time, and do not overflow the stack", () =>
    Effect.gen(function*() {
      const drain = (count: number) =>
        Effect.scoped(Effect.gen(function*() {
          const { gate, pool } = yield* lineUp(count)
          const took = yield* time(Effect.andThen(gate.open, pool.waitall))
          expect((yield* pool.stats).succeeded).toBe(count + 1)
          return took
        }))
      yield* drain(10_000)
      const short = yield* drain(10_000)
      const long = yield* drain(100_000)
      // linear would be 10, quadratic 100
      expect(long / short).toBeLessThan(50)
    }))
})
