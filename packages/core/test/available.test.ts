import { expect } from "@effect/vitest"
import { TestClock } from "effect/testing"
import { atRest, expectWorking, forkNow, makePool, Stage, testEffect } from "./support/index.ts"

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
