import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPool, type GreenPoolOptions } from "../src/index.ts"
import { Claim, Shares } from "../src/internal/shares.ts"
import { expectEmpty, expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"
import { makeWallClock } from "./support/wall-clock.ts"

interface Tenant {
  readonly key: string | undefined
  /** How long each of its jobs takes, in milliseconds. */
  readonly time: number
  /** How many callers it has, each of which comes again as soon as it was served. Default: more than there are slots. */
  readonly callers?: number
}

/** The shares of slot time that tenants get who are always in the queue, over a long stretch. */
const sharesOf = (options: GreenPoolOptions & { readonly size: number }, tenants: ReadonlyArray<Tenant>) =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* Effect.orDie(GreenPool.make(options))
    const used = tenants.map(() => 0)
    yield* Effect.forEach(tenants, ({ callers = options.size + 2, key, time }, i) => {
      const job = Effect.andThen(Effect.sleep(time), Effect.sync(() => used[i] = (used[i] ?? 0) + time))
      return Effect.forEach(
        Array.from({ length: callers }),
        () => Effect.forkChild(Effect.forever(Effect.ignore(pool.run(job, { key }))))
      )
    })
    const longest = Math.max(...tenants.map(({ time }) => time))
    for (let i = 0; i < 200; i++) yield* TestClock.adjust(longest)
    const total = used.reduce((sum, time) => sum + time, 0)
    return used.map((time) => time / total)
  }))

const expectShares = (actual: ReadonlyArray<number>, expected: ReadonlyArray<number>) => {
  for (const [i, share] of expected.entries()) {
    expect(Math.abs((actual[i] ?? 0) - share), `${actual}`).toBeLessThan(0.03)
  }
}

describe.each([1, 2, 3, 10])("keys that compete for %i slots", (size) => {
  it.effect("share slot time equally, whatever the lengths of their jobs", () =>
    Effect.gen(function*() {
      const shares = yield* sharesOf({ size }, [{ key: "long", time: 100 }, { key: "short", time: 10 }])
      expectShares(shares, [1 / 2, 1 / 2])
    }))

  it.effect("share it in proportion to their weights", () =>
    Effect.gen(function*() {
      const weight = (key: string) => key === "gold" ? 3 : 1
      const shares = yield* sharesOf({ size, weight }, [
        { key: "gold", time: 10 },
        { key: "iron", time: 70 },
        { key: "tin", time: 10 }
      ])
      expectShares(shares, [3 / 5, 1 / 5, 1 / 5])
    }))

  it.effect("have those without a key as one key of weight 1 beside them", () =>
    Effect.gen(function*() {
      const shares = yield* sharesOf({ size, weight: () => 2 }, [
        { key: undefined, time: 10 },
        { key: "a", time: 30 }
      ])
      expectShares(shares, [1 / 3, 2 / 3])
    }))
})

describe("keys", () => {
  it.effect("with one caller only get their share too", () =>
    Effect.gen(function*() {
      const shares = yield* sharesOf({ size: 1 }, [{ key: "many", time: 50 }, { key: "one", time: 10, callers: 1 }])
      expect(shares[1]).toBeGreaterThan(0.1)
      const alternating = yield* sharesOf({ size: 1 }, [{ key: "many", time: 10 }, {
        key: "one",
        time: 10,
        callers: 1
      }])
      expectShares(alternating, [1 / 2, 1 / 2])
    }))

  it.effect("that return are served next, and first come, first served within", () =>
    Effect.gen(function*() {
      const pool = yield* Effect.orDie(GreenPool.make({ size: 1 }))
      const stage = new Stage()
      const run = (name: string, key?: string) => forkNow(pool.run(stage.job(name), { key }))
      yield* run("a1", "a")
      for (const name of ["a2", "a3", "a4"]) yield* run(name, "a")
      yield* TestClock.adjust(100)
      yield* stage.finish("a1")
      yield* atRest
      yield* run("b1", "b")
      yield* run("b2", "b")
      yield* TestClock.adjust(100)
      yield* stage.finish("a2")
      yield* atRest
      expect(stage.started).toEqual(["a1", "a2", "b1"])
      yield* TestClock.adjust(50)
      yield* stage.finish("b1")
      yield* atRest
      // b was charged 50 for the present, a 100
      expect(stage.started).toEqual(["a1", "a2", "b1", "b2"])
      yield* stage.finishAll
      yield* pool.waitall
      expect(stage.started).toEqual(["a1", "a2", "b1", "b2", "a3", "a4"])
    }))

  it.effect("that return are served next whoever else is in the queue", () =>
    Effect.gen(function*() {
      const pool = yield* Effect.orDie(GreenPool.make({ size: 1 }))
      const stage = new Stage()
      const run = (name: string, key: string) => forkNow(pool.run(stage.job(name), { key }))
      for (const name of ["a1", "c1", "d1", "a2", "c2", "d2", "a3", "c3", "d3"]) yield* run(name, name.slice(0, 1))
      for (const name of ["a1", "c1", "d1", "a2"]) {
        yield* TestClock.adjust(100)
        yield* stage.finish(name)
        yield* atRest
      }
      yield* run("b", "b")
      yield* TestClock.adjust(100)
      yield* stage.finish("c2")
      yield* atRest
      expect(stage.started).toEqual(["a1", "c1", "d1", "a2", "c2", "b"])
    }))

  it.effect("take their place beside those who were in the queue before any had one", () =>
    Effect.gen(function*() {
      const pool = yield* Effect.orDie(GreenPool.make({ size: 1 }))
      const stage = new Stage()
      for (const name of ["1", "2", "3"]) yield* forkNow(pool.run(stage.job(name)))
      yield* forkNow(pool.run(stage.job("k"), { key: "k" }))
      yield* stage.finishAll
      yield* pool.waitall
      expect(stage.started).toEqual(["1", "2", "k", "3"])
      // the pool is idle: strictly first come, first served again
      expect(toInternal(pool).slots.shares).toBeUndefined()
    }))

  it.effect("are charged for time that passes, however the clock on the wall is set", () =>
    Effect.gen(function*() {
      const clock = yield* makeWallClock
      const pool = yield* GreenPool.make({ size: 1 }).pipe(Effect.provideService(Clock.Clock, clock), Effect.orDie)
      const stage = new Stage()
      yield* forkNow(pool.run(stage.job("a1"), { key: "a" }))
      for (const name of ["b1", "a2", "b2"]) yield* forkNow(pool.run(stage.job(name), { key: name.slice(0, 1) }))
      yield* TestClock.adjust(100)
      yield* stage.finish("a1")
      yield* atRest
      clock.ahead = 3_600_000
      yield* TestClock.adjust(50)
      yield* stage.finish("b1")
      yield* atRest
      expect(stage.started).toEqual(["a1", "b1", "b2"])
      yield* stage.finishAll
      yield* pool.waitall
    }))

  it.effect("are charged for the jobs of maps as for those without a key", () =>
    Effect.gen(function*() {
      const pool = yield* Effect.orDie(GreenPool.make({ size: 1 }))
      const stage = new Stage()
      const holder = yield* forkNow(pool.run(stage.job("holder"), { key: "k" }))
      yield* forkNow(Stream.runDrain(pool.imap(stage.job, ["m1", "m2"])))
      yield* atRest
      yield* forkNow(pool.run(stage.job("k"), { key: "k" }))
      yield* TestClock.adjust(10)
      for (const name of ["holder", "m1", "m2", "k"]) yield* stage.finish(name)
      yield* Fiber.join(holder)
      yield* pool.waitall
      // between its items a map gives its slot to whoever is next
      expect(stage.started).toEqual(["holder", "m1", "k", "m2"])
    }))

  it.effect("leave nothing behind once they have paid off, nor when the pool is idle", () =>
    Effect.gen(function*() {
      const pool = yield* Effect.orDie(GreenPool.make({ size: 1 }))
      const { slots } = toInternal(pool)
      const holder = yield* forkNow(pool.run(Effect.never, { key: "holder" }))
      for (let i = 0; i < 100; i++) {
        const fiber = yield* forkNow(pool.run(Effect.void, { key: `cancelled ${i}` }))
        yield* Fiber.interrupt(fiber)
      }
      expect(slots.shares?.size).toBe(1)
      const others = yield* Effect.forEach(
        Array.from({ length: 50 }),
        (_, i) => forkNow(pool.run(Effect.sleep(1), { key: `${i}` }))
      )
      expect(slots.shares?.size).toBe(51)
      yield* Fiber.interrupt(holder)
      for (let i = 0; i < 49; i++) yield* TestClock.adjust(1)
      // what is left: the last, and those who have not paid off what they used in the same stretch
      yield* TestClock.adjust(1)
      yield* Effect.forEach(others, Fiber.join)
      expect(slots.shares).toBeUndefined()
      yield* expectEmpty(pool)
    }))

  it.effect("of a borrowed slot are those it was granted to, also when the borrower outlives its lender", () =>
    Effect.gen(function*() {
      const pool = yield* Effect.orDie(GreenPool.make({ size: 1 }))
      const stage = new Stage()
      const borrow = Effect.forkDetach(pool.run(stage.job("borrower"), { key: "b" }), { startImmediately: true })
      yield* forkNow(pool.run(borrow, { key: "a" }))
      for (const name of ["a1", "b1", "b2"]) {
        yield* forkNow(pool.run(stage.job(name), { key: name.slice(0, 1) }))
      }
      yield* TestClock.adjust(100)
      yield* stage.finish("borrower")
      yield* atRest
      // the time is a's, though b's job held the slot
      expect(stage.started).toEqual(["borrower", "b1"])
      yield* TestClock.adjust(50)
      yield* stage.finish("b1")
      yield* atRest
      expect(stage.started).toEqual(["borrower", "b1", "b2"])
      yield* stage.finishAll
      yield* pool.waitall
      yield* expectEmpty(pool)
    }))

  it.effect("are not charged for a slot that was granted before any had one", () =>
    Effect.gen(function*() {
      const pool = yield* Effect.orDie(GreenPool.make({ size: 1 }))
      const { slots } = toInternal(pool)
      const stage = new Stage()
      const lent = yield* Deferred.make<void>()
      const borrow = Effect.forkDetach(pool.run(stage.job("borrower"), { key: "b" }), { startImmediately: true })
      const lender = yield* forkNow(pool.run(Effect.andThen(Deferred.await(lent), borrow)))
      yield* forkNow(pool.run(stage.job("other"), { key: "other" }))
      yield* Deferred.succeed(lent, undefined)
      yield* Fiber.join(lender)
      yield* TestClock.adjust(100)
      yield* forkNow(pool.run(stage.job("b"), { key: "b" }))
      expect(slots.shares?.size).toBe(2)
      yield* stage.finish("borrower")
      yield* atRest
      expect(stage.started).toEqual(["borrower", "other"])
      for (const name of ["other 2", "b 2"]) {
        yield* forkNow(pool.run(stage.job(name), { key: name.slice(0, -2) }))
      }
      yield* TestClock.adjust(150)
      yield* stage.finish("other")
      yield* atRest
      yield* TestClock.adjust(200)
      yield* stage.finish("b")
      yield* atRest
      expect(stage.started).toEqual(["borrower", "other", "b", "other 2"])
      // b has one in the queue still
      expect(slots.shares?.size).toBe(2)
      yield* stage.finishAll
      yield* pool.waitall
      yield* expectEmpty(pool)
    }))

  it.effect("keep nothing of a nested caller in the queue who borrows in the end", () =>
    Effect.gen(function*() {
      const pool = yield* Effect.orDie(GreenPool.make({ size: 1 }))
      const { slots } = toInternal(pool)
      const stage = new Stage()
      const outer = yield* forkNow(pool.run(Effect.gen(function*() {
        yield* forkNow(pool.run(stage.job("borrower")))
        return yield* pool.run(stage.job("nested"), { key: "nested" })
      })))
      yield* forkNow(pool.run(stage.job("other"), { key: "other" }))
      expect([slots.shares?.size, yield* pool.waiting]).toEqual([2, 2])
      yield* stage.finish("borrower")
      yield* atRest
      expect(stage.started).toEqual(["borrower", "nested"])
      expect([slots.shares?.size, yield* pool.waiting]).toEqual([1, 1])
      yield* stage.finishAll
      expect(yield* Fiber.join(outer)).toBe("nested")
      yield* pool.waitall
      yield* expectEmpty(pool)
    }))
})

/** Keys by hand. Times are in any unit. */
class Ledger {
  readonly #shares = new Shares<object>(1)
  readonly #line: Array<Claim<object>> = []
  readonly #weight: (key: string) => number

  constructor(weight: (key: string) => number = () => 1) {
    this.#weight = weight
  }

  /** A job gets a slot at once, and keeps it. */
  hold(key: string): Claim<object> {
    const claim = this.claim(key)
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
    const claim = this.claim(key)
    this.#line.push(claim)
    this.#shares.join(claim, 0)
  }

  /** Who is next gets a slot, and keeps it: his key. */
  next(): string | undefined {
    const claim = this.#line.find(({ job }) => job === this.#shares.first)
    if (claim !== undefined) this.#shares.grant(claim, 0)
    return claim?.flow.key
  }

  /** Callers join the queue in this order: the keys in the order of the grants. */
  grants(...keys: ReadonlyArray<string>): ReadonlyArray<string | undefined> {
    for (const key of keys) this.join(key)
    return keys.map(() => this.next())
  }

  /** How many keys are kept. */
  get size(): number {
    return this.#shares.size
  }

  private claim(key: string): Claim<object> {
    return new Claim({}, key, this.#shares.weightOf(key) ?? this.#weight(key), 0)
  }
}

describe("a key is charged", () => {
  it("for what its jobs used, whatever was estimated", () => {
    const ledger = new Ledger()
    ledger.use("b", 150)
    ledger.use("a", 100)
    expect(ledger.grants("b", "a")).toEqual(["a", "b"])
  })

  it("by estimate at a grant: the mean of its own jobs", () => {
    const ledger = new Ledger()
    ledger.use("b", 210)
    ledger.use("c", 100)
    ledger.use("a", 10)
    expect(ledger.grants("c", "a", "a")).toEqual(["a", "a", "c"])
  })

  it("by estimate at its first grant: the mean of all jobs", () => {
    const ledger = new Ledger()
    ledger.use("b", 50)
    ledger.use("c", 200)
    expect(ledger.grants("a", "a", "b")).toEqual(["a", "b", "a"])
  })

  it("by an estimate that follows its jobs", () => {
    const ledger = new Ledger()
    ledger.use("a", 10)
    ledger.use("a", 90)
    ledger.use("b", 105)
    expect(ledger.grants("a", "a", "b")).toEqual(["a", "b", "a"])
  })

  it("in proportion to its weight, by estimate too", () => {
    const weight = (key: string) => key === "half" ? 2 : 1
    const ended = new Ledger(weight)
    ended.use("whole", 100)
    ended.use("half", 190)
    expect(ended.grants("whole", "half")).toEqual(["half", "whole"])
    const granted = new Ledger(weight)
    granted.use("whole", 100)
    granted.use("half", 60)
    expect(granted.grants("whole", "half", "half", "half")).toEqual(["half", "half", "half", "whole"])
  })
})

describe("a key that has neither running nor waiting jobs", () => {
  it("is kept until it has paid off", () => {
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
})

describe("a key that used less than was estimated", () => {
  it("is not credited for the time that has passed for all", () => {
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
})

describe("a key that comes late", () => {
  it("is served next, and then charged as from there on", () => {
    const ledger = new Ledger()
    ledger.use("c", 50)
    ledger.use("b", 55)
    ledger.join("c")
    expect(ledger.next()).toBe("c")
    expect(ledger.grants("b", "a", "a")).toEqual(["a", "b", "a"])
  })
})

describe("keys that are equal", () => {
  it("are served in the order of their last service, though one was charged less long ago", () => {
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
  it.each([0, 5])(
    "that is next to nothing leaves the others their shares, after a job of %i ms",
    (time) => {
      const ledger = new Ledger((key) => key === "rest" ? 1e-17 : 1)
      const rest = ledger.hold("rest")
      ledger.use("a", 10)
      ledger.end(rest, time)
      ledger.use("b", 50)
      ledger.use("a", 100)
      ledger.use("b", 10)
      expect(ledger.grants("a", "b")).toEqual(["b", "a"])
    }
  )

  it.effect("that is no finite number above 0 is a defect of the call, which takes nothing", () =>
    Effect.gen(function*() {
      for (const weight of [0, -1, NaN, Infinity, "1" as unknown as number]) {
        const pool = yield* Effect.orDie(GreenPool.make({ size: 1, weight: () => weight }))
        for (const call of [pool.run(Effect.void, { key: "k" }), pool.spawn(Effect.void, { key: "k" })]) {
          const exit = yield* Effect.exit(call)
          expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(RangeError)
        }
        yield* expectEmpty(pool)
        yield* forkNow(pool.run(Effect.never))
        const waiting = yield* Effect.exit(pool.spawn(Effect.void, { key: "k" }))
        expect(Exit.isFailure(waiting) && Cause.hasDies(waiting.cause)).toBe(true)
        expect(yield* pool.waiting).toBe(0)
      }
    }))

  it.effect("that throws is a defect of the call", () =>
    Effect.gen(function*() {
      const pool = yield* Effect.orDie(GreenPool.make({
        weight: () => {
          throw new Error("no weight")
        }
      }))
      expect(yield* Effect.exit(pool.run(Effect.void, { key: "k" }))).toEqual(Exit.die(new Error("no weight")))
      yield* expectEmpty(pool)
    }))
})

describe("a key that has not yet paid off", () => {
  it.effect("takes a free slot and gives it back", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const other = yield* pool.spawn(Effect.never, { key: "other" })
      const first = yield* forkNow(pool.run(Effect.sleep(10), { key: "a" }))
      yield* TestClock.adjust(10)
      yield* Fiber.join(first)
      expect(yield* pool.run(Effect.succeed("again"), { key: "a" })).toBe("again")
      yield* Fiber.interrupt(other)
      yield* expectWorking(pool)
    }))

  it.effect("keeps its place among the keys when another one is granted", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const timed = (name: string) => Effect.ensuring(stage.job(name), Effect.sleep(10))
      yield* pool.spawn(timed("a1"), { key: "a" })
      yield* stage.finish("a1")
      for (const [name, key] of [["a2", "a"], ["a3", "a"], ["b1", "b"], ["c1", "c"], ["c2", "c"]] as const) {
        yield* forkNow(pool.run(timed(name), { key }))
        yield* stage.finish(name)
      }
      for (let i = 0; i < 7; i++) {
        yield* TestClock.adjust(10)
        yield* atRest
      }
      expect(stage.started).toEqual(["a1", "b1", "c1", "a2", "c2", "a3"])
      yield* expectWorking(pool)
    }))
})

describe("keys that come for the first time", () => {
  it.effect("are in the queue since the first of their callers who is left came", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const names = ["a1", "b1", "a2", "c1", "a3", "d1"]
      const start = (name: string) => forkNow(pool.run(stage.job(name), { key: name.slice(0, 1) }))
      yield* start("holder")
      const callers = yield* Effect.forEach(names, start)
      yield* Fiber.interrupt(callers[0]!)
      yield* stage.finishAll
      yield* pool.waitall
      expect(stage.started).toEqual(["holder", "b1", "a2", "c1", "d1", "a3"])
    }))

  it.effect("lose no place when a caller of theirs leaves who was not the first", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const start = (name: string, priority?: number) =>
        forkNow(pool.run(stage.job(name), { key: name.slice(0, 1), ...priority !== undefined && { priority } }))
      yield* start("holder")
      const first = yield* start("a1")
      yield* start("a2")
      yield* start("b1")
      yield* Fiber.interrupt(yield* start("a3", 9))
      yield* start("a4", 9)
      yield* Fiber.interrupt(first)
      yield* stage.finishAll
      yield* pool.waitall
      expect(stage.started).toEqual(["holder", "a4", "b1", "a2"])
    }))

  it.effect("are served in the order in which they came", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.spawn(stage.job("holder"), { key: "holder" })
      const names = ["a", "b", "c", "d", "e", "f", "g"]
      for (const name of names) yield* forkNow(pool.run(stage.job(name), { key: name }))
      yield* stage.finishAll
      yield* pool.waitall
      expect(stage.started).toEqual(["holder", ...names])
    }))
})
