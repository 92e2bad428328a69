import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPool } from "../src/index.ts"
import { Claim, Shares } from "../src/internal/shares.ts"
import { defectOf, expectEmpty, forkNow, Stage, testEffect, World } from "./support/index.ts"

/** A pool, and jobs by name whose key is the first letter, "d" of double weight; a number has none. */
const scene = (size = 1) => {
  const world = new World()
  const pool = world.pool(size, { weight: (key) => key === "d" ? 2 : 1 })
  const stage = new Stage()
  const keyOf = (name: string) => /^\d/.test(name) ? undefined : name.slice(0, 1)
  const start = (names: string) => {
    for (const name of names.split(" ")) world.fork(pool.run(stage.job(name), { key: keyOf(name) }))
    world.run()
  }
  /** Lets the job end, if there is one, so many milliseconds later. */
  const finish = (name: string, time: number) => {
    world.clock.advance(time)
    world.get(stage.finish(name))
  }
  const started = () => stage.started.join(" ")
  const finishAll = () => world.get(Effect.all([stage.finishAll, pool.waitall, expectEmpty(pool)]))
  const borrow = Effect.forkDetach(pool.run(stage.job("borrower"), { key: "b" }), { startImmediately: true })
  return { world, pool, stage, slots: toInternal(pool).slots, start, started, finish, finishAll, borrow }
}

/** Callers that come, jobs that end so many milliseconds later, and the clock on the wall that is put forward. */
type Step = string | number | readonly [string, number]

describe("keys", () => {
  it.each<[string, size: number, steps: ReadonlyArray<Step>, started: string]>([
    [
      "that return are served next, as charged",
      1,
      ["a1 a2 a3", ["a1", 100], "b1 b2", ["a2", 100], ["b1", 50]],
      "a1 a2 b1 b2 a3"
    ],
    ["are charged for time that passes", 1, ["a1 b1 a2 b2", ["a1", 100], 3_600_000, ["b1", 50]], "a1 b1 b2 a2"],
    ["are charged by their weights", 1, ["d1 a1 d2 d3 a2", ["d1", 100], ["a1", 100], ["d2", 40]], "d1 a1 d2 d3 a2"],
    ["beside jobs without one, which are charged from their start on a free slot", 2, [
      "x1 x2",
      ["x1", 500],
      ["", 500],
      "1 x3 2",
      ["1", 10]
    ], "x1 x2 1 2 x3"]
  ])("%s", (_, size, steps, started) => {
    const scenery = scene(size)
    for (const step of steps) {
      if (typeof step === "number") scenery.world.clock.skew = step
      else if (typeof step === "string") scenery.start(step)
      else scenery.finish(...step)
    }
    scenery.finishAll()
    expect(scenery.started()).toBe(started)
  })

  it("are charged for the jobs of maps as for those without a key", () => {
    const { finish, pool, stage, start, started, world } = scene()
    start("holder")
    world.fork(Stream.runDrain(pool.imap(stage.job, ["m1", "m2"])))
    start("h")
    finish("", 10)
    for (const name of ["holder", "m1", "m2", "h"]) finish(name, 0)
    // between its items a map gives its slot to the next caller
    expect(started()).toBe("holder m1 h m2")
  })

  it("of a borrowed slot are those it was granted to, also when the borrower outlives its lender", () => {
    const { borrow, finish, finishAll, pool, start, started, world } = scene()
    world.fork(pool.run(borrow, { key: "a" }))
    start("a1 b1 b2")
    // the time is a's, though b's job held the slot
    finish("borrower", 100)
    finish("b1", 50)
    finishAll()
    expect(started()).toBe("borrower b1 b2 a1")
  })

  it("are not charged for a slot that was granted before any had one", () => {
    const { borrow, finish, finishAll, pool, slots, stage, start, started, world } = scene()
    world.fork(pool.run(Effect.andThen(stage.gate("lent").await, borrow)))
    start("other")
    finish("lent", 0)
    finish("", 100)
    start("b")
    expect(slots.shares?.size).toBe(2)
    finish("borrower", 0)
    expect(started()).toBe("borrower other")
    start("other2 b2")
    finish("other", 150)
    finish("b", 200)
    expect(started()).toBe("borrower other b other2")
    // b has one in the queue still
    expect(slots.shares?.size).toBe(2)
    finishAll()
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
