import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber } from "effect"
import type { GreenPool } from "../src/index.ts"
import { expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { collectGarbage, heap } from "./support/heap.ts"
import { makePool } from "./support/makePool.ts"
import { atRest } from "./support/turns.ts"

describe("a pool that goes on living", () => {
  const Payload = Context.Reference<object | undefined>("test/Payload", { defaultValue: () => undefined })

  /** Ways in which a job can come and go; each is given something big to hold on to. */
  const ends: Record<string, (pool: GreenPool, keep: object) => Effect.Effect<unknown, unknown>> = {
    "run and ended": (pool, keep) => pool.run(Effect.sync(() => [keep])),
    "run and failed": (pool, keep) => pool.run(Effect.fail(keep)),
    "spawned and ended": (pool, keep) => Effect.flatMap(pool.spawn(Effect.sync(() => [keep])), Fiber.await),
    "spawned and failed": (pool, keep) => Effect.flatMap(pool.spawn(Effect.fail(keep)), Fiber.await),
    "spawned and interrupted": (pool, keep) =>
      Effect.flatMap(
        pool.spawn(Effect.andThen(Effect.never, Effect.sync(() => keep))),
        (fiber) => Effect.andThen(Effect.yieldNow, Fiber.interrupt(fiber))
      ),
    "spawned and interrupted before its start": (pool, keep) =>
      Effect.flatMap(pool.spawn(Effect.sync(() => keep)), Fiber.interrupt),
    "nested and ended": (pool, keep) =>
      pool.run(pool.run(Effect.flatMap(pool.spawn(Effect.sync(() => keep)), Fiber.join))),
    "cancelled in the queue": (pool, keep) =>
      Effect.gen(function*() {
        const holder = yield* pool.spawn(Effect.never)
        const calls: Array<Effect.Effect<unknown>> = [
          pool.run(Effect.sync(() => keep)),
          pool.spawn(Effect.sync(() => keep))
        ]
        for (const call of calls) {
          const waiter = yield* forkNow(call)
          yield* Fiber.interrupt(waiter)
        }
        yield* Fiber.interrupt(holder)
      }),
    "cancelled in waitall": (pool, keep) =>
      Effect.gen(function*() {
        const holder = yield* pool.spawn(Effect.never)
        const waiter = yield* Effect.forkDetach(Effect.map(pool.waitall, () => keep), { startImmediately: true })
        yield* Fiber.interrupt(waiter)
        yield* Fiber.interrupt(holder)
      })
  }

  it.live.each(Object.keys(ends))("keeps nothing of a job that was %s", (end) =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const kept: Array<WeakRef<object>> = []
      for (let i = 0; i < 20; i++) {
        const fiber = yield* Effect.forkDetach(Effect.suspend(() => {
          const keep = { payload: new Uint8Array(1000) }
          kept.push(new WeakRef(keep))
          return Effect.provideService(ends[end]?.(pool, keep) ?? Effect.die(new Error(end)), Payload, keep)
        }))
        yield* Fiber.await(fiber)
      }
      yield* Effect.forkDetach(Effect.void)
      yield* atRest
      yield* collectGarbage
      expect(kept).toHaveLength(20)
      // the last one may still be in a register
      expect(kept.filter((one) => one.deref() !== undefined).length).toBeLessThanOrEqual(1)
      yield* expectWorking(pool)
    }))

  it.live.each(["run", "spawn", "spawnN"] as const)(
    "keeps nothing of an ended job of %s in the fibers that outlive it",
    (verb) =>
      Effect.gen(function*() {
        const pool = yield* makePool(2)
        const kept: Array<WeakRef<object>> = []
        const orphans: Array<Fiber.Fiber<unknown>> = []
        for (let i = 0; i < 20; i++) {
          const caller = yield* Effect.forkDetach(Effect.suspend(() => {
            const keep = { payload: new Uint8Array(1000) }
            kept.push(new WeakRef(keep))
            const job = Effect.forkDetach(Effect.never, { startImmediately: true }).pipe(
              Effect.map((orphan) => {
                orphans.push(orphan)
                return keep
              })
            )
            return pool[verb](job) as Effect.Effect<unknown>
          }))
          yield* Fiber.await(caller)
          yield* pool.waitall
        }
        yield* atRest
        yield* collectGarbage
        expect(orphans).toHaveLength(20)
        expect(kept.filter((one) => one.deref() !== undefined).length).toBeLessThanOrEqual(1)
        yield* Fiber.interruptAll(orphans)
      })
  )

  it.live("does not grow with a chain of jobs that spawn their successors", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const chain = (length: number) => {
        let left = length
        const next: Effect.Effect<void> = Effect.suspend(() => --left > 0 ? pool.spawnN(next) : Effect.void)
        return Effect.andThen(pool.spawnN(next), pool.waitall)
      }
      yield* chain(1000)
      const before = yield* heap
      yield* chain(60_000)
      expect((yield* heap) - before).toBeLessThan(1_000_000)
    }))

  it.live("does not grow with a chain of jobs while it lasts", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      let left = 60_000
      let before = 0
      let after = 0
      const next: Effect.Effect<void> = Effect.suspend(() => {
        if (--left === 50_000) return Effect.andThen(Effect.map(heap, (now) => before = now), pool.spawnN(next))
        if (left === 0) return Effect.map(heap, (now) => after = now)
        return pool.spawnN(next)
      })
      yield* pool.spawnN(next)
      yield* pool.waitall
      expect(before).toBeGreaterThan(0)
      expect(after - before).toBeLessThan(1_000_000)
    }))
})
