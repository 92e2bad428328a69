import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Schema, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { GreenPool, type GreenPoolOptions, InvalidPoolSize, PoolFull } from "../src/index.ts"
import { counters, defectOf, expectEmpty, forkNow, outside, Stage, testEffect } from "./support/index.ts"
import { countSleepers } from "./support/sleepers.ts"
import { makeWallClock } from "./support/wall-clock.ts"

const makeBounded = (options: GreenPoolOptions) => Effect.orDie(GreenPool.make(options))

const poolFull = (reason: PoolFull["reason"]) => (size: number, waiting: number) =>
  new PoolFull({ reason, pool: "default", size, waiting })
const queueFull = poolFull("QueueFull")
const timedOut = poolFull("WaitTimeout")

describe("maxWaiting", () => {
  testEffect.each<readonly [string, GreenPoolOptions["maxWaiting"] & {}, ReadonlyArray<readonly [number, number]>]>([
    ["lets in so many that wait", 2, [[0, 2], [1, 2], [3, 2]]],
    ["of 0 lets in only callers that get a slot immediately", 0, [[0, 0], [1, 0]]],
    ["as a function is asked for the size of the moment", (size) => 2 * size, [[0, 0], [1, 2], [2, 4]]],
    ["that is a fraction lets in no more than it allows", (size) => 1.5 * size, [[0, 0], [1, 1], [2, 3]]]
  ])("%s", function*([, maxWaiting, rows]) {
    const pool = yield* makeBounded({ size: 0, maxWaiting })
    for (const [size, allowed] of rows) {
      yield* pool.resize(size)
      const { running, waiting } = yield* counters(pool)
      for (let more = size + allowed - running - waiting; more > 0; more--) yield* forkNow(pool.run(Effect.never))
      expect(yield* counters(pool)).toEqual({ free: 0, running: size, waiting: allowed, borrowed: 0 })
      expect(yield* Effect.flip(pool.run(Effect.void))).toEqual(queueFull(size, allowed))
    }
  })

  testEffect.each<[string, act: (pool: GreenPool<PoolFull>) => unknown, bound: number, Exit.Exit<void, unknown>]>([
    ["frees a slot and allows none", (pool) => outside.runSync(Effect.orDie(pool.resize(1))), 0, Exit.void],
    ["frees a slot and allows one", (pool) => outside.runSync(Effect.orDie(pool.resize(1))), 1, Exit.void],
    ["lets another in", (pool) => outside.fork(pool.run(Effect.never)), 1, Exit.fail(queueFull(0, 1))]
  ])("as a function that %s goes by what it has done", function*([, act, bound, exit]) {
    let asked = 0
    const maxWaiting = () => {
      if (asked++ === 0) act(pool)
      return bound
    }
    const pool: GreenPool<PoolFull> = yield* makeBounded({ size: 0, maxWaiting })
    expect(yield* Effect.exit(pool.run(Effect.void))).toEqual(exit)
  })

  testEffect("is a defect of the call when it comes out as no number of at least 0", function*() {
    const pool = yield* makeBounded({ size: 1, maxWaiting: () => NaN })
    expect(yield* pool.run(Effect.succeed(1))).toBe(1)
    const fiber = yield* forkNow(pool.run(Effect.never))
    const defect = new RangeError("Invalid maxWaiting NaN: it must be a number of at least 0")
    expect(defectOf(yield* Effect.exit(pool.run(Effect.void)))).toEqual(defect)
    yield* Fiber.interrupt(fiber)
    yield* expectEmpty(pool)
  })
})

describe("maxWait", () => {
  testEffect("of the pool bounds no nested job, whose enclosing job may wait for it", function*() {
    const pool = yield* makeBounded({ size: 1, maxWait: "1 second" })
    const nested = pool.run(Effect.sleep("2 seconds"))
    const job = yield* forkNow(pool.run(Effect.all([nested, nested], { concurrency: 2, discard: true })))
    yield* TestClock.adjust("4 seconds")
    expect(job.pollUnsafe()).toEqual(Exit.void)
  })

  testEffect("ends in time, whatever fraction of a millisecond it began at", function*() {
    const pool = yield* makeBounded({ size: 0, maxWait: "4 millis" })
    for (let i = 0; i < 100; i++) {
      yield* TestClock.adjust("137 micros")
      const caller = yield* forkNow(pool.run(Effect.void))
      yield* TestClock.adjust("4 millis")
      expect(caller.pollUnsafe()).toEqual(Exit.fail(timedOut(0, 0)))
    }
  })

  testEffect.each([0, -1e7, 1e7])("rejects callers after that, whatever the wall clock says: %i ms", function*(ahead) {
    const clock = yield* makeWallClock
    const pool = yield* Effect.provideService(makeBounded({ size: 1, maxWait: "1 second" }), Clock.Clock, clock)
    const stage = new Stage()
    yield* forkNow(pool.run(stage.job("a")))
    const b = yield* forkNow(pool.run(stage.job("b")))
    yield* TestClock.adjust(500)
    const c = yield* forkNow(pool.spawn(stage.job("c")))
    clock.ahead = ahead
    yield* TestClock.adjust(499)
    expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 2, borrowed: 0 })
    yield* TestClock.adjust(1)
    expect(b.pollUnsafe()).toEqual(Exit.fail(timedOut(1, 1)))
    yield* TestClock.adjust(500)
    expect(c.pollUnsafe()).toEqual(Exit.fail(timedOut(1, 0)))
    // A job may take its time.
    yield* TestClock.adjust("1 hour")
    expect(stage.events).toEqual(["a starts"])
    expect((yield* pool.stats).rejected).toBe(2)
    yield* stage.finish("a")
    yield* pool.waitall
    yield* expectEmpty(pool)
  })

  testEffect.each([0, -5])("of %i ms in a call is a slot at once, free or borrowed, or none", function*(maxWait) {
    const pool = yield* makeBounded({ size: 1, maxWait: 0, maxWaiting: 0 })
    expect(yield* pool.run(pool.run(Effect.succeed(1), { maxWait }))).toBe(1)
    yield* forkNow(pool.run(Effect.never))
    expect(yield* Effect.flip(pool.run(Effect.void))).toEqual(timedOut(1, 0))
    expect(yield* Effect.flip(pool.spawn(Effect.void, { maxWait }))).toEqual(timedOut(1, 0))
  })

  testEffect("sleeps once for all that wait, and rejects them in order, in uninterruptible regions too", function*() {
    const clock = yield* countSleepers
    const pool = yield* Effect.provideService(makeBounded({ size: 0, maxWait: 1000 }), Clock.Clock, clock)
    const left: Array<number> = []
    const numbers = Array.from({ length: 5000 }, (_, i) => i)
    const call = Effect.ignore(Effect.uninterruptible(pool.run(Effect.void)))
    for (const i of numbers) yield* forkNow(Effect.andThen(call, Effect.sync(() => left.push(i))))
    expect([clock.sleeps, clock.sleepers]).toEqual([1, 1])
    yield* TestClock.adjust(1000)
    expect(left).toEqual(numbers)
    expect([clock.sleepers, (yield* pool.stats).rejected]).toEqual([0, 5000])
    yield* expectEmpty(pool)
  })
})

describe("a wrong option of make", () => {
  testEffect.each<[message: string, GreenPoolOptions]>([
    ["Invalid maxWaiting -1", { maxWaiting: -1 }],
    ["Invalid maxWaiting NaN", { maxWaiting: NaN }],
    ["Invalid maxWaiting \"2\"", { maxWaiting: "2" as unknown as number }],
    ["Invalid maxWait -1", { maxWait: -1 }],
    ["soon", { maxWait: "soon" as "1 second" }],
    ["Invalid priorityBoost -1", { priorityBoost: -1 }],
    ["Invalid priorityBoost NaN", { priorityBoost: NaN }],
    ["Invalid priorityBoost Infinity", { priorityBoost: Infinity }],
    ["Invalid drainTimeout -1", { onClose: "drain", drainTimeout: -1 }],
    ["Invalid onClose \"drian\": it must be \"interrupt\" or \"drain\"", { onClose: "drian" as "drain" }]
  ])("is a defect that says so: %s", function*([message, options]) {
    expect(String(defectOf(yield* Effect.exit(GreenPool.make(options))))).toContain(message)
  })

  testEffect("is not looked at with a size that is none, which make fails with", function*() {
    expect(yield* Effect.flip(GreenPool.make({ size: -1, maxWait: -1 }))).toBeInstanceOf(InvalidPoolSize)
  })
})

it("PoolFull survives JSON, and says what was full", () => {
  const error = new PoolFull({ reason: "QueueFull", pool: "api", size: 3, waiting: 7 })
  expect(error.message).toBe("Pool \"api\" rejected a call: its queue is full (size 3, waiting 7)")
  const late = "Pool \"default\" rejected a call: no slot became free in time (size 1, waiting 0)"
  expect(timedOut(1, 0).message).toBe(late)
  const json = JSON.stringify(Schema.encodeSync(PoolFull)(error))
  const decoded = Schema.decodeSync(PoolFull)(JSON.parse(json))
  expect(decoded).toBeInstanceOf(PoolFull)
  expect(decoded).toEqual(error)
})

testEffect.each<GreenPoolOptions>([{ maxWaiting: 3 }, { maxWait: 3 }])("the common key has no %j", function*(options) {
  const exit = yield* Effect.exit(Effect.provide(GreenPool.size, GreenPool.layer(options)))
  expect(defectOf(exit)).toBeInstanceOf(TypeError)
})

describe("a clock that is late already when a call begins to wait", () => {
  const waits: Record<string, (pool: GreenPool<PoolFull>) => Effect.Effect<unknown, unknown, Scope.Scope>> = {
    run: (pool) => pool.run(Effect.void),
    spawn: (pool) => pool.spawn(Effect.void),
    spawnN: (pool) => pool.spawnN(Effect.void),
    takeScoped: (pool) => pool.takeScoped()
  }

  testEffect.each(Object.entries(waits))("rejects %s like one that comes later, or is its defect", function*([, wait]) {
    const clock = yield* Clock.clockWith((clock) => Effect.succeed({ ...clock, sleep: () => Effect.void }))
    const pool = yield* Effect.provideService(makeBounded({ size: 0, maxWait: 10 }), Clock.Clock, clock)
    expect(yield* Effect.flip(wait(pool))).toEqual(timedOut(0, 0))
    clock.sleep = () => {
      throw new Error("broken")
    }
    expect(defectOf(yield* Effect.exit(wait(pool)))).toEqual(new Error("broken"))
    yield* expectEmpty(pool)
  })
})
