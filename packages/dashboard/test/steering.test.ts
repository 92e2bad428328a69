import { assert, it } from "@effect/vitest"
import { GreenPool, type PoolStats } from "@greenpool/core"
import { Effect, Exit, Layer, Logger, References, Scope, Stream } from "effect"
import { HttpMiddleware, HttpRouter } from "effect/http"
import { Dashboard, type Shown } from "../src/index.ts"
import { command, live, serve, serveDashboard } from "./support/serve.ts"

/** Serves these pools, and returns how a command to the first of them is answered, if it names no other. */
const steered = <E, R>(...pools: ReadonlyArray<Effect.Effect<Shown, E, R>>) =>
  Effect.map(
    serveDashboard({ pools, access: Dashboard.local("steer") }),
    ({ page }) => (order: string, more: object = {}) =>
      Effect.map(
        command(page, { pool: "default", command: order, ...more }),
        ({ body, status }) => [status, JSON.parse(body)] as const
      )
  )

live("a paused pool resumes with the size before, if that is known", function*() {
  const pool = yield* GreenPool.make({ size: 12 })
  const never = GreenPool.make({ name: "never", size: 0 })
  const post = yield* steered(Effect.succeed(pool), never, never)
  for (const [order, size] of [["pause", 0], ["pause", 0], ["resume", 12]] as const) {
    assert.deepStrictEqual(yield* post(order), [200, { size }])
    assert.strictEqual(yield* pool.size, size)
  }
  // Of two pools of one name, the one that is named.
  for (const [order, size] of [["resize", 2], ["pause", 0], ["resume", 2]] as const) {
    assert.deepStrictEqual(yield* post(order, { pool: "never (2)", size }), [200, { size }])
  }
  const error = "The size before the pause isn't known: set a size."
  assert.deepStrictEqual(yield* post("resume", { pool: "never" }), [409, { error }])
})

live("where there is nothing to steer, the answer says why", function*() {
  const scope = yield* Scope.make()
  const pool = yield* Scope.provide(GreenPool.make({ name: "short" }), scope)
  const stats = Effect.map(pool.stats, (stats) => ({ ...stats, name: "watched" }) as PoolStats)
  const post = yield* steered(Effect.succeed(pool), Effect.succeed({ stats, changes: Stream.never }))
  yield* Scope.close(scope, Exit.void)
  assert.deepStrictEqual(yield* post("pause", { pool: "short" }), [409, { error: "The pool has closed." }])
  assert.strictEqual((yield* post("pause", { pool: "watched" }))[0], 409)
  assert.deepStrictEqual(yield* post("pause", { pool: "x" }), [404, { error: "There is no pool named \"x\"." }])
})

it.live("each change is logged with the pool, the sizes and the address", () => {
  const logged: Array<unknown> = []
  const logger = Logger.make(({ fiber, logLevel, message }) =>
    logged.push([logLevel, message, fiber.getRef(References.CurrentLogAnnotations)])
  )
  return Effect.gen(function*() {
    const post = yield* steered(GreenPool.make({ size: 3 }))
    yield* post("resize", { size: 8 })
    yield* post("resize", { size: -8 })
    yield* post("pause")
    const proxied = HttpRouter.middleware(HttpMiddleware.xForwardedHeaders({ trustedProxies: () => true })).layer
    const dashboard = Dashboard.layer({ pools: [GreenPool.make({ size: 3 })], access: () => Effect.succeed("steer") })
    const { url } = yield* serve(Layer.provide(dashboard, proxied))
    yield* command(`${url}/greenpool`, { pool: "default", command: "pause" }, { "x-forwarded-for": "192.0.2.7" })
    const [here, there] = ["127.0.0.1", "192.0.2.7"]
    assert.deepStrictEqual(
      logged,
      [{ from: 3, to: 8, by: here }, { from: 8, to: 0, by: here }, { from: 3, to: 0, by: there }].map((change) => [
        "Info",
        ["A pool was resized from the dashboard"],
        { pool: "default", ...change }
      ])
    )
  }).pipe(Effect.provide(Logger.layer([logger])))
})
