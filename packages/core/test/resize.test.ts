import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { GreenPool, InvalidPoolSize } from "../src/index.ts"
import { counters, expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { sizes } from "./support/sizes.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"

/** A pool with so many jobs, named by numbers, on its slots or in its queue, in order. */
const setUp = (size: number, count: number) =>
  Effect.gen(function*() {
    const pool = yield* makePool(size)
    const stage = new Stage()
    for (const name of upTo(count)) yield* forkNow(pool.run(stage.job(name)))
    return { pool, stage }
  })

const upTo = (count: number) => Array.from({ length: count }, (_, i) => `${i}`)

describe.each(sizes)("growing a pool of size %i", (size) => {
  it.effect("wakes exactly as many as fit, in order, immediately", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(size, size + 5)
      yield* pool.resize(size + 3)
      expect(yield* counters(pool)).toEqual({ free: 0, running: size + 3, waiting: 2, borrowed: 0 })
      yield* atRest
      expect(stage.started).toEqual(upTo(size + 3))
      yield* pool.resize(size + 10)
      expect(yield* counters(pool)).toEqual({ free: 5, running: size + 5, waiting: 0, borrowed: 0 })
      yield* atRest
      expect(stage.started).toEqual(upTo(size + 5))
    }))

  it.effect("after a shrink grants no more than the new size", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(size + 4, size + 6)
      yield* pool.resize(size)
      yield* pool.resize(size + 3)
      expect(yield* counters(pool)).toEqual({ free: -1, running: size + 4, waiting: 2, borrowed: 0 })
      yield* pool.resize(size + 5)
      expect(yield* counters(pool)).toEqual({ free: 0, running: size + 5, waiting: 1, borrowed: 0 })
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
      expect(yield* counters(pool)).toEqual({ free: -1, running: 3, waiting: 2, borrowed: 0 })
      yield* stage.finish("0")
      yield* atRest
      expect(yield* counters(pool)).toEqual({ free: 0, running: 2, waiting: 2, borrowed: 0 })
      expect(stage.started).toEqual(upTo(3))
      yield* stage.finish("1")
      yield* atRest
      expect(stage.started).toEqual(upTo(4))
      expect(yield* counters(pool)).toEqual({ free: 0, running: 2, waiting: 1, borrowed: 0 })
    }))

  it.effect("to 0 pauses a busy pool: what runs ends, and nothing starts", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(2, 4)
      yield* pool.resize(0)
      yield* stage.finishAll
      yield* atRest
      expect(stage.started).toEqual(upTo(2))
      expect(yield* counters(pool)).toEqual({ free: 0, running: 0, waiting: 2, borrowed: 0 })
      yield* pool.resize(2)
      yield* pool.waitall
      expect(stage.started).toEqual(upTo(4))
    }))
})

describe("a pool of size 0", () => {
  it.effect("makes every caller wait, whose place in the queue is that of its call, until it grows", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(0, 1)
      yield* forkNow(pool.spawn(stage.job("1")))
      expect(yield* pool.waiting).toBe(2)
      yield* forkNow(pool.spawnN(stage.job("2")))
      expect(yield* counters(pool)).toEqual({ free: 0, running: 0, waiting: 3, borrowed: 0 })
      for (const size of [0, 1, 2, 3]) {
        yield* pool.resize(size)
        yield* atRest
        expect(stage.started).toEqual(upTo(size))
      }
    }))
})

describe("resize from inside a job", () => {
  it.effect("hands a slot to a nested job that waited for one", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(1, 0)
      const nested = ["a", "b"].map((name) => pool.run(stage.job(name)))
      const outer = yield* forkNow(pool.run(Effect.all(nested, { concurrency: "unbounded" })))
      yield* atRest
      expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 1, borrowed: 1 })
      yield* pool.resize(2)
      expect(yield* counters(pool)).toEqual({ free: 0, running: 2, waiting: 0, borrowed: 1 })
      yield* stage.finishAll
      yield* Fiber.join(outer)
      yield* expectWorking(pool)
    }))
})

const cyclic: { self?: unknown } = {}
cyclic.self = cyclic

const withoutJson = Object.assign(Object.create(null), {
  toJSON: () => {
    throw new Error("no JSON")
  }
})

describe("a bad size", () => {
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
    "fails make and resize with InvalidPoolSize, and the pool stays as it was (#%#)",
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
})

describe("no size", () => {
  it.effect("means the default, 1000, for make, and fails resize", () =>
    Effect.gen(function*() {
      for (const options of [undefined, {}, { size: undefined }, { name: "n" }]) {
        const pool = yield* GreenPool.make(options)
        expect(yield* pool.size).toBe(1000)
        const error = yield* Effect.flip(pool.resize(undefined as unknown as number))
        expect(error).toMatchObject({ _tag: "InvalidPoolSize", value: "undefined" })
        expect(yield* pool.size).toBe(1000)
      }
    }))
})

describe("any non-negative safe integer", () => {
  it.effect("is a size", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      for (const size of [0, 1, 1000, 1e9, Number.MAX_SAFE_INTEGER]) {
        yield* pool.resize(size)
        expect(yield* pool.size).toBe(size)
      }
    }))
})
