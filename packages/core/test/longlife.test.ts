import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Stream } from "effect"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { collectGarbage, heap } from "./support/heap.ts"
import { makePool } from "./support/makePool.ts"
import { atRest, turns } from "./support/turns.ts"
import { mapOf, verbs } from "./support/verbs.ts"

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

describe("a pool that is never idle", () => {
  it.live("keeps nothing of those who were interrupted in waitall", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      yield* pool.spawn(Effect.never)
      const interruptWaiters = (count: number) =>
        Effect.gen(function*() {
          for (let i = 0; i < count; i++) {
            yield* Fiber.interrupt(yield* Effect.forkDetach(pool.waitall, { startImmediately: true }))
          }
        })
      yield* interruptWaiters(1000)
      const before = yield* heap
      yield* interruptWaiters(20_000)
      // less than fifty bytes each
      expect((yield* heap) - before).toBeLessThan(1_000_000)
    }))
})

describe("fibers that outlive their jobs", () => {
  /** Makes objects and fibers that never end, and tells what is left of the objects. */
  class Remains {
    readonly orphans: Array<Fiber.Fiber<unknown>> = []
    readonly #made: Array<WeakRef<object>> = []

    readonly make = (): object => {
      const object = { payload: new Uint8Array(1000) }
      this.#made.push(new WeakRef(object))
      return object
    }

    /** A job that leaves a fiber behind and gives an object. */
    readonly job = Effect.map(Effect.forkDetach(Effect.never, { startImmediately: true }), (orphan) => {
      this.orphans.push(orphan)
      return this.make()
    })

    /** Does something in a fiber of its own, whose end leaves nothing on the stack. */
    readonly apart = <E>(effect: Effect.Effect<unknown, E>): Effect.Effect<unknown> =>
      Effect.flatMap(Effect.forkDetach(effect), Fiber.await)

    /** Expects that so many objects were made and that all are gone, but for one that may be in a register. */
    readonly expectNone = (count: number): Effect.Effect<void> =>
      Effect.gen({ self: this }, function*() {
        yield* atRest
        yield* collectGarbage
        expect(this.orphans).toHaveLength(20)
        expect(this.#made).toHaveLength(count)
        expect(this.#made.filter((one) => one.deref() !== undefined).length).toBeLessThanOrEqual(1)
        yield* Fiber.interruptAll(this.orphans)
      })
  }

  it.live("keep no result of a pile that was read", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const remains = new Remains()
      for (let i = 0; i < 20; i++) {
        yield* remains.apart(Effect.scoped(Effect.gen(function*() {
          const pile = yield* GreenPile.make<object>(pool)
          yield* pile.spawn(remains.job)
          yield* Effect.asVoid(pile.next)
        })))
      }
      yield* remains.expectNone(20)
    }))

  it.live.each(verbs)("keep no item and no result of %s", (verb) =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const remains = new Remains()
      const items = function*() {
        for (let i = 0; i < 20; i++) yield remains.make()
      }
      yield* remains.apart(
        Stream.runDrain(mapOf(pool, verb)(() => Effect.andThen(Effect.yieldNow, remains.job), items()))
      )
      yield* remains.expectNone(40)
    }))
})

describe("a chain of jobs, each of which outlives the one whose slot it has borrowed", () => {
  it.live("leaves nothing behind in a fiber that outlives the first", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const orphans: Array<Fiber.Fiber<unknown>> = []
      const detach = <A>(effect: Effect.Effect<A>) => Effect.forkDetach(effect, { startImmediately: true })
      let left = 0
      const link: Effect.Effect<void> = Effect.suspend(() =>
        --left === 0 ? Effect.void : Effect.andThen(Effect.yieldNow, detach(pool.run(link)))
      )
      const chain = (length: number) => {
        left = length
        const first = Effect.andThen(Effect.map(detach(Effect.never), (orphan) => orphans.push(orphan)), link)
        return Effect.andThen(pool.run(first), pool.waitall)
      }
      yield* chain(1000)
      const before = yield* heap
      yield* chain(20_000)
      // a hundred bytes each
      expect((yield* heap) - before).toBeLessThan(2_000_000)
      expect(orphans).toHaveLength(2)
      expect((yield* pool.stats).succeeded).toBe(21_000)
      yield* Fiber.interruptAll(orphans)
    }))
})

describe("a chain of jobs, each of which spawns its successor and works on for a little", () => {
  it.live("leaves nothing of itself behind", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(100)
      let held = 0
      const chain = (length: number): Effect.Effect<void> =>
        length === 0
          ? Effect.map(heap, (now) => {
            held = now
          })
          : Effect.andThen(pool.spawnN(Effect.suspend(() => chain(length - 1))), turns(3))
      const heldAfter = (length: number) =>
        Effect.andThen(Effect.andThen(pool.spawnN(chain(length)), pool.waitall), Effect.sync(() => held))
      const before = yield* heldAfter(1000)
      // twenty bytes each
      expect((yield* heldAfter(30_000)) - before).toBeLessThan(600_000)
    }))
})
