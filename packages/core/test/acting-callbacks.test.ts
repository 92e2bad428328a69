/**
 * What users' functions do inside the pool's steps: they act on the pool, throw, and keep what they were given.
 */
import { describe, expect, vi } from "@effect/vitest"
import { type Context, Deferred, Effect, Fiber, Option, Stream } from "effect"
import { GreenPile, GreenPool } from "../src/index.ts"
import { atRest, expectEmpty, expectWorking, forkNow, makeClosable, makePool, outside, until } from "./support/index.ts"
import { Stage } from "./support/stage.ts"
import { testEffect, testLive } from "./support/test-effect.ts"

describe("what a callback throws", () => {
  /** Runs an effect and 20 milliseconds, and expects that one error is thrown outside of it. */
  const expectOneError = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
    const errors: Array<unknown> = []
    const onError = (error: unknown) => errors.push(error)
    const others = process.listeners("uncaughtException")
    process.removeAllListeners("uncaughtException").on("uncaughtException", onError)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        process.off("uncaughtException", onError)
        for (const other of others) process.on("uncaughtException", other)
      })
    )
    const result = yield* effect
    yield* Effect.sleep(20)
    expect(errors).toEqual([new Error("bug")])
    return result
  })

  const bug = () => {
    throw new Error("bug")
  }

  testLive("costs no other reader of changes a state", function*() {
    const pool = yield* makePool(1)
    const seen: Array<number> = []
    yield* expectOneError(Effect.gen(function*() {
      yield* Effect.forkScoped(Effect.gen(function*() {
        const pull = yield* Stream.toPull(pool.changes)
        yield* pull
        const child = yield* Effect.forkChild(Effect.void)
        child.addObserver(bug)
        yield* pull
      }))
      yield* atRest
      yield* Effect.forkScoped(Stream.runForEach(pool.changes, ({ size }) => Effect.sync(() => seen.push(size))))
      for (const size of [2, 3]) {
        yield* until(() => seen.length === size - 1)
        yield* atRest
        yield* pool.resize(size)
      }
      yield* until(() => seen.length === 3)
    }))
    expect(seen).toEqual([1, 2, 3])
  })

  testLive("costs no other caller its turn or its slot", function*() {
    const pool = yield* makePool(2)
    const stage = new Stage()
    let done = 0
    yield* expectOneError(Effect.gen(function*() {
      for (let i = 0; i < 2; i++) outside.fork(pool.run(stage.job("holder")))
      outside.runCallback(pool.run(Effect.void), bug)
      for (let i = 0; i < 3; i++) outside.runCallback(pool.run(Effect.void), () => done++)
      yield* stage.finishAll
      yield* pool.waitall
    }))
    expect(done).toBe(3)
    yield* expectWorking(pool)
  })

  testLive.each([0, 1])("in the fiber of an item, %i ms before that ends, leaves the map at work", function*(time) {
    const pool = yield* makePool(2)
    const bad = Effect.withFiber((fiber) => {
      fiber.addObserver(bug)
      return time === 0 ? Effect.void : Effect.sleep(time)
    })
    const map = pool.imap((item) => Effect.as(item === 2 ? bad : Effect.void, item), [1, 2, 3, 4])
    expect(yield* expectOneError(Stream.runCollect(map))).toEqual([1, 2, 3, 4])
    yield* expectWorking(pool)
  })

  testLive("while the pool closes leaves no job uninterrupted", function*() {
    const { close, pool } = yield* makeClosable({ size: 3 })
    let interrupted = 0
    const job = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
    yield* expectOneError(Effect.gen(function*() {
      const watched = Effect.withFiber((fiber) => Effect.sync(() => fiber.addObserver(bug)))
      for (const first of [Effect.void, watched, Effect.void]) yield* pool.spawn(Effect.andThen(first, job))
      yield* atRest
      yield* close
    }))
    expect(interrupted).toBe(3)
    yield* expectEmpty(pool)
  })
})

describe("a service that was built inside a job and provides its own context", () => {
  testEffect.each([1, 2])("is inside the job that uses it later, on a pool of size %i", function*(size) {
    const pool = yield* makePool(size)
    const make = Effect.map(Effect.context<never>(), (context) => ({
      lookup: Effect.provide(pool.run(Effect.succeed("found")), context)
    }))
    const lazily = yield* Effect.cached(make)
    const use = Effect.flatMap(lazily, ({ lookup }) => lookup)
    expect(yield* pool.run(use)).toBe("found")
    // Full: what is used inside the later job has to borrow its slot.
    if (size === 2) yield* forkNow(pool.run(Effect.never))
    expect(yield* pool.run(use)).toBe("found")
    expect(yield* Effect.flatMap(pool.spawn(use), Fiber.join)).toBe("found")
    expect(yield* Stream.runCollect(pool.imap(() => use, [1, 2]))).toEqual(["found", "found"])
    expect(yield* Effect.scoped(Effect.flatMap(pool.takeScoped(), (slot) => slot.within(use)))).toBe("found")
    const pile = yield* GreenPile.make<string>(pool)
    yield* pile.spawn(use)
    expect(yield* pile.next).toEqual(Option.some("found"))
  })

  testEffect("is inside the job that uses it, not inside the one that is around the job that built it", function*() {
    const pool = yield* makePool(2)
    const stage = new Stage()
    const built = yield* Deferred.make<Context.Context<never>>()
    const build = Effect.flatMap(pool.run(Effect.context<never>()), (context) => Deferred.succeed(built, context))
    // Once the pool is full, the slot of the outer one is lent.
    yield* forkNow(pool.run(Effect.all([build, stage.gate("used").await, pool.run(Effect.never)])))
    const lookup = Effect.provide(pool.run(Effect.succeed("found")), yield* Deferred.await(built))
    expect(yield* pool.run(Effect.andThen(stage.finish("used"), Effect.andThen(atRest, lookup)))).toBe("found")
  })
})

testLive("two copies of the package know nothing of each other's jobs", function*() {
  const copy = Effect.promise(() => {
    vi.resetModules()
    return import("../src/index.ts")
  })
  const [first, second] = [yield* copy, yield* copy]
  expect(new Set([GreenPool, first.GreenPool, second.GreenPool]).size).toBe(3)
  const one = yield* Effect.orDie(first.GreenPool.make({ size: 1 }))
  const two = yield* Effect.orDie(second.GreenPool.make({ size: 0 }))
  const inner = yield* forkNow(one.run(two.run(Effect.succeed("ran on a paused pool"))))
  yield* atRest
  expect(inner.pollUnsafe()).toBeUndefined()
  yield* Fiber.interrupt(inner)
  yield* one.run(two.waitall)
  yield* expectEmpty(one)
})
