import { describe, expect } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { GreenPool } from "../src/index.ts"
import { atRest, forkNow, makePool, testEffect } from "./support/index.ts"
import { logged } from "./support/logged.ts"

const bug = new Error("bug")

/** Runs it with a pool, and gives what was logged. */
const loggedIn = (size: number, use: (pool: GreenPool) => Effect.Effect<unknown, unknown>) =>
  logged(Effect.flatMap(makePool(size), (pool) => Effect.andThen(use(pool), pool.waitall)))

describe("a job of spawnN that fails or dies is reported once, at level Error, with its cause", () => {
  type Spawn = (pool: GreenPool, job: Effect.Effect<never, string>) => Effect.Effect<unknown>
  const afterWait: Spawn = (pool, job) => Effect.andThen(pool.spawn(Effect.yieldNow), pool.spawnN(job))
  const byKey: Spawn = (pool, job) =>
    Effect.map(Effect.provideService(GreenPool.spawnN(job), GreenPool, pool), (none) => expect(none).toBeUndefined())

  testEffect.each<readonly [string, Spawn]>([
    ["on a free slot", (pool, job) => pool.spawnN(job)],
    ["on a borrowed slot", (pool, job) => pool.run(pool.spawnN(job))],
    ["after it had to wait for its slot", afterWait],
    ["by the verb of a key, which returns nothing", byKey]
  ])("%s, with the log annotations of its spawn and the name of the pool", function*([, spawn]) {
    for (const cause of [Cause.fail("no"), Cause.die(bug)]) {
      const job = Effect.annotateLogs(Effect.failCause(cause), "inner", "not in force")
      const entries = yield* loggedIn(1, (pool) => Effect.annotateLogs(spawn(pool, job), "request", "42"))
      const annotations = { request: "42", pool: "default" }
      expect(entries).toEqual([{ annotations, cause, level: "Error", message: expect.anything() }])
    }
  })

  testEffect("where its finalizer dies at its interruption, whether or not a handler stands around it", function*() {
    const job = Effect.ensuring(Effect.never, Effect.die(bug))
    for (const spawned of [job, Effect.exit(job)]) {
      const entries = yield* loggedIn(1, (pool) =>
        Effect.gen(function*() {
          const lender = yield* pool.spawn(pool.spawnN(spawned))
          yield* atRest
          yield* Fiber.interrupt(lender)
          expect((yield* pool.stats).failed).toBe(1)
        }))
      expect(entries.map(({ cause }) => cause.reasons.some(Cause.isDieReason))).toEqual([true])
    }
  })
})

testEffect("nothing is reported of jobs that succeed, are interrupted, or fail their fiber", function*() {
  const entries = yield* logged(Effect.scoped(Effect.gen(function*() {
    const pool = yield* makePool(2)
    yield* pool.spawnN(Effect.succeed(1))
    yield* pool.spawnN(Effect.interrupt)
    yield* Effect.exit(pool.run(Effect.fail("no")))
    expect(yield* Fiber.await(yield* pool.spawn(Effect.fail("no")))).toEqual(Exit.fail("no"))
    yield* pool.spawnN(Effect.never)
    yield* pool.spawnN(Effect.never)
    yield* Fiber.interrupt(yield* forkNow(pool.spawnN(Effect.fail("never started"))))
    yield* atRest
  })))
  expect(entries).toEqual([])
})
