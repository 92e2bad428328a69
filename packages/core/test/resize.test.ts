import { expect } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { GreenPool, InvalidPoolSize } from "../src/index.ts"
import { atRest, counters, expectWorking, forkNow, makePool, Stage, testEffect, upTo } from "./support/index.ts"

/** A pool with so many jobs, named by numbers, on its slots or in its queue, in order, by all verbs. */
const setUp = Effect.fnUntraced(function*(size: number, count: number) {
  const pool = yield* makePool(size)
  const stage = new Stage()
  const verbs = ["run", "spawn", "spawnN"] as const
  for (const [i, name] of first(count).entries()) {
    yield* forkNow(pool[verbs[i % 3]!](stage.job(name)) as Effect.Effect<unknown>)
    yield* atRest
  }
  return { pool, stage }
})

const first = (count: number) => upTo(count).map(String)

/** What its counters say of a pool whose jobs are not nested. */
const expectCounters = (pool: GreenPool, free: number, running: number, waiting: number, borrowed = 0) =>
  Effect.map(counters(pool), (seen) => expect(seen).toEqual({ free, running, waiting, borrowed }))

/** A new size, or the end of the eldest job, and what is free, running and waiting then. */
type Step = readonly [number | "end", free: number, running: number, waiting: number]

testEffect.each<readonly [string, size: number, jobs: number, ReadonlyArray<Step>]>([
  ["growing wakes exactly as many as fit", 1, 6, [[4, 0, 4, 2], [11, 5, 6, 0]]],
  ["growing a pool of no slot wakes them", 0, 3, [[0, 0, 0, 3], [1, 0, 1, 2], [2, 0, 2, 1], [3, 0, 3, 0]]],
  ["growing after a shrink grants no more than the new size", 5, 7, [[1, -4, 5, 2], [4, -1, 5, 2], [6, 0, 6, 1]]],
  ["shrinking never touches what runs, and grants nothing yet", 3, 5, [[2, -1, 3, 2], ["end", 0, 2, 2], [
    "end",
    0,
    2,
    1
  ]]],
  ["shrinking to 0 pauses a busy pool", 2, 4, [[0, -2, 2, 2], ["end", -1, 1, 2], ["end", 0, 0, 2], [2, 0, 2, 0]]]
])("%s, in order, immediately", function*([, size, jobs, steps]) {
  const { pool, stage } = yield* setUp(size, jobs)
  let ended = 0
  for (const [step, free, running, waiting] of steps) {
    if (step !== "end") yield* pool.resize(step)
    else {
      yield* stage.finish(`${ended++}`)
      yield* atRest
    }
    yield* expectCounters(pool, free, running, waiting)
    yield* atRest
    expect(stage.started).toEqual(first(ended + running))
    expect(stage.events).toHaveLength(2 * ended + running)
  }
  yield* stage.finishAll
  yield* pool.waitall
  yield* expectWorking(pool)
})

testEffect("resize hands a slot to a nested job that waited for one", function*() {
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
})

const cyclic: { self?: unknown } = {}
cyclic.self = cyclic

const withoutJson = Object.assign(Object.create(null), { toJSON: () => JSON.parse("no JSON") })

testEffect.each<readonly [value: unknown, quoted: string]>([
  ...[-1, 0.5, NaN, Infinity, -Infinity, "10", null, 10n].map((value) => [value, `^"?${value}n?"?$`] as const),
  ...[{ size: 3 }, Symbol("size")].map((value) => [value, "size"] as const),
  ...[() => 3, Object.create(null), cyclic].map((value) => [value, "."] as const),
  [new Date(0), "1970"],
  [withoutJson, ""]
])("a bad size fails make and resize with InvalidPoolSize, and changes nothing (#%#)", function*([value, quoted]) {
  const size = value as number
  const pool = yield* makePool(2)
  yield* pool.spawn(Effect.never)
  const before = yield* pool.stats
  for (const error of [yield* Effect.flip(pool.resize(size)), yield* Effect.flip(GreenPool.make({ size }))]) {
    expect(error).toBeInstanceOf(InvalidPoolSize)
    expect(error.value).toMatch(new RegExp(quoted))
    expect(error.message).toContain(error.value)
    expect(error.message).toMatch(/non-negative safe integer/)
  }
  expect(yield* pool.stats).toEqual(before)
})

testEffect("no size means the default, 1000, for make, and fails resize", function*() {
  for (const options of [undefined, { size: undefined }]) {
    const pool = yield* GreenPool.make(options)
    expect(yield* Effect.flip(pool.resize(undefined as unknown as number))).toMatchObject({ value: "undefined" })
    expect(yield* pool.size).toBe(1000)
  }
})
