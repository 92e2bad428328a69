import { assert, describe, it } from "@effect/vitest"
import { ClusterJob } from "@greenpool/cluster"
import { layerEmbedded } from "@greenpool/cluster/node"
import { GreenPool } from "@greenpool/core"
import { allowanceOf } from "@greenpool/core/allowance"
import { Context, Deferred, Effect, Exit, Fiber, Layer, References, Schema, Scope } from "effect"
import { SqlClient } from "effect/sql"
import type { Body } from "./support/cluster.ts"
import { database } from "./support/folder.ts"

const Count = ClusterJob.make("count", {
  payload: { id: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

const embedded = (filename: string) =>
  layerEmbedded({ filename, sharding: { entityMessagePollInterval: 50, refreshAssignmentsInterval: 20 } })

/** A process of its own, as far as the database can tell, with the body that counts. */
const start = (filename: string, body: Effect.Effect<number>, pool = Layer.orDie(GreenPool.layer({ size: 2 }))) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const layer = Count.toLayer(() => body).pipe(Layer.provideMerge(Layer.merge(pool, embedded(filename))))
    const context = yield* Layer.buildWithScope(Layer.fresh(layer), scope)
    return { context, stop: Scope.close(scope, Exit.void), run: Effect.provide(Count.run({ id: "a" }), context) }
  })

/** A body that first waits for ever, and the next time returns how often it has run. */
const stuckOnce = () => {
  const started = Deferred.makeUnsafe<void>()
  const counts = { runs: 0, stopped: 0 }
  const stuck = Effect.onInterrupt(
    Effect.andThen(Deferred.succeed(started, undefined), Effect.never),
    () => Effect.sync(() => counts.stopped++)
  )
  const body = Effect.suspend(() => ++counts.runs === 1 ? stuck : Effect.succeed(counts.runs))
  return { body, started: Deferred.await(started), counts }
}

const test = (title: string, body: () => Body) =>
  it.live(title, () => Effect.gen(body).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "Error")))

describe("a durable job", () => {
  test("starts again where the lease of its slot is lost, and its callers get the result of that", function*() {
    const { body, counts, started } = stuckOnce()
    const { context, run, stop } = yield* start(yield* database, body)
    const caller = yield* Effect.forkChild(run)
    yield* started
    yield* allowanceOf(Context.get(context, GreenPool)).evict
    assert.strictEqual(yield* Fiber.join(caller), 2)
    assert.strictEqual(counts.stopped, 1)
    yield* stop
  })

  test("starts again after its process has stopped in the middle, and is not run again once it has ended", function*() {
    const { body, counts, started } = stuckOnce()
    const filename = yield* database
    const { context, stop } = yield* start(filename, body)
    yield* Effect.provide(Count.spawn({ id: "a" }), context)
    yield* started
    yield* stop
    assert.strictEqual(counts.stopped, 1)
    for (let restart = 0; restart < 2; restart++) {
      const again = yield* start(filename, body)
      assert.strictEqual(yield* again.run, 2)
      yield* again.stop
    }
  })

  test("keeps no interruption as its result where the pool closes around it", function*() {
    const { body, started } = stuckOnce()
    const filename = yield* database
    const scope = yield* Scope.make()
    const pool = Layer.succeed(GreenPool)(yield* Scope.provide(GreenPool.make({ size: 2 }), scope))
    const first = yield* start(filename, body, pool)
    const waiting = yield* Effect.forkChild(first.run)
    yield* started
    yield* Scope.close(scope, Exit.void)
    // The body is tried again on the closed pool meanwhile.
    yield* Effect.sleep(50)
    assert.isUndefined(waiting.pollUnsafe())
    yield* first.stop
    yield* Fiber.interrupt(waiting)
    const again = yield* start(filename, body)
    assert.strictEqual(yield* again.run, 2)
    yield* again.stop
  })

  test("is forgotten when it is purged, but for what has not run, and runs again when it is called", function*() {
    let runs = 0
    const gate = yield* Deferred.make<void>()
    const body = Effect.suspend(() => ++runs === 3 ? Effect.as(Deferred.await(gate), runs) : Effect.succeed(runs))
    const { context, stop } = yield* start(yield* database, body)
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
  })
})
