import { assert, describe, it } from "@effect/vitest"
import { ClusterFailure, ClusterJob } from "@greenpool/cluster"
import { layerEmbedded } from "@greenpool/cluster/node"
import { GreenPool } from "@greenpool/core"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, References, Schema, Stream } from "effect"
import type { MessageStorage, Sharding } from "effect/cluster"
import { SqlClient } from "effect/sql"
import { inspect } from "node:util"
import { laneOf } from "../src/internal/job-lanes.ts"

const Failed = Schema.TaggedStruct("Failed", { n: Schema.Int })

const Double = ClusterJob.make("double", {
  payload: { n: Schema.Int },
  success: Schema.Int,
  error: Failed,
  idempotencyKey: ({ n }) => String(n)
})

const cluster = layerEmbedded({ sharding: { entityMessagePollInterval: 50, refreshAssignmentsInterval: 20 } })

const quiet = Effect.provideService(References.MinimumLogLevel, "Error")

/** Runs the effect in a cluster that is this process, with a pool of four slots. */
const inCluster = <A, E, R>(
  effect: Effect.Effect<
    A,
    E,
    R | GreenPool | Sharding.Sharding | MessageStorage.MessageStorage | SqlClient.SqlClient
  >
) => effect.pipe(Effect.provide(Layer.merge(GreenPool.layer({ size: 4 }), cluster)), Effect.scoped, quiet)

/** Makes this process the runner of the bodies, until the scope closes. */
const serve = <R>(layer: Layer.Layer<never, never, R>) => Layer.build(layer)

describe("a durable job", () => {
  it.live("gives its callers the typed result, and the typed failure", () =>
    inCluster(Effect.gen(function*() {
      yield* serve(
        Double.toLayer(({ n }) => n < 0 ? Effect.fail({ _tag: "Failed", n } as const) : Effect.succeed(2 * n))
      )
      assert.strictEqual(yield* Double.run({ n: 21 }), 42)
      const failed = yield* Effect.flip(Double.run({ n: -1 }))
      assert.deepStrictEqual(failed as unknown, { _tag: "Failed", n: -1 })
    })))

  it.live("runs once for a key, for callers at the same time and later ones, and keeps a failure", () =>
    inCluster(Effect.gen(function*() {
      const ran: Array<number> = []
      yield* serve(Double.toLayer(({ n }) => {
        ran.push(n)
        return n === 2 ? Effect.fail({ _tag: "Failed", n } as const) : Effect.as(Effect.sleep(20), 2 * n)
      }))
      const results = yield* Effect.all(Array.from({ length: 10 }, () => Double.run({ n: 1 })), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(results, new Array(10).fill(2))
      assert.strictEqual(yield* Double.run({ n: 1 }), 2)
      yield* Effect.flip(Double.run({ n: 2 }))
      yield* Effect.flip(Double.run({ n: 2 }))
      assert.deepStrictEqual(ran, [1, 2])
    })))

  it.live("is written down by spawn, which doesn't wait for it, and joined by run", () =>
    inCluster(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      yield* serve(Double.toLayer(({ n }) => Effect.as(Deferred.await(gate), 2 * n)))
      yield* Double.spawn({ n: 3 })
      yield* Double.spawn({ n: 3 })
      const joined = yield* Effect.forkChild(Double.run({ n: 3 }))
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(joined), 6)
    })))

  it.live("runs in the slots of the pool, with closures of the process", () =>
    inCluster(Effect.gen(function*() {
      let running = 0
      let most = 0
      const job = Effect.sync(() => most = Math.max(most, ++running)).pipe(
        Effect.andThen(Effect.sleep(5)),
        Effect.ensuring(Effect.sync(() => running--))
      )
      yield* serve(Double.toLayer(({ n }) => Effect.as(job, n)))
      yield* Effect.all([
        Effect.forEach(Array.from({ length: 40 }, (_, n) => n), (n) => Double.run({ n }), { concurrency: "unbounded" }),
        Effect.all(Array.from({ length: 20 }, () => GreenPool.run(job)), { concurrency: "unbounded" })
      ], { concurrency: "unbounded" })
      assert.strictEqual(most, 4)
    })))

  it.live("starts the bodies of a lane in the order of writing, at size 1 too", () =>
    inCluster(Effect.gen(function*() {
      const order: Array<number> = []
      yield* serve(Double.toLayer(({ n }) => Effect.sync(() => (order.push(n), n))))
      const lane = Array.from({ length: 4000 }, (_, n) => n).filter((n) => laneOf(String(n)) === "7").slice(0, 20)
      yield* GreenPool.resize(0)
      yield* Effect.forEach(lane, (n) => Double.spawn({ n }))
      yield* GreenPool.resize(1)
      yield* Effect.forEach(lane, (n) => Double.run({ n }), { concurrency: "unbounded" })
      assert.deepStrictEqual(order, lane)
    })))

  it.live("holds up no other of its lane while it runs", () =>
    inCluster(Effect.gen(function*() {
      yield* serve(Double.toLayer(({ n }) => n === 0 ? Effect.never : Effect.succeed(2 * n)))
      const sameLane = Array.from({ length: 4000 }, (_, n) => n + 1).find((n) => laneOf(String(n)) === laneOf("0"))!
      yield* Double.spawn({ n: 0 })
      assert.strictEqual(yield* Double.run({ n: sameLane }), 2 * sameLane)
    })))

  it.live("goes on when its caller is interrupted", () =>
    inCluster(Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      let ran = 0
      yield* serve(Double.toLayer(({ n }) =>
        Effect.sync(() => ran++).pipe(
          Effect.andThen(Deferred.succeed(started, undefined)),
          Effect.andThen(Deferred.await(gate)),
          Effect.as(2 * n)
        )
      ))
      const caller = yield* Effect.forkChild(Double.run({ n: 5 }))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(caller)
      // An interruption would be written down as a message of its own, and found at the next look into the storage.
      yield* Effect.sleep(150)
      const second = yield* Effect.forkChild(Double.run({ n: 5 }))
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(second), 10)
      assert.strictEqual(ran, 1)
    })))

  it.live("gives its callers a defect, which stays, and its lane goes on", () =>
    inCluster(Effect.gen(function*() {
      let ran = 0
      yield* serve(Double.toLayer(({ n }) => {
        ran++
        if (n === 1) throw new Error("It throws")
        return n === 2 ? Effect.die(new Error("It dies")) : Effect.succeed(n === 3 ? 0.5 : 2 * n)
      }))
      const defect = (n: number) =>
        Effect.map(
          Effect.exit(Double.run({ n })),
          (exit) => Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? inspect(Cause.squash(exit.cause)) : "none"
        )
      assert.include(yield* defect(1), "It throws")
      assert.include(yield* defect(2), "It dies")
      // A half isn't an integer, so the schema can't encode it.
      assert.include(yield* defect(3), "MalformedMessage")
      assert.include(yield* defect(3), "MalformedMessage")
      assert.strictEqual(yield* Double.run({ n: 4 }), 8)
      assert.strictEqual(ran, 4)
    })))

  it.live("maps a source in order, in a window, and goes on from stored results", () =>
    inCluster(Effect.gen(function*() {
      let ran = 0
      let pulled = 0
      yield* serve(Double.toLayer(({ n }) => Effect.sync(() => (ran++, 2 * n))))
      const source = function*() {
        for (let n = 0; n < 100; n++) {
          pulled++
          yield { n }
        }
      }
      const first = yield* Stream.runCollect(Stream.take(Double.imap(source(), { window: 8 }), 30))
      assert.deepStrictEqual([...first], Array.from({ length: 30 }, (_, n) => 2 * n))
      assert.isAtMost(pulled, 30 + 2 * 8)
      const all = yield* Stream.runCollect(Double.imap(source()))
      assert.deepStrictEqual([...all], Array.from({ length: 100 }, (_, n) => 2 * n))
      assert.strictEqual(ran, 100)
    })))

  it.live("ends a map at the first failure in order, after all results before it", () =>
    inCluster(Effect.gen(function*() {
      yield* serve(Double.toLayer(({ n }) => n === 5 ? Effect.fail({ _tag: "Failed", n } as const) : Effect.succeed(n)))
      const results: Array<number> = []
      const source = Array.from({ length: 20 }, (_, n) => ({ n }))
      const failed = yield* Effect.flip(
        Stream.runForEach(Double.imap(source), (n) => Effect.sync(() => results.push(n)))
      )
      assert.deepStrictEqual(failed as unknown, { _tag: "Failed", n: 5 })
      assert.deepStrictEqual(results, [0, 1, 2, 3, 4])
    })))

  it.live("is a defect of the caller where the schema refuses the payload or the window is wrong", () =>
    inCluster(Effect.gen(function*() {
      const wrong = yield* Effect.exit(Double.run({ n: 0.5 }))
      assert.isTrue(Exit.isFailure(wrong) && Cause.hasDies(wrong.cause))
      for (const window of [-1, 0, 0.5]) {
        const map = yield* Effect.exit(Stream.runDrain(Double.imap([{ n: 1 }], { window })))
        assert.isTrue(Exit.isFailure(map) && Cause.hasDies(map.cause))
      }
    })))

  it.live("takes a schema as payload, and services from its layer", () => {
    const Greet = ClusterJob.make("greet", {
      payload: Schema.Struct({ at: Schema.DateFromString }),
      success: Schema.String,
      idempotencyKey: ({ at }) => at.toISOString()
    })
    class Name extends Schema.Class<Name>("Name")({ name: Schema.String }) {}
    const Nothing = ClusterJob.make("nothing", { payload: Name, idempotencyKey: ({ name }) => name })
    return inCluster(Effect.gen(function*() {
      yield* serve(Greet.toLayer(({ at }) => Effect.map(GreenPool.stats, ({ name }) => `${name} ${at.getTime()}`)))
      yield* serve(Nothing.toLayer(() => Effect.void))
      assert.strictEqual(yield* Greet.run({ at: new Date(5) }), "default 5")
      assert.isUndefined(yield* Nothing.run(new Name({ name: "a" })))
    }))
  })

  it.live("fails with ClusterFailure where it can't be written down", () =>
    inCluster(Effect.gen(function*() {
      yield* serve(Double.toLayer(({ n }) => Effect.succeed(n)))
      yield* Double.run({ n: 1 })
      const sql = yield* SqlClient.SqlClient
      yield* sql`DROP TABLE cluster_messages`
      for (const call of [Double.run({ n: 2 }), Double.spawn({ n: 3 })]) {
        const failed = yield* Effect.flip(call)
        assert.instanceOf(failed, ClusterFailure)
        assert.strictEqual(failed.job, "double")
      }
    })))

  it("says in its failure which job it was", () => {
    const failure = new ClusterFailure({ job: "thumb", cause: new Error("The disk is full") })
    assert.strictEqual(failure.message, "The cluster failed a call of the job \"thumb\": Error: The disk is full")
  })
})
