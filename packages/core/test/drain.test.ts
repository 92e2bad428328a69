import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Queue, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { UnboundedOptions } from "../src/index.ts"
import { CountedIterable } from "./support/counted-sources.ts"
import { atRest, expectEmpty, forkNow, isInterrupted, makeClosable, Stage, testEffect, World } from "./support/index.ts"
import { countSleepers } from "./support/sleepers.ts"

/** A pool that drains, what closes it, and jobs by name. */
const setUp = Effect.fnUntraced(function*(options: UnboundedOptions = {}) {
  const clock = yield* countSleepers
  const make = makeClosable({ size: 1, onClose: "drain", ...options })
  const { close, pool } = yield* Effect.provideService(make, Clock.Clock, clock)
  /** The close ends, and leaves nothing behind. */
  const expectClosed = Effect.fnUntraced(function*(closing: Fiber.Fiber<void>) {
    yield* Fiber.join(closing)
    yield* atRest
    expect(clock.sleepers).toBe(0)
    yield* expectEmpty(pool)
  })
  return { pool, stage: new Stage(), clock, close, expectClosed }
})

const expectRefused = (call: Effect.Effect<unknown, unknown>) =>
  Effect.map(Effect.exit(Effect.uninterruptible(call)), (exit) => expect(isInterrupted(exit)).toBe(true))

testEffect.each([1, 2, 10])("a drain at size %i interrupts what is left after drainTimeout", function*(size) {
  const { clock, expectClosed, pool, stage, close } = yield* setUp({ size, drainTimeout: "10 seconds" })
  yield* forkNow(pool.run(stage.job("quick")))
  const names = Array.from({ length: size + 1 }, (_, i) => `${i}`)
  const fibers = yield* Effect.forEach(names, (name) => forkNow(pool.run(stage.job(name))))
  const closing = yield* forkNow(close)
  expect(clock.sleepers).toBe(1)
  yield* TestClock.adjust("9 seconds")
  yield* stage.finish("quick")
  yield* atRest
  expect(closing.pollUnsafe()).toBeUndefined()
  yield* TestClock.adjust("1 second")
  yield* expectClosed(closing)
  for (const fiber of fibers) expect(isInterrupted(yield* Fiber.await(fiber))).toBe(true)
})

describe("a pool that drains", () => {
  testEffect("has a map from outside finish what it has in hand, running or not, pull no more, and end", function*() {
    const { expectClosed, pool, stage, close } = yield* setUp({ size: 4 })
    const source = new CountedIterable()
    const seen: Array<string> = []
    yield* forkNow(pool.run(stage.job("holder")))
    const ending = yield* forkNow(Stream.runCollect(pool.imap(stage.job, ["a"])))
    const results = pool.imap((n) => stage.job(`${n}`), source)
    const map = yield* forkNow(Stream.runForEach(results, (name) => Effect.sync(() => seen.push(name))))
    yield* atRest
    const closing = yield* forkNow(close)
    for (const name of ["0", "1", "2"]) yield* Effect.andThen(stage.finish(name), atRest)
    expect(seen).toEqual(["0", "1", "2"])
    const exit = yield* Fiber.await(map)
    expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
    expect([source.taken, source.closed]).toEqual([3, 1])
    // One that has come to the end of its source ends as ever.
    yield* stage.finish("a")
    expect(yield* Fiber.join(ending)).toEqual(["a"])
    expect(closing.pollUnsafe()).toBeUndefined()
    yield* stage.finish("holder")
    yield* expectClosed(closing)
  })

  testEffect("opens no source of a map from outside, and takes no more for one that has outlived its job", function*() {
    const { expectClosed, pool, stage, close } = yield* setUp({ size: 3 })
    const items = yield* Queue.unbounded<number>()
    const map = Stream.runDrain(pool.imap((item) => stage.job(`item ${item}`), Stream.fromQueue(items)))
    // It begins inside a job, and waits for its source when that has ended.
    yield* pool.run(Effect.andThen(Effect.forkDetach(map, { startImmediately: true }), atRest))
    yield* pool.spawn(stage.job("other"))
    const source = new CountedIterable()
    const unread = Stream.runDrain(pool.imap(() => Effect.void, source))
    const closing = yield* forkNow(close)
    yield* expectRefused(unread)
    expect([source.opened, source.taken]).toEqual([0, 0])
    yield* Queue.offer(items, 7)
    yield* atRest
    expect(stage.started).toEqual(["other"])
    yield* stage.finishAll
    yield* expectClosed(closing)
  })

  testEffect.each([
    { how: "from inside one of its jobs", options: {}, isInside: true },
    { how: "with no time to drain", options: { drainTimeout: 0 }, isInside: false },
    { how: "and is told to interrupt", options: { onClose: "interrupt", drainTimeout: 10 } as const, isInside: false }
  ])("interrupts immediately when it is closed $how", function*({ isInside, options }) {
    const { clock, close, pool, stage } = yield* setUp({ size: 2, ...options })
    yield* forkNow(pool.run(stage.job("other")))
    yield* isInside ? Fiber.await(yield* forkNow(pool.run(Effect.andThen(close, Effect.never)))) : close
    expect(stage.events).toEqual(["other starts", "other is interrupted"])
    expect(clock.sleeps).toBe(0)
    yield* expectRefused(pool.run(Effect.void))
  })
})

it.each([3, 4, 5, 6, 7])("a drain at any moment ends a map without an item, every %i operations", (operations) => {
  for (let steps = 0; steps < 60; steps++) {
    const world = new World()
    const pool = world.pool(1, { onClose: "drain" })
    world.get(pool.spawn(Effect.never))
    const map = world.fork(Stream.runDrain(pool.imap(() => Effect.void, Stream.never)), operations)
    for (let i = 0; i < steps; i++) world.step()
    // outside of the world: at once
    Effect.runFork(Scope.close(world.scope, Exit.void))
    world.run()
    expect({ steps, ended: isInterrupted(map.pollUnsafe()) }).toEqual({ steps, ended: true })
    expect(world.get(pool.running)).toBe(1)
  }
})
