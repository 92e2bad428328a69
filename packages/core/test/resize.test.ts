import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { GreenPool, InvalidPoolSize } from "../src/index.ts"
import { counters, expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { sizes, upTo } from "./support/sizes.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"

/** A pool with so many jobs, named by numbers, on its slots or in its queue, in order. */
const setUp = (size: number, count: number) =>
  Effect.gen(function*() {
    const pool = yield* makePool(size)
    const stage = new Stage()
    for (const name of first(count)) yield* forkNow(pool.run(stage.job(name)))
    return { pool, stage }
  })

const first = (count: number) => upTo(count).map(String)

/** What its counters say of a pool whose jobs are not nested. */
const expectCounters = (pool: GreenPool, free: number, running: number, waiting: number, borrowed = 0) =>
  Effect.map(counters(pool), (seen) => expect(seen).toEqual({ free, running, waiting, borrowed }))

describe.each(sizes)("growing a pool of size %i", (size) => {
  it.effect("wakes exactly as many as fit, in order, immediately", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(size, size + 5)
      yield* pool.resize(size + 3)
      yield* expectCounters(pool, 0, size + 3, 2)
      yield* atRest
      expect(stage.started).toEqual(first(size + 3))
      yield* pool.resize(size + 10)
      yield* expectCounters(pool, 5, size + 5, 0)
      yield* atRest
      expect(stage.started).toEqual(first(size + 5))
    }))

  it.effect("after a shrink grants no more than the new size", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(size + 4, size + 6)
      yield* pool.resize(size)
      yield* pool.resize(size + 3)
      yield* expectCounters(pool, -1, size + 4, 2)
      yield* pool.resize(size + 5)
      yield* expectCounters(pool, 0, size + 5, 1)
      yield* stage.finishAll
      yield* pool.waitall
      yield* expectWorking(pool)
    }))
})

describe("shrinking", () => {
  it.effect("never touches what runs, and grants no slot until fewer run than the new size", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(3, 5)
      yield* pool.resize(2)
      yield* atRest
      expect(stage.events).toEqual(["0 starts", "1 starts", "2 starts"])
      yield* expectCounters(pool, -1, 3, 2)
      yield* stage.finish("0")
      yield* atRest
      yield* expectCounters(pool, 0, 2, 2)
      expect(stage.started).toEqual(first(3))
      yield* stage.finish("1")
      yield* atRest
      expect(stage.started).toEqual(first(4))
      yield* expectCounters(pool, 0, 2, 1)
    }))

  it.effect("to 0 pauses a busy pool: what runs ends, and nothing starts", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(2, 4)
      yield* pool.resize(0)
      yield* stage.finishAll
      yield* atRest
      expect(stage.started).toEqual(first(2))
      yield* expectCounters(pool, 0, 0, 2)
      yield* pool.resize(2)
      yield* pool.waitall
      expect(stage.started).toEqual(first(4))
    }))
})

it.effect("a pool of size 0 makes every caller wait, whose place in the queue is that of its call, until it grows", () =>
  Effect.gen(function*() {
    const { pool, stage } = yield* setUp(0, 1)
    yield* forkNow(pool.spawn(stage.job("1")))
    expect(yield* pool.waiting).toBe(2)
    yield* forkNow(pool.spawnN(stage.job("2")))
    for (const size of [0, 1, 2, 3]) {
      yield* pool.resize(size)
      yield* expectCounters(pool, 0, size, 3 - size)
      yield* atRest
      expect(stage.started).toEqual(first(size))
    }
  }))

it.effect("resize hands a slot to a nested job that waited for one", () =>
  Effect.gen(function*() {
    const { pool, stage } = yield* setUp(1, 0)
    const nested = ["a", "b"].map((name) => pool.run(stage.job(name)))
    const outer = yield* forkNow(pool.run(Effect.all(nested, { concurrency: "unbounded" })))
    yield* atRest
    yield* expectCounters(pool, 0, 1, 1, 1)
    yield* pool.resize(2)
    yield* expectCounters(pool, 0, 2, 0, 1)
    yield* stage.finishAll
    yield* Fiber.join(outer)
    yield* expectWorking(pool)
  }))

const cyclic: { self?: unknown } = {}
cyclic.self = cyclic

const noJson = () => {
  throw new Error("no JSON")
}
const withoutJson = Object.assign(Object.create(null), { toJSON: noJson })

it.effect.each<[value: unknown, quoted: RegExp]>([
  [-1, /^-1$/],
  [0.5, /^0\.5$/],
  [Number.NaN, /NaN/],
  [Number.POSITIVE_INFINITY, /^Infinity$/],
  [Number.NEGATIVE_INFINITY, /^-Infinity$/],
  ["10", /10/],
  [null, /null/],
  [10n, /10/],
  [{ size: 3 }, /size/],
  [Symbol("three"), /three/],
  [() => 3, /.+/],
  [new Date(0), /1970/],
  [Object.create(null), /.+/],
  [withoutJson, /.*/],
  [cyclic, /.+/]
])(
  "a bad size fails make and resize with InvalidPoolSize, and the pool stays as it was (#%#)",
  ([value, quoted]) =>
    Effect.gen(function*() {
      const size = value as number
      const pool = yield* makePool(2)
      yield* pool.spawn(Effect.never)
      const before = yield* pool.stats
      for (const error of [yield* Effect.flip(pool.resize(size)), yield* Effect.flip(GreenPool.make({ size }))]) {
        expect(error).toBeInstanceOf(InvalidPoolSize)
        expect(error.value).toMatch(quoted)
        expect(error.message).toContain(error.value)
        expect(error.message).toMatch(/non-negative safe integer/)
      }
      expect(yield* pool.stats).toEqual(before)
    })
)

it.effect("no size means the default, 1000, for make, and fails resize", () =>
  Effect.gen(function*() {
    for (const options of [undefined, {}, { size: undefined }, { name: "n" }]) {
      const pool = yield* GreenPool.make(options)
      const error = yield* Effect.flip(pool.resize(undefined as unknown as number))
      expect(error).toMatchObject({ _tag: "InvalidPoolSize", value: "undefined" })
      expect(yield* pool.size).toBe(1000)
    }
  }))
