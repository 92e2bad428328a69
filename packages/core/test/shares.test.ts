import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPool } from "../src/index.ts"
import { Claim, Shares } from "../src/internal/shares.ts"
import { expectEmpty } from "./support/counters.ts"
import { defectOf } from "./support/exits.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"
import { makeWallClock } from "./support/wall-clock.ts"
import { World } from "./support/world.ts"

interface Tenant {
  readonly key: string | undefined
  /** How long each of its jobs takes, in milliseconds. */
  readonly time: number
  /** How many callers it has, each of which comes again as soon as it was served. Default: more than there are slots. */
  readonly callers?: number
}

/** The share of slot time that the last tenant gets when all callers are always in the queue, over a long stretch. */
const shareOf = (size: number, tenants: ReadonlyArray<Tenant>) =>
  Effect.gen(function*() {
    const pool = yield* GreenPool.make({ size, weight: (key) => key === "double" ? 2 : 1 })
    const used = tenants.map(() => 0)
    for (const [i, { callers = size + 2, key, time }] of tenants.entries()) {
      const job = Effect.andThen(Effect.sleep(time), Effect.sync(() => used[i]! += time))
      for (let caller = 0; caller < callers; caller++) yield* Effect.forkChild(Effect.forever(pool.run(job, { key })))
    }
    const longest = Math.max(...tenants.map(({ time }) => time))
    for (let i = 0; i < 200; i++) yield* TestClock.adjust(longest)
    return used.at(-1)! / used.reduce((sum, time) => sum + time)
  })

/** A pool of one slot, and jobs by name whose key is the first letter; a number has none. */
const scene = Effect.gen(function*() {
  const clock = yield* makeWallClock
  const pool = yield* Effect.provideService(makePool(1), Clock.Clock, clock)
  const stage = new Stage()
  const start = (names: string) =>
    Effect.forEach(
      names.split(" "),
      (name) => forkNow(pool.run(stage.job(name), { key: /^\d/.test(name) ? undefined : name.slice(0, 1) }))
    )
  /** Lets the job end, so many milliseconds later. */
  const finish = (name: string, time: number) =>
    Effect.andThen(TestClock.adjust(time), Effect.andThen(stage.finish(name), atRest))
  const started = () => stage.started.join(" ")
  const finishAll = Effect.andThen(stage.finishAll, Effect.andThen(pool.waitall, expectEmpty(pool)))
  return { clock, pool, stage, slots: toInternal(pool).slots, start, started, finish, finishAll }
})

describe("keys", () => {
  it.effect.each<[string, size: number, tenants: ReadonlyArray<Tenant>, least: number, most: number]>([
    [
      "by weight; no key is one of weight 1",
      1,
      [{ key: "double", time: 30 }, { key: undefined, time: 10 }],
      0.28,
      0.38
    ],
    ["of several slots", 3, [{ key: "double", time: 30 }, { key: undefined, time: 10 }], 0.28, 0.38],
    ["also with one caller only", 1, [{ key: "many", time: 50 }, { key: "one", time: 10, callers: 1 }], 0.1, 0.5],
    ["in turns with one caller only", 1, [{ key: "many", time: 10 }, { key: "one", time: 10, callers: 1 }], 0.45, 0.55]
  ])("get their shares %s", ([, size, tenants, least, most]) =>
    Effect.gen(function*() {
      const share = yield* shareOf(size, tenants)
      expect(share).toBeGreaterThan(least)
      expect(share).toBeLessThan(most)
    }))

  // Callers that come, jobs that end so many milliseconds later, and the clock on the wall that is put forward.
  it.effect.each<[string, steps: ReadonlyArray<string | number | readonly [string, number]>, started: string]>([
    [
      "that return are served next, as charged, and first come, first served within",
      ["a1 a2 a3 a4", ["a1", 100], "b1 b2", ["a2", 100], ["b1", 50]],
      "a1 a2 b1 b2 a3 a4"
    ],
    ["are charged for time that passes", ["a1 b1 a2 b2", ["a1", 100], 3_600_000, ["b1", 50]], "a1 b1 b2 a2"],
    [
      "that have not yet paid off keep their place when another one is granted",
      ["a1 a2 a3 b1 c1 c2", ["a1", 10], ["b1", 10], ["c1", 10], ["a2", 10], ["c2", 10]],
      "a1 b1 c1 a2 c2 a3"
    ]
  ])("%s", ([, steps, started]) =>
    Effect.gen(function*() {
      const scenery = yield* scene
      for (const step of steps) {
        if (typeof step === "number") scenery.clock.ahead = step
        else yield* typeof step === "string" ? scenery.start(step) : scenery.finish(...step)
      }
      yield* scenery.finishAll
      expect(scenery.started()).toBe(started)
    }))

  it.effect("are charged for the jobs of maps as for those without a key", () =>
    Effect.gen(function*() {
      const { finish, pool, stage, start, started } = yield* scene
      yield* start("holder")
      yield* forkNow(Stream.runDrain(pool.imap(stage.job, ["m1", "m2"])))
      yield* atRest
      yield* start("h")
      yield* TestClock.adjust(10)
      for (const name of ["holder", "m1", "m2", "h"]) yield* finish(name, 0)
      yield* pool.waitall
      // between its items a map gives its slot to the next caller
      expect(started()).toBe("holder m1 h m2")
    }))

  it.effect("leave nothing behind once they have paid off, nor when the pool is idle", () =>
    Effect.gen(function*() {
      const { pool, slots } = yield* scene
      const holder = yield* forkNow(pool.run(Effect.never, { key: "holder" }))
      for (let i = 0; i < 100; i++) {
        yield* Fiber.interrupt(yield* forkNow(pool.run(Effect.void, { key: `cancelled ${i}` })))
      }
      expect(slots.shares?.size).toBe(1)
      for (let i = 0; i < 50; i++) yield* forkNow(pool.run(Effect.sleep(1), { key: `${i}` }))
      expect(slots.shares?.size).toBe(51)
      yield* Fiber.interrupt(holder)
      for (let i = 0; i < 50; i++) yield* TestClock.adjust(1)
      expect(slots.shares).toBeUndefined()
      yield* expectEmpty(pool)
    }))

  it.effect("of a borrowed slot are those it was granted to, also when the borrower outlives its lender", () =>
    Effect.gen(function*() {
      const { finish, finishAll, pool, stage, start, started } = yield* scene
      const borrow = Effect.forkDetach(pool.run(stage.job("borrower"), { key: "b" }), { startImmediately: true })
      yield* forkNow(pool.run(borrow, { key: "a" }))
      yield* start("a1 b1 b2")
      // the time is a's, though b's job held the slot
      yield* finish("borrower", 100)
      yield* finish("b1", 50)
      yield* finishAll
      expect(started()).toBe("borrower b1 b2 a1")
    }))

  it.effect("are not charged for a slot that was granted before any had one", () =>
    Effect.gen(function*() {
      const { finish, finishAll, pool, slots, stage, start, started } = yield* scene
      const borrow = Effect.forkDetach(pool.run(stage.job("borrower"), { key: "b" }), { startImmediately: true })
      yield* forkNow(pool.run(Effect.andThen(stage.gate("lent").await, borrow)))
      yield* start("other")
      yield* stage.finish("lent")
      yield* atRest
      yield* TestClock.adjust(100)
      yield* start("b")
      expect(slots.shares?.size).toBe(2)
      yield* finish("borrower", 0)
      expect(started()).toBe("borrower other")
      yield* start("other2 b2")
      yield* finish("other", 150)
      yield* finish("b", 200)
      expect(started()).toBe("borrower other b other2")
      // b has one in the queue still
      expect(slots.shares?.size).toBe(2)
      yield* finishAll
    }))

  it.effect("keep nothing of a nested caller in the queue that borrows in the end", () =>
    Effect.gen(function*() {
      const { finish, finishAll, pool, slots, stage, start, started } = yield* scene
      const borrow = forkNow(pool.run(stage.job("borrower")))
      yield* forkNow(pool.run(Effect.andThen(borrow, pool.run(stage.job("nested"), { key: "nested" }))))
      yield* start("other")
      expect([slots.shares?.size, yield* pool.waiting]).toEqual([2, 2])
      yield* finish("borrower", 0)
      expect(started()).toBe("borrower nested")
      expect([slots.shares?.size, yield* pool.waiting]).toEqual([1, 1])
      yield* finishAll
    }))
})

describe("a weight", () => {
  it.each([0, 5])("that is next to nothing leaves the others their shares, after a job of %i ms", (time) => {
    const shares = new Shares<string>(1)
    const claimOf = (key: string) => new Claim(key, key, key === "rest" ? 1e-17 : 1, 0)
    const use = (key: string, time: number) => {
      const claim = claimOf(key)
      shares.grant(claim, 0)
      shares.end(claim, time)
    }
    const rest = claimOf("rest")
    shares.grant(rest, 0)
    use("a", 10)
    shares.end(rest, time)
    use("b", 50)
    use("a", 100)
    use("b", 10)
    for (const key of ["a", "b"]) shares.join(claimOf(key), 0)
    expect(shares.first).toBe("b")
  })

  const fail = () => {
    throw new RangeError("no weight")
  }

  it.effect.each([0, -1, NaN, Infinity, "1" as unknown as number, fail])(
    "that is no finite number above 0, or throws, is a defect of the call, which takes nothing: %s",
    (weight) =>
      Effect.gen(function*() {
        const pool = yield* GreenPool.make({ size: 1, weight: typeof weight === "function" ? weight : () => weight })
        const expectDefect = (call: Effect.Effect<unknown>) =>
          Effect.map(Effect.exit(call), (exit) => expect(defectOf(exit)).toBeInstanceOf(RangeError))
        yield* expectDefect(pool.run(Effect.void, { key: "k" }))
        yield* expectDefect(pool.spawn(Effect.void, { key: "k" }))
        yield* expectEmpty(pool)
        yield* forkNow(pool.run(Effect.never))
        yield* expectDefect(pool.spawn(Effect.void, { key: "k" }))
        expect(yield* pool.waiting).toBe(0)
      })
  )
})

it("a job without a key is charged from when it got a free slot, among others that have keys", () => {
  const world = new World()
  const pool = world.pool(2)
  const stage = new Stage()
  const start = (name: string, key?: string) => world.fork(pool.run(stage.job(name), { key }))
  const finish = (name: string) => world.get(stage.finish(name))
  start("x1", "x")
  start("x2", "x")
  world.clock.advance(500)
  finish("x1")
  world.clock.advance(500)
  start("plain1")
  start("x3", "x")
  start("plain2")
  world.clock.advance(10)
  finish("plain1")
  expect(stage.started).toEqual(["x1", "x2", "plain1", "plain2"])
})
