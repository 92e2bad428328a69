import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPool } from "../src/index.ts"
import { Claim, Shares } from "../src/internal/shares.ts"
import { atRest, defectOf, expectEmpty, forkNow, Stage, testEffect, World } from "./support/index.ts"
import { makeWallClock } from "./support/wall-clock.ts"

/** A pool of one slot, and jobs by name whose key is the first letter, "d" of double weight; a number has none. */
const scene = Effect.gen(function*() {
  const clock = yield* makeWallClock
  const make = GreenPool.make({ size: 1, weight: (key) => key === "d" ? 2 : 1 })
  const pool = yield* Effect.provideService(make, Clock.Clock, clock)
  const stage = new Stage()
  const keyOf = (name: string) => /^\d/.test(name) ? undefined : name.slice(0, 1)
  const start = (names: string) =>
    Effect.forEach(names.split(" "), (name) => forkNow(pool.run(stage.job(name), { key: keyOf(name) })))
  /** Lets the job end, so many milliseconds later. */
  const finish = (name: string, time: number) =>
    Effect.andThen(TestClock.adjust(time), Effect.andThen(stage.finish(name), atRest))
  const started = () => stage.started.join(" ")
  const finishAll = Effect.andThen(stage.finishAll, Effect.andThen(pool.waitall, expectEmpty(pool)))
  return { clock, pool, stage, slots: toInternal(pool).slots, start, started, finish, finishAll }
})

describe("keys", () => {
  // Callers that come, jobs that end so many milliseconds later, and the clock on the wall that is put forward.
  testEffect.each<[string, steps: ReadonlyArray<string | number | readonly [string, number]>, started: string]>([
    [
      "that return are served next, as charged",
      ["a1 a2 a3", ["a1", 100], "b1 b2", ["a2", 100], ["b1", 50]],
      "a1 a2 b1 b2 a3"
    ],
    ["are charged for time that passes", ["a1 b1 a2 b2", ["a1", 100], 3_600_000, ["b1", 50]], "a1 b1 b2 a2"],
    ["are charged by their weights", ["d1 a1 d2 d3 a2", ["d1", 100], ["a1", 100], ["d2", 40]], "d1 a1 d2 d3 a2"]
  ])("%s", function*([, steps, started]) {
    const scenery = yield* scene
    for (const step of steps) {
      if (typeof step === "number") scenery.clock.ahead = step
      else yield* typeof step === "string" ? scenery.start(step) : scenery.finish(...step)
    }
    yield* scenery.finishAll
    expect(scenery.started()).toBe(started)
  })

  testEffect("are charged for the jobs of maps as for those without a key", function*() {
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
  })

  testEffect("of a borrowed slot are those it was granted to, also when the borrower outlives its lender", function*() {
    const { finish, finishAll, pool, stage, start, started } = yield* scene
    const borrow = Effect.forkDetach(pool.run(stage.job("borrower"), { key: "b" }), { startImmediately: true })
    yield* forkNow(pool.run(borrow, { key: "a" }))
    yield* start("a1 b1 b2")
    // the time is a's, though b's job held the slot
    yield* finish("borrower", 100)
    yield* finish("b1", 50)
    yield* finishAll
    expect(started()).toBe("borrower b1 b2 a1")
  })

  testEffect("are not charged for a slot that was granted before any had one", function*() {
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
  })
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
    for (const [key, time] of [["b", 50], ["a", 100], ["b", 10]] as const) use(key, time)
    for (const key of ["a", "b"]) shares.join(claimOf(key), 0)
    expect(shares.first).toBe("b")
  })

  const fail = () => {
    throw new RangeError("no weight")
  }

  testEffect.each([0, -1, NaN, Infinity, "1" as unknown as number, fail])(
    "that is no finite number above 0, or throws, is a defect of the call: %s",
    function*(weight) {
      const pool = yield* GreenPool.make({ size: 1, weight: typeof weight === "function" ? weight : () => weight })
      const expectDefect = (call: Effect.Effect<unknown>) =>
        Effect.map(Effect.exit(call), (exit) => expect(defectOf(exit)).toBeInstanceOf(RangeError))
      yield* expectDefect(pool.run(Effect.void, { key: "k" }))
      yield* expectDefect(pool.spawn(Effect.void, { key: "k" }))
      yield* expectEmpty(pool)
      yield* forkNow(pool.run(Effect.never))
      yield* expectDefect(pool.spawn(Effect.void, { key: "k" }))
      expect(yield* pool.waiting).toBe(0)
    }
  )
})

it("a job without a key is charged from when it got a free slot, among others that have keys", () => {
  const world = new World()
  const pool = world.pool(2)
  const stage = new Stage()
  const start = (name: string, key?: string) => world.fork(pool.run(stage.job(name), { key }))
  /** Lets the job end, so many milliseconds later. */
  const finish = (name: string, time: number) => {
    world.clock.advance(time)
    world.get(stage.finish(name))
  }
  for (const name of ["x1", "x2"]) start(name, "x")
  finish("x1", 500)
  world.clock.advance(500)
  start("plain1")
  start("x3", "x")
  start("plain2")
  finish("plain1", 10)
  expect(stage.started).toEqual(["x1", "x2", "plain1", "plain2"])
})
