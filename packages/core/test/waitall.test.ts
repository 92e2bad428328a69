import { describe, expect } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { atRest, defectOf, forkNow, makePool, Stage, testEffect, until, upTo } from "./support/index.ts"

/** A pool, and jobs by name. */
const setUp = (size: number) => Effect.map(makePool(size), (pool) => ({ pool, stage: new Stage() }))

testEffect.each([0, 1, 3])("waitall returns when nothing runs and nobody waits, at size %i", function*(size) {
  const { pool, stage } = yield* setUp(size)
  expect((yield* forkNow(pool.waitall)).pollUnsafe()).toEqual(Exit.void)
  const names = upTo(size + 3).map(String)
  for (const name of names) yield* forkNow(pool.spawn(stage.job(name)))
  const cancelled = yield* forkNow(pool.run(Effect.void))
  const idle = yield* forkNow(pool.waitall)
  yield* atRest
  yield* pool.resize(Math.max(1, size))
  for (const name of names) {
    expect(idle.pollUnsafe()).toBeUndefined()
    yield* stage.finish(name)
    if (name === names.at(-2)) yield* Fiber.interrupt(cancelled)
  }
  yield* Fiber.join(idle)
  expect(stage.events.filter((event) => event.endsWith("ends"))).toHaveLength(names.length)
})

describe("waitall outside the pool", () => {
  testEffect("can be used again, by any number of callers, of which others may be interrupted", function*() {
    const pool = yield* makePool(1)
    for (let round = 0; round < 3; round++) {
      const stage = new Stage()
      yield* pool.spawn(stage.job("job"))
      const idlers = yield* Effect.forEach([1, 2, 3], () => forkNow(pool.waitall))
      yield* atRest
      expect(idlers.every((idler) => idler.pollUnsafe() === undefined)).toBe(true)
      yield* Fiber.interrupt(idlers.splice(round, 1)[0]!)
      yield* stage.finishAll
      yield* Fiber.joinAll(idlers)
      yield* pool.waitall
    }
  })

  testEffect("waits for the jobs of maps and piles, but not for results that nobody reads", function*() {
    const { pool, stage } = yield* setUp(2)
    const pile = yield* Effect.orDie(GreenPile.make<string>(pool))
    yield* pile.spawn(stage.job("pile"))
    const map = yield* forkNow(Stream.runCollect(pool.imap(stage.job, ["map"])))
    yield* until(() => stage.started.length === 2)
    const idle = yield* forkNow(pool.waitall)
    yield* stage.finish("pile")
    yield* atRest
    expect(idle.pollUnsafe()).toBeUndefined()
    yield* stage.finish("map")
    yield* Fiber.join(idle)
    expect(yield* Fiber.join(map)).toEqual(["map"])
  })

  testEffect("waits for the finalizers of the last job, also in a job of another pool", function*() {
    const { pool, stage } = yield* setUp(1)
    const other = yield* makePool(1)
    const fiber = yield* pool.spawn(Effect.ensuring(Effect.never, stage.job("finalizer")))
    yield* atRest
    fiber.interruptUnsafe()
    const idle = yield* forkNow(pool.waitall)
    const inOther = yield* forkNow(other.run(pool.waitall))
    yield* atRest
    expect([idle.pollUnsafe(), inOther.pollUnsafe()]).toEqual([undefined, undefined])
    yield* stage.finishAll
    yield* Fiber.joinAll([idle, inOther])
  })
})

const joined = Effect.flatMap(Fiber.join<void, never>)
const waitInPile = ({ waitall }: GreenPool) => ({ next, spawn }: GreenPile<void>) =>
  Effect.andThen(spawn(waitall), next)

testEffect.each<readonly [string, (pool: GreenPool, other: GreenPool) => Effect.Effect<unknown, unknown>]>([
  ["run", (pool) => pool.run(pool.waitall)],
  ["run in an uninterruptible region", (pool) => Effect.uninterruptible(pool.run(pool.waitall))],
  ["a nested job", (pool) => pool.run(joined(pool.spawn(pool.waitall)))],
  ["a fiber that a job forked", (pool) => pool.run(joined(Effect.forkChild(pool.waitall)))],
  ["a detached fiber of a job", (pool) => pool.run(joined(Effect.forkDetach(pool.waitall)))],
  ["a job of another pool inside a job", (pool, other) => pool.run(joined(other.spawn(pool.waitall)))],
  ["a job of a map", (pool) => Stream.runDrain(pool.imap(() => pool.waitall, [1]))],
  ["a job of a pile", (pool) => Effect.scoped(Effect.flatMap(GreenPile.make<void>(pool), waitInPile(pool)))]
])("waitall inside the pool dies immediately with a clear defect: from %s", function*([, from]) {
  for (const size of [1, 3]) {
    const pool = yield* makePool(size)
    const defect = defectOf(yield* Effect.exit(from(pool, yield* makePool(1))))
    expect(String(defect)).toMatch(/waitall of pool "default".*inside/)
    yield* pool.waitall
  }
})
