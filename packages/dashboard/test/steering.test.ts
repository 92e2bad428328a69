import { assert, describe, it } from "@effect/vitest"
import { GreenPool, type PoolStats } from "@greenpool/core"
import { Deferred, Effect, Exit, Fiber, Logger, References, Scope, Stream } from "effect"
import { Dashboard, type Shown } from "../src/index.ts"
import { command, serveDashboard } from "./support/serve.ts"

const steered = <E, R>(pools: ReadonlyArray<Effect.Effect<Shown, E, R>>) =>
  Effect.map(
    serveDashboard({ pools, access: Dashboard.local("steer") }),
    ({ page }) => (body: unknown) =>
      Effect.map(command(page, body), ({ body, status }) => [status, JSON.parse(body)] as const)
  )

describe("steering", () => {
  it.live("resizes, and answers when it has happened", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 1 })
      const post = yield* steered([Effect.succeed(pool)])
      const gate = yield* Deferred.make<void>()
      const jobs = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(pool.run(Deferred.await(gate))))
      yield* Effect.yieldNow
      assert.deepStrictEqual(yield* post({ pool: "default", command: "resize", size: 3 }), [200, { size: 3 }])
      assert.strictEqual(yield* pool.running, 3)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll(jobs)
    }))

  it.live("refuses a size that is none in the pool's own words", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 5 })
      const post = yield* steered([Effect.succeed(pool)])
      for (
        const [size, value] of [[-1, "-1"], [1.5, "1.5"], ["many", "\"many\""], ["", "\"\""], [null, "null"]] as const
      ) {
        const { message } = yield* Effect.flip(pool.resize(size as number))
        assert.include(message, value)
        assert.deepStrictEqual(yield* post({ pool: "default", command: "resize", size }), [422, { error: message }])
      }
      assert.strictEqual((yield* post({ pool: "default", command: "resize" }))[0], 422)
      assert.strictEqual(yield* pool.size, 5)
    }))

  it.live("pauses, and resumes with the size before", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 12 })
      const post = yield* steered([Effect.succeed(pool)])
      assert.deepStrictEqual(yield* post({ pool: "default", command: "pause" }), [200, { size: 0 }])
      assert.strictEqual(yield* pool.size, 0)
      assert.deepStrictEqual(yield* post({ pool: "default", command: "pause" }), [200, { size: 0 }])
      assert.deepStrictEqual(yield* post({ pool: "default", command: "resume" }), [200, { size: 12 }])
      assert.strictEqual(yield* pool.size, 12)
    }))

  it.live("doesn't resume with a size that it never saw", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 0 })
      const post = yield* steered([Effect.succeed(pool)])
      assert.deepStrictEqual(yield* post({ pool: "default", command: "resume" }), [409, {
        error: "The size before the pause isn't known: set a size."
      }])
      assert.strictEqual(yield* pool.size, 0)
    }))

  it.live("says why where there is nothing to steer", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(GreenPool.make({ name: "short" }), scope)
      const watched = {
        stats: Effect.map(pool.stats, (stats) => ({ ...stats, name: "watched" }) as PoolStats),
        changes: Stream.never
      }
      const post = yield* steered([Effect.succeed(pool), Effect.succeed(watched)])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* post({ pool: "short", command: "pause" }), [409, { error: "The pool has closed." }])
      assert.strictEqual((yield* post({ pool: "watched", command: "pause" }))[0], 409)
      assert.deepStrictEqual(yield* post({ pool: "x", command: "pause" }), [404, {
        error: "There is no pool named \"x\"."
      }])
    }))

  it.live("logs each change with the pool, the sizes and the address", () => {
    const logged: Array<unknown> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      logged.push([logLevel, message, fiber.getRef(References.CurrentLogAnnotations)])
    })
    return Effect.gen(function*() {
      const post = yield* steered([GreenPool.make({ size: 3, name: "jobs" })])
      yield* post({ pool: "jobs", command: "resize", size: 8 })
      yield* post({ pool: "jobs", command: "resize", size: -8 })
      yield* post({ pool: "jobs", command: "pause" })
      assert.deepStrictEqual(logged, [
        ["Info", ["A pool was resized from the dashboard"], { pool: "jobs", from: 3, to: 8, by: "127.0.0.1" }],
        ["Info", ["A pool was resized from the dashboard"], { pool: "jobs", from: 8, to: 0, by: "127.0.0.1" }]
      ])
    }).pipe(Effect.provide(Logger.layer([logger])))
  })
})
