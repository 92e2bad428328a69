import { expect } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import { atRest, counters, expectWorking, forkNow, makePool, Stage, testEffect } from "./support/index.ts"

testEffect.each([0, 1, 3])("what is available on a pool of size %i is a slot that is free", function*(size) {
  const pool = yield* makePool(size)
  const stage = new Stage()
  const fibers: Array<Fiber.Fiber<string>> = []
  for (let i = 0; i < size; i++) {
    fibers.push(Option.getOrThrow(yield* pool.spawnIfAvailable(stage.job(`${i}`))))
  }
  expect(yield* pool.runIfAvailable(stage.job("no"))).toEqual(Option.none())
  expect(yield* pool.spawnIfAvailable(stage.job("no"))).toEqual(Option.none())
  expect(yield* counters(pool)).toEqual({ free: 0, running: size, waiting: 0, borrowed: 0 })
  yield* stage.finishAll
  expect(yield* Effect.forEach(fibers, Fiber.join)).toEqual(fibers.map((_, i) => `${i}`))
  expect(stage.started).toEqual(fibers.map((_, i) => `${i}`))
  expect(yield* pool.stats).toMatchObject({ started: size, succeeded: size, rejected: 0 })
  yield* expectWorking(pool)
})

testEffect.each(["runIfAvailable", "spawnIfAvailable"] as const)("%s charges its key for the slot", function*(verb) {
  const pool = yield* makePool(2)
  const stage = new Stage()
  yield* forkNow<unknown, never, never>(pool[verb](stage.job("a1"), { key: "a" }))
  yield* atRest
  for (const name of ["b1", "a2", "b2"]) yield* forkNow(pool.run(stage.job(name), { key: name[0] }))
  yield* TestClock.adjust(100)
  yield* stage.finish("a1")
  yield* atRest
  expect(stage.started).toEqual(["a1", "b1", "b2"])
  yield* stage.finishAll
  yield* pool.waitall
  yield* expectWorking(pool)
})
