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

/** Keys by hand. Times are in any unit. */
class Ledger {
  readonly #shares = new Shares<object>(1)
  readonly #queue: Array<Claim<object>> = []
  readonly #weight: (key: string) => number

  constructor(weight: (key: string) => number = () => 1) {
    this.#weight = weight
  }

  /** A job gets a slot at once, and keeps it. */
  hold(key: string): Claim<object> {
    const claim = this.#claim(key)
    this.#shares.grant(claim, 0)
    return claim
  }

  /** A job gets a slot at once, and ends after that time. */
  use(key: string, time: number): void {
    this.end(this.hold(key), time)
  }

  end(claim: Claim<object>, time: number): void {
    this.#shares.end(claim, time)
  }

  join(key: string): void {
    const claim = this.#claim(key)
    this.#queue.push(claim)
    this.#shares.join(claim, 0)
  }

  /** The one that is next gets a slot, and keeps it: its key. */
  next(): string | undefined {
    const claim = this.#queue.find(({ job }) => job === this.#shares.first)
    if (claim !== undefined) this.#shares.grant(claim, 0)
    return claim?.flow.key
  }

  /** Callers of these keys join the queue in this order: the keys in the order of the grants. */
  grants(keys: string): string {
    for (const key of keys) this.join(key)
    return [...keys].map(() => this.next()).join("")
  }

  /** How many keys are kept. */
  get size(): number {
    return this.#shares.size
  }

  #claim(key: string): Claim<object> {
    return new Claim({}, key, this.#shares.weightOf(key) ?? this.#weight(key), 0)
  }
}

describe("a key is charged", () => {
  // Jobs that ended, then callers that join in this order and are granted in that one.
  it.each<readonly [string, ReadonlyArray<readonly [string, number]>, string, string]>([
    ["for what its jobs used, whatever was estimated", [["b", 150], ["a", 100]], "ba", "ab"],
    ["by estimate at a grant: the mean of its own jobs", [["b", 210], ["c", 100], ["a", 10]], "caa", "aac"],
    ["by estimate at its first grant: the mean of all jobs", [["b", 50], ["c", 200]], "aab", "aba"],
    ["by an estimate that follows its jobs", [["a", 10], ["a", 90], ["b", 105]], "aab", "aba"],
    ["in proportion to its weight", [["a", 100], ["H", 190]], "aH", "Ha"],
    ["in proportion to its weight, by estimate too", [["a", 100], ["H", 60]], "aHHH", "HHHa"]
  ])("%s", (_, used, joined, granted) => {
    const ledger = new Ledger((key) => key === "H" ? 2 : 1)
    for (const [key, time] of used) ledger.use(key, time)
    expect(ledger.grants(joined)).toBe(granted)
  })

  it("when it comes late, as from there on, and is served next", () => {
    const ledger = new Ledger()
    ledger.use("c", 50)
    ledger.use("b", 55)
    expect(ledger.grants("c")).toBe("c")
    expect(ledger.grants("baa")).toBe("aba")
  })

  it("when it used less than was estimated, without credit for the time that has passed for all", () => {
    const ledger = new Ledger()
    ledger.use("c", 100)
    ledger.use("d", 90)
    const first = ledger.hold("a")
    ledger.join("a")
    ledger.join("d")
    expect(ledger.next()).toBe("d")
    ledger.join("b")
    ledger.end(first, 10)
    expect([ledger.next(), ledger.next()]).toEqual(["b", "a"])
  })

  it("and kept without jobs until it has paid off", () => {
    const ledger = new Ledger()
    ledger.use("a", 10)
    ledger.use("b", 20)
    ledger.use("c", 10)
    ledger.use("d", 0)
    expect(ledger.size).toBe(3)
    // a is served at 10: c has paid off, and so has a when its job has ended
    ledger.use("a", 0)
    expect(ledger.size).toBe(1)
    ledger.use("b", 0)
    expect(ledger.size).toBe(0)
  })

  it("the same as another, and then served in the order of their last service, though one was charged less", () => {
    const ledger = new Ledger()
    ledger.hold("c")
    ledger.use("c", 0)
    ledger.use("a", 5)
    ledger.use("b", 5)
    ledger.hold("c")
    ledger.join("a")
    ledger.join("b")
    expect(ledger.next()).toBe("a")
    ledger.join("c")
    expect([ledger.next(), ledger.next()]).toEqual(["b", "c"])
  })
})

describe("a weight", () => {
  it.each([0, 5])("that is next to nothing leaves the others their shares, after a job of %i ms", (time) => {
    const ledger = new Ledger((key) => key === "rest" ? 1e-17 : 1)
    const rest = ledger.hold("rest")
    ledger.use("a", 10)
    ledger.end(rest, time)
    ledger.use("b", 50)
    ledger.use("a", 100)
    ledger.use("b", 10)
    expect(ledger.grants("ab")).toBe("ba")
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
