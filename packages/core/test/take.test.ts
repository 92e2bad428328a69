/**
 * Slots that outlive a call: `takeScoped` and `runStream`.
 */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { GreenPool, PoolFull } from "../src/index.ts"
import { counters, expectConsistent, expectEmpty, expectWorking } from "./support/counters.ts"
import { isInterrupted } from "./support/exits.ts"
import { forkNow } from "./support/forkNow.ts"
import { sweep } from "./support/interruption-sweep.ts"
import { makeClosable, makePool } from "./support/makePool.ts"
import { atRest } from "./support/turns.ts"

/** A slot for a scope, and what closes that. */
const hold = (pool: GreenPool) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const slot = yield* Scope.provide(pool.takeScoped(), scope)
    return { slot, close: (exit: Exit.Exit<unknown, unknown> = Exit.void) => Scope.close(scope, exit) }
  })

describe.each([1, 3])("takeScoped on a pool of size %i", (size) => {
  it.effect("holds a slot until the scope closes, and is a job that ends as the scope does", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(size)
      for (const exit of [Exit.void, Exit.fail("scope"), Exit.interrupt()]) {
        const { close } = yield* hold(pool)
        expect(yield* counters(pool)).toEqual({ running: 1, free: size - 1, waiting: 0, borrowed: 0 })
        yield* close(exit)
        expectConsistent(yield* pool.stats)
      }
      expect(yield* pool.stats).toMatchObject({ started: 3, succeeded: 1, failed: 1, interrupted: 1, running: 0 })
    }))

  it.effect("waits in the queue, first come, first served, with the options of any call", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(size)
      const order: Array<string> = []
      const holders = yield* Effect.forEach(Array.from({ length: size }), () => hold(pool))
      const take = (name: string, options?: { readonly priority: number }) =>
        Effect.scoped(Effect.andThen(pool.takeScoped(options), Effect.sync(() => order.push(name))))
      const takers = [yield* forkNow(take("low")), yield* forkNow(take("high", { priority: 1 }))]
      expect(yield* Effect.flip(Effect.scoped(pool.takeScoped({ maxWait: 0 })))).toBeInstanceOf(PoolFull)
      for (const { close } of holders) yield* close()
      yield* Fiber.joinAll(takers)
      expect(order).toEqual(["high", "low"])
      yield* expectWorking(pool)
    }))

  it.effect("lends its slot to what runs within, and to nothing beside that", () =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* makePool(size)
      for (let i = 1; i < size; i++) yield* pool.spawn(Effect.never)
      const slot = yield* pool.takeScoped()
      expect(yield* slot.within(pool.run(Effect.succeed("borrowed")))).toBe("borrowed")
      expect(yield* slot.within(slot.within(pool.run(Effect.succeed("deeper"))))).toBe("deeper")
      const beside = yield* forkNow(pool.run(Effect.void))
      yield* atRest
      expect(beside.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(beside)
      expect((yield* Effect.exit(slot.within(pool.waitall)))._tag).toBe("Failure")
    })))
})

it.effect("takeScoped at any depth of nested jobs takes no native stack", () =>
  Effect.gen(function*() {
    const pool = yield* makePool(1)
    const nest = (depth: number): Effect.Effect<string> => {
      if (depth === 0) return Effect.succeed("bottom")
      const inner = Effect.suspend(() => nest(depth - 1))
      return pool.run(Effect.scoped(Effect.flatMap(pool.takeScoped(), (slot) => slot.within(inner))))
    }
    expect(yield* nest(2000)).toBe("bottom")
    yield* expectEmpty(pool)
  }))

describe("a slot whose scope closes", () => {
  it.effect("interrupts what runs within, and is given back after that, also if it asks for the slot once more", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const { close, slot } = yield* hold(pool)
      const cleanUp = yield* Deferred.make<void>()
      const inner = yield* forkNow(slot.within(Effect.never.pipe(
        Effect.ensuring(Effect.exit(slot.within(Effect.void))),
        Effect.ensuring(Deferred.await(cleanUp))
      )))
      const other = yield* forkNow(pool.run(Effect.void))
      const closing = yield* forkNow(close())
      yield* atRest
      expect([yield* pool.running, other.pollUnsafe(), closing.pollUnsafe()]).toEqual([1, undefined, undefined])
      yield* Deferred.succeed(cleanUp, undefined)
      yield* Fiber.join(closing)
      yield* Fiber.join(other)
      expect(isInterrupted(yield* Fiber.await(inner))).toBe(true)
      yield* expectEmpty(pool)
      expect(isInterrupted(yield* Effect.exit(slot.within(Effect.void)))).toBe(true)
    }))

  const closers: Record<string, (pool: GreenPool, close: Effect.Effect<void>) => Effect.Effect<unknown, unknown>> = {
    "its own fiber": (_, close) => close,
    "a fiber that it forks": (_, close) => Effect.flatMap(Effect.forkChild(close), Fiber.join),
    "a nested run": (pool, close) => pool.run(close),
    "a nested spawn": (pool, close) => Effect.flatMap(pool.spawn(close), Fiber.join),
    "a map": (pool, close) => Stream.runDrain(pool.imap(() => close, [1]))
  }

  it.effect.each(Object.entries(closers))(
    "may be closed from within, by %s, and does not wait for itself",
    ([, by]) =>
      Effect.gen(function*() {
        const pool = yield* makePool(1)
        const { close, slot } = yield* hold(pool)
        yield* Fiber.await(yield* forkNow(slot.within(Effect.suspend(() => by(pool, close())))))
        yield* atRest
        yield* expectEmpty(pool)
      })
  )

  it.effect("keeps what runs within after an inner within of the same fiber has ended", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const { close, slot } = yield* hold(pool)
      const ended: Array<number> = []
      const noted = Effect.map(pool.running, (running) => ended.push(running))
      yield* forkNow(slot.within(Effect.andThen(slot.within(Effect.void), Effect.ensuring(Effect.never, noted))))
      yield* close()
      expect(ended).toEqual([1])
      yield* expectWorking(pool)
    }))

  it.effect("may be closed from within, where its fiber goes on and uses the pool again", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const { close, slot } = yield* hold(pool)
      yield* slot.within(Effect.andThen(close(), pool.run(Effect.void)))
      yield* expectEmpty(pool)
    }))

  it.effect("that has closed already takes no slot for longer than the call", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      yield* Scope.provide(pool.takeScoped(), scope)
      yield* expectWorking(pool)
    }))
})

describe("closing the pool", () => {
  it.effect("interrupts those that wait and what runs within, takes slots back, and does not wait for scopes", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeClosable({ size: 2 })
      const holders = [yield* hold(pool), yield* hold(pool)] as const
      const within = yield* forkNow(holders[0].slot.within(Effect.never))
      const waiting = yield* forkNow(Effect.scoped(pool.takeScoped()))
      yield* close
      expect(yield* pool.stats).toMatchObject({ running: 0, waiting: 0, interrupted: 2 })
      for (const fiber of [within, waiting, yield* forkNow(holders[0].slot.within(Effect.void))]) {
        expect(isInterrupted(yield* Fiber.await<unknown, unknown>(fiber))).toBe(true)
      }
      for (const holder of holders) yield* holder.close()
      expectConsistent(yield* pool.stats)
    }))

  it.effect("drains: a slot that a scope holds is a job that may finish, and nested calls within go on", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeClosable({ size: 1, onClose: "drain" })
      const holder = yield* hold(pool)
      const closing = yield* forkNow(close)
      expect(yield* holder.slot.within(pool.run(Effect.succeed(1)))).toBe(1)
      yield* atRest
      expect(closing.pollUnsafe()).toBeUndefined()
      yield* holder.close()
      yield* Fiber.join(closing)
    }))
})

describe("interruption at every step", () => {
  const users: Record<string, (pool: GreenPool) => Effect.Effect<unknown>> = {
    takeScoped: (pool) => Effect.scoped(Effect.andThen(pool.takeScoped({ key: "a" }), Effect.yieldNow)),
    within: (pool) =>
      Effect.scoped(Effect.flatMap(pool.takeScoped(), (slot) => slot.within(pool.run(Effect.yieldNow)))),
    runStream: (pool) =>
      Stream.runDrain(
        pool.runStream(Stream.ensuring(Stream.tap(Stream.make(1, 2), () => Effect.yieldNow), Effect.yieldNow))
      ),
    "runStream, left early": (pool) => Stream.runHead(pool.runStream(Stream.make(1, 2))),
    "imap with a window": (pool) =>
      Stream.runDrain(pool.imap(() => Effect.yieldNow, [1, 2, 3], { window: 3, concurrency: 1, key: "b" }))
  }

  describe.each(Object.entries(users))("of %s", (_, use) => {
    it.each([
      { title: "on a full pool", size: 1, busy: 1, isNested: false },
      { title: "inside a job of a pool of 2, where others wait", size: 2, busy: 2, isNested: true }
    ])("conserves slots $title", ({ busy, isNested, size }) => {
      sweep((world, operations) => {
        const pool = world.pool(size)
        for (let i = 0; i < busy; i++) world.fork(pool.run(Effect.yieldNow))
        const victim = world.fork(isNested ? pool.run(use(pool)) : use(pool), operations)
        world.fork(pool.run(Effect.yieldNow))
        return { pool, victim, check: () => {} }
      })
    })
  })
})

describe("runStream", () => {
  it.effect("holds nothing unread, a slot from the first pull on, and nothing after the end and its finalizers", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      let runningInFinalizer = -1
      const stream = pool.runStream(
        Stream.range(1, 3).pipe(
          Stream.rechunk(1),
          Stream.ensuring(Effect.map(pool.running, (running) => runningInFinalizer = running))
        )
      )
      yield* Effect.scoped(Effect.gen(function*() {
        const pull = yield* Stream.toPull(stream)
        expect(yield* pool.running).toBe(0)
        expect(yield* pull).toEqual([1])
        expect(yield* pool.running).toBe(1)
        expect(yield* pull).toEqual([2])
        expect(yield* pull).toEqual([3])
        expect(runningInFinalizer).toBe(-1)
        expect((yield* Effect.exit(pull))._tag).toBe("Failure")
        expect(runningInFinalizer).toBe(1)
        expect(yield* pool.running).toBe(0)
      }))
      expect(yield* pool.stats).toMatchObject({ started: 1, succeeded: 1 })
      // Again: each run is a job.
      expect(yield* Stream.runCollect(stream)).toEqual([1, 2, 3])
      expect(yield* pool.stats).toMatchObject({ started: 2, succeeded: 2 })
    }))

  it.effect("gives the slot back when the stream fails or is left, and tells the stream how", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const seen: Array<Exit.Exit<unknown, unknown>> = []
      const watch = Stream.onExit((exit: Exit.Exit<unknown, unknown>) => Effect.sync(() => seen.push(exit)))
      const failing = Stream.concat(Stream.make(1), Stream.fail("broken"))
      expect(yield* Effect.exit(Stream.runDrain(pool.runStream(watch(failing))))).toEqual(Exit.fail("broken"))
      yield* Stream.runHead(pool.runStream(watch(Stream.make(1, 2))))
      yield* Effect.exit(Stream.runForEach(pool.runStream(watch(Stream.make(1, 2))), () => Effect.fail("reader")))
      const reader = yield* Effect.forkChild(Stream.runDrain(pool.runStream(watch(Stream.never))))
      yield* atRest
      yield* Fiber.interrupt(reader)
      expect([seen[0], seen[1]?._tag, seen[2]]).toEqual([Exit.fail("broken"), "Success", Exit.fail("reader")])
      expect(isInterrupted(seen[3])).toBe(true)
      expect(yield* pool.stats).toMatchObject({ running: 0, succeeded: 1, failed: 2, interrupted: 1 })
    }))

  it.effect("keeps the slot for a slow reader, and lends it to what the stream does in the pool", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stream = pool.runStream(Stream.fromEffectRepeat(pool.run(Effect.succeed(1))))
      yield* Effect.scoped(Effect.gen(function*() {
        const pull = yield* Stream.toPull(stream)
        yield* pull
        const other = yield* forkNow(pool.run(Effect.void))
        yield* atRest
        expect(other.pollUnsafe()).toBeUndefined()
        yield* pull
        yield* Fiber.interrupt(other)
      }))
      yield* expectEmpty(pool)
    }))

  it.effect("ends with interruption when the pool closes, its finalizers inside the close", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeClosable({ size: 1 })
      let isFinalized = false
      const body = Stream.ensuring(Stream.never, Effect.andThen(atRest, Effect.sync(() => isFinalized = true)))
      const reader = yield* forkNow(Stream.runDrain(pool.runStream(body)))
      yield* atRest
      yield* close
      expect(isFinalized).toBe(true)
      expect(isInterrupted(yield* Fiber.await(reader))).toBe(true)
      yield* expectEmpty(pool)
    }))

  it.effect("and takeScoped on a pool with a bound fail with PoolFull", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 0, maxWaiting: 0 })
      expect(yield* Effect.flip(Stream.runDrain(pool.runStream(Stream.make(1))))).toBeInstanceOf(PoolFull)
      expect(yield* Effect.flip(Effect.scoped(pool.takeScoped()))).toBeInstanceOf(PoolFull)
      expect(yield* pool.stats).toMatchObject({ rejected: 2, started: 0 })
    }))
})
