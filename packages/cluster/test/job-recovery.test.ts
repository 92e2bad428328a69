import { assert, describe, it } from "@effect/vitest"
import { ClusterJob } from "@greenpool/cluster"
import { layerEmbedded } from "@greenpool/cluster/node"
import { GreenPool } from "@greenpool/core"
import { allowanceOf } from "@greenpool/core/allowance"
import { Context, Deferred, Effect, Exit, Fiber, Layer, References, Schema, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { database } from "./support/folder.ts"

const Count = ClusterJob.make("count", {
  payload: { id: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

const sharding = { entityMessagePollInterval: 50, refreshAssignmentsInterval: 20 }

const quiet = Effect.provideService(References.MinimumLogLevel, "Error")

/** A process of its own, as far as the database can tell, with the body that counts. */
const start = (filename: string, body: Effect.Effect<number>) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const layer = Count.toLayer(() => body).pipe(
      Layer.provideMerge(Layer.merge(GreenPool.layer({ size: 2 }), layerEmbedded({ filename, sharding })))
    )
    const context = yield* Layer.buildWithScope(Layer.fresh(layer), scope)
    return { context, stop: Scope.close(scope, Exit.void) }
  })

/** A body that first waits for ever, and the next time returns how often it has run. */
const stuckOnce = Effect.gen(function*() {
  const started = yield* Deferred.make<void>()
  let runs = 0
  let stopped = 0
  const body = Effect.suspend(() =>
    ++runs === 1
      ? Effect.andThen(Deferred.succeed(started, undefined), Effect.never).pipe(
        Effect.onInterrupt(() => Effect.sync(() => stopped++))
      )
      : Effect.succeed(runs)
  )
  return { body, started, stopped: () => stopped }
})

describe("a durable job", () => {
  it.live("starts again where the lease of its slot is lost, and its callers get the result of that", () =>
    Effect.gen(function*() {
      const { body, started, stopped } = yield* stuckOnce
      const { context, stop } = yield* start(yield* database, body)
      const caller = yield* Effect.forkChild(Effect.provide(Count.run({ id: "a" }), context))
      yield* Deferred.await(started)
      yield* allowanceOf(Context.get(context, GreenPool)).evict
      assert.strictEqual(yield* Fiber.join(caller), 2)
      assert.strictEqual(stopped(), 1)
      yield* stop
    }).pipe(Effect.scoped, quiet))

  it.live("starts again after its process has stopped in the middle, and is not run again once it has ended", () =>
    Effect.gen(function*() {
      const { body, started, stopped } = yield* stuckOnce
      const filename = yield* database
      const first = yield* start(filename, body)
      yield* Effect.provide(Count.spawn({ id: "a" }), first.context)
      yield* Deferred.await(started)
      yield* first.stop
      assert.strictEqual(stopped(), 1)

      for (let restart = 0; restart < 2; restart++) {
        const again = yield* start(filename, body)
        assert.strictEqual(yield* Effect.provide(Count.run({ id: "a" }), again.context), 2)
        yield* again.stop
      }
    }).pipe(Effect.scoped, quiet))

  it.live("keeps no interruption as its result where the pool closes around it", () =>
    Effect.gen(function*() {
      const { body, started } = yield* stuckOnce
      const filename = yield* database
      const poolScope = yield* Scope.make()
      const pool = yield* Layer.buildWithScope(GreenPool.layer({ size: 2 }), poolScope)
      const processScope = yield* Scope.make()
      const first = yield* Layer.buildWithScope(
        Count.toLayer(() => body).pipe(
          Layer.provideMerge(Layer.merge(Layer.succeedContext(pool), layerEmbedded({ filename, sharding })))
        ),
        processScope
      )
      const waiting = yield* Effect.forkChild(Effect.provide(Count.run({ id: "a" }), first))
      yield* Deferred.await(started)
      yield* Scope.close(poolScope, Exit.void)
      // The body is tried again on the closed pool meanwhile.
      yield* Effect.sleep(50)
      assert.isUndefined(waiting.pollUnsafe())
      yield* Scope.close(processScope, Exit.void)
      yield* Fiber.interrupt(waiting)

      const again = yield* start(filename, body)
      assert.strictEqual(yield* Effect.provide(Count.run({ id: "a" }), again.context), 2)
      yield* again.stop
    }).pipe(Effect.scoped, quiet))

  it.live("is forgotten when it is purged, but for what has not run, and runs again when it is called", () =>
    Effect.gen(function*() {
      let runs = 0
      const gate = yield* Deferred.make<void>()
      const { context, stop } = yield* start(
        yield* database,
        Effect.suspend(() => ++runs === 3 ? Effect.as(Deferred.await(gate), runs) : Effect.succeed(runs))
      )
      yield* Effect.gen(function*() {
        yield* Count.run({ id: "a" })
        yield* Count.run({ id: "b" })
        const waiting = yield* Effect.forkChild(Count.run({ id: "c" }))
        yield* Effect.sleep(50)
        assert.strictEqual(yield* Count.purge({ olderThan: "1 hour" }), 0)
        assert.strictEqual(yield* Count.run({ id: "a" }), 1)
        assert.strictEqual(yield* Count.purge({ olderThan: 0 }), 2)
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(yield* Fiber.join(waiting), 3)
        assert.strictEqual(yield* Count.run({ id: "a" }), 4)
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* sql`SELECT COUNT(*) FROM cluster_messages`.values, [[2]])
        assert.deepStrictEqual(yield* sql`SELECT COUNT(*) FROM cluster_replies`.values, [[2]])
      }).pipe(Effect.provide(context))
      yield* stop
    }).pipe(Effect.scoped, quiet))
})
