/**
 * Pools whose slots come from elsewhere: `@greenpool/core/allowance`.
 */
import { expect } from "@effect/vitest"
import { allowanceOf } from "@greenpool/core/allowance"
import { Effect, Fiber, Option } from "effect"
import { GreenPool } from "../src/index.ts"
import { atRest, forkNow, makePool, Stage, testEffect } from "./support/index.ts"

testEffect("a listener is called in the step in which a caller joins or leaves the queue or a job ends", function*() {
  const pool = yield* makePool(1)
  const allowance = allowanceOf(pool)
  const seen: Array<readonly [number, number]> = []
  const expectSeen = (...states: typeof seen) => expect(seen.splice(0)).toEqual(states)
  allowance.onDemand(() => seen.push([allowance.running(), allowance.waiting()]))
  const stage = new Stage()
  yield* pool.spawn(stage.job("job"))
  yield* atRest
  expectSeen()
  const impatient = yield* forkNow(pool.run(Effect.void))
  expectSeen([1, 1])
  yield* Fiber.interrupt(impatient)
  expectSeen([1, 0])
  yield* forkNow(pool.run(Effect.never))
  expectSeen([1, 1])
  yield* stage.finishAll
  // The slot has been passed on by then.
  expectSeen([1, 0])
  let calls = 0
  allowance.onDemand(() => calls++)
  yield* forkNow(pool.run(Effect.never))
  expect([calls, seen]).toEqual([1, []])
  const other = yield* makePool(1)
  expect(yield* other.run(other.run(Effect.sync(allowanceOf(other).running)))).toBe(1)
})

class Elsewhere extends GreenPool.Service<Elsewhere>()("test/Elsewhere", { size: 1 }) {}

testEffect("a key uses the pool's own resize, waitall and …IfAvailable, in either order of arguments", function*() {
  const asked: Array<string> = []
  const note = <A>(what: string, result: A) => Effect.sync(() => (asked.push(what), result))
  const pool = yield* makePool(1)
  const program = Effect.gen(function*() {
    yield* Elsewhere.resize(2)
    yield* Elsewhere.waitall
    yield* Elsewhere.runIfAvailable(Effect.void)
    yield* Effect.void.pipe(Elsewhere.runIfAvailable({ key: "a" }))
    yield* Elsewhere.spawnIfAvailable(Effect.void)
    yield* Effect.void.pipe(Elsewhere.spawnIfAvailable)
  })
  yield* Effect.provideService(program, Elsewhere, {
    ...pool,
    resize: () => note("resize", undefined),
    waitall: note("waitall", undefined),
    runIfAvailable: (() => note("run", Option.none())) as never,
    spawnIfAvailable: (() => note("spawn", Option.none())) as never
  })
  expect(asked).toEqual(["resize", "waitall", "run", "run", "spawn", "spawn"])
})
