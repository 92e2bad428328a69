import { assert, it } from "@effect/vitest"
import { ClusterFailure, ClusterJob } from "@greenpool/cluster"
import { layerEmbedded } from "@greenpool/cluster/node"
import { GreenPool } from "@greenpool/core"
import { allowanceOf } from "@greenpool/core/allowance"
import { Cause, Deferred, Effect, Exit, Fiber, Latch, Layer, Logger, References, Schema, Scope, Stream } from "effect"
import type { MessageStorage, Sharding } from "effect/cluster"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { runBody } from "../src/internal/job-body.ts"
import { laneOf } from "../src/internal/job-lanes.ts"
import { type Body, Count } from "./support/cluster.ts"
import { database } from "./support/folder.ts"

const Failed = Schema.TaggedStruct("Failed", { n: Schema.Int })

const Double = ClusterJob.make("double", {
  payload: { n: Schema.Int },
  success: Schema.Int,
  error: Failed,
  idempotencyKey: ({ n }) => String(n)
})

const fail = (n: number) => Effect.fail({ _tag: "Failed", n } as const)

const sharding = { entityMessagePollInterval: 50, refreshAssignmentsInterval: 20 }

const quiet = Effect.provideService(References.MinimumLogLevel, "Error")

/** A test in a cluster that is this process, with a pool of four slots. */
const test = (
  title: string,
  body: () => Body<GreenPool | Sharding.Sharding | MessageStorage.MessageStorage | SqlClient.SqlClient>
) =>
  it.live(title, () =>
    Effect.gen(body).pipe(
      Effect.provide(Layer.merge(GreenPool.layer({ size: 4 }), layerEmbedded({ sharding }))),
      Effect.scoped,
      quiet
    ))

/** Makes this process the runner of the bodies. */
const serve = (body: (n: number) => Effect.Effect<number, typeof Failed.Type>) =>
  Layer.build(Double.toLayer(({ n }) => body(n)))

/** Runs the job of each number, all at the same time. */
const runAll = (numbers: ReadonlyArray<number>) =>
  Effect.forEach(numbers, (n) => Double.run({ n }), { concurrency: "unbounded" })

const upTo = (length: number) => Array.from({ length }, (_, n) => n)

test("a job runs once for a key, for callers at the same time and later ones, and keeps its failure", function*() {
  const ran: Array<number> = []
  yield* serve((n) => {
    ran.push(n)
    return n === 2 ? fail(n) : Effect.as(Effect.sleep(20), 2 * n)
  })
  assert.deepStrictEqual(yield* runAll(new Array(10).fill(1)), new Array(10).fill(2))
  assert.strictEqual(yield* Double.run({ n: 1 }), 2)
  for (let time = 0; time < 2; time++) {
    const failed: unknown = yield* Effect.flip(Double.run({ n: 2 }))
    assert.deepStrictEqual(failed, { _tag: "Failed", n: 2 })
  }
  assert.deepStrictEqual(ran, [1, 2])
})

test("a job is written down by spawn, joined by run, and goes on when its caller is interrupted", function*() {
  const [started, gate] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
  let ran = 0
  yield* serve((n) =>
    Effect.suspend(() => {
      ran++
      return Effect.andThen(Deferred.succeed(started, undefined), Effect.as(Deferred.await(gate), 2 * n))
    })
  )
  const caller = yield* Effect.forkChild(Double.run({ n: 5 }))
  yield* Deferred.await(started)
  yield* Fiber.interrupt(caller)
  // An interruption would be written down as a message of its own, and found at the next look into the storage.
  yield* Effect.sleep(150)
  yield* Double.spawn({ n: 5 })
  const second = yield* Effect.forkChild(Double.run({ n: 5 }))
  yield* Effect.andThen(Double.spawn({ n: 6 }), Double.spawn({ n: 6 }))
  yield* Deferred.succeed(gate, undefined)
  assert.strictEqual(yield* Fiber.join(second), 10)
  assert.strictEqual(yield* Double.run({ n: 6 }), 12)
  assert.strictEqual(ran, 2)
})

test("jobs run in the slots of the pool, with closures of the process", function*() {
  const count = new Count()
  const job = count.of(Effect.sleep(5))
  yield* serve((n) => Effect.as(job, n))
  const closures = Effect.all(upTo(20).map(() => GreenPool.run(job)), { concurrency: "unbounded" })
  yield* Effect.all([runAll(upTo(40)), closures], { concurrency: "unbounded" })
  assert.deepInclude(count, { most: 4, ended: 60 })
})

test("bodies of a lane start in the order of writing, at size 1 too", function*() {
  const order: Array<number> = []
  // The function is called when its slot is there.
  yield* serve((n) => (order.push(n), Effect.succeed(n)))
  const lane = upTo(4000).filter((n) => laneOf(String(n)) === "7").slice(0, 20)
  yield* GreenPool.resize(0)
  yield* Effect.forEach(lane, (n) => Double.spawn({ n }))
  yield* Effect.repeat(Effect.delay(GreenPool.waiting, 1), { until: (waiting) => waiting === lane.length })
  assert.deepStrictEqual(order, [])
  yield* GreenPool.resize(1)
  yield* runAll(lane)
  assert.deepStrictEqual(order, lane)
})

test("what is stored of a key is found by its lane, which no version may change", function*() {
  assert.deepStrictEqual(["", "a", "foobar", "ключ"].map(laneOf), ["5", "44", "40", "57"])
  yield* serve(Effect.succeed)
  yield* Double.run({ n: 1 })
  const sql = yield* SqlClient.SqlClient
  const stored = yield* sql`SELECT entity_type, entity_id FROM cluster_messages`.values
  assert.deepStrictEqual(stored, [["greenpool/job/double", "28"]])
})

test("a body that runs holds up no other of its lane", function*() {
  yield* serve((n) => n === 0 ? Effect.never : Effect.succeed(2 * n))
  const sameLane = upTo(4000).find((n) => n > 0 && laneOf(String(n)) === laneOf("0"))!
  yield* Double.spawn({ n: 0 })
  assert.strictEqual(yield* Double.run({ n: sameLane }), 2 * sameLane)
})

test("a job gives its callers a defect, which stays, and its lane goes on", function*() {
  let ran = 0
  yield* serve((n) => {
    ran++
    if (n === 1) throw new Error("It throws")
    if (n === 5) return Effect.onInterrupt(Effect.interrupt, () => Effect.die(new Error("It dies at its end")))
    return n === 2 ? Effect.die(new Error("It dies")) : Effect.succeed(n === 3 ? 0.5 : 2 * n)
  })
  // A half isn't an integer, so the schema can't encode it.
  for (
    const [n, defect] of [
      [1, "It throws"],
      [2, "It dies"],
      [3, "MalformedMessage"],
      [3, "MalformedMessage"],
      [5, "It dies at its end"]
    ] as const
  ) {
    const exit = yield* Effect.exit(Double.run({ n }))
    assert.include(Exit.isFailure(exit) && Exit.hasDies(exit) ? inspect(Cause.squash(exit.cause)) : "none", defect)
  }
  assert.strictEqual(yield* Double.run({ n: 4 }), 8)
  assert.strictEqual(ran, 5)
})

test("a map keeps the order of its source, in a window, and goes on from stored results", function*() {
  let [ran, pulled] = [0, 0]
  yield* serve((n) => Effect.sync(() => (ran++, 2 * n)))
  const source = function*() {
    for (let n = 0; n < 100; n++) {
      pulled++
      yield { n }
    }
  }
  const first = yield* Stream.runCollect(Stream.take(Double.imap(source(), { window: 8 }), 30))
  assert.deepStrictEqual(first, upTo(30).map((n) => 2 * n))
  assert.isAtMost(pulled, 30 + 2 * 8)
  assert.deepStrictEqual(yield* Stream.runCollect(Double.imap(source())), upTo(100).map((n) => 2 * n))
  assert.strictEqual(ran, 100)
})

test("a map has 64 items in flight, and ends at the first failure in order, after all results before it", function*() {
  const gate = yield* Latch.make()
  let [pulled, inFlight] = [0, 0]
  const source = function*() {
    for (let n = 0; n < 100; n++) {
      if (++pulled === 64) gate.openUnsafe()
      yield { n }
    }
  }
  const body = (n: number) => Effect.suspend(() => (inFlight ||= pulled, n === 5 ? fail(n) : Effect.succeed(n)))
  yield* serve((n) => Effect.andThen(gate.await, body(n)))
  const results: Array<number> = []
  const map = Stream.runForEach(Double.imap(source()), (n) => Effect.sync(() => results.push(n)))
  const failed: unknown = yield* Effect.flip(map)
  assert.deepStrictEqual(failed, { _tag: "Failed", n: 5 })
  assert.deepStrictEqual(results, [0, 1, 2, 3, 4])
  assert.strictEqual(inFlight, 64)
})

test("a payload that the schema refuses and a wrong window are defects of the caller", function*() {
  const map = (window: number) => Stream.runDrain(Double.imap([{ n: 1 }], { window }))
  for (const wrong of [Double.run({ n: 0.5 }), ...[-1, 0, 0.5].map(map)]) {
    assert.isTrue(Exit.hasDies(yield* Effect.exit(Effect.asVoid(wrong))))
  }
})

test("a payload may be a schema, and a body takes services from its layer", function*() {
  const Greet = ClusterJob.make("greet", {
    payload: Schema.Struct({
      at: Schema.DateFromString,
      by: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed("me")))
    }),
    success: Schema.String,
    idempotencyKey: ({ at, by }) => `${by} ${at.toISOString()}`
  })
  class Name extends Schema.Class<Name>("Name")({ name: Schema.String }) {}
  const Nothing = ClusterJob.make("nothing", { payload: Name, idempotencyKey: ({ name }) => name })
  let runs = 0
  yield* Layer.build(Layer.merge(
    Greet.toLayer(({ at, by }) => Effect.map(GreenPool.stats, ({ name }) => `${by} ${name} ${at.getTime()} ${++runs}`)),
    Nothing.toLayer(() => Effect.void)
  ))
  // What is left out is in the key, too: these calls are one job.
  for (const by of [{}, { by: "me" }]) {
    assert.strictEqual(yield* Greet.run({ at: new Date(5), ...by }), "me default 5 1")
  }
  // Keys of any length are told apart.
  for (const [n, end] of ["a", "b"].entries()) {
    const by = "x".repeat(300) + end
    assert.strictEqual(yield* Greet.run({ at: new Date(5), by }), `${by} default 5 ${n + 2}`)
  }
  assert.isUndefined(yield* Nothing.run(new Name({ name: "a" })))
})

test("a job that can't be written down fails with ClusterFailure, which says which job it was", function*() {
  yield* serve(Effect.succeed)
  yield* Double.run({ n: 1 })
  const sql = yield* SqlClient.SqlClient
  yield* sql`DROP TABLE cluster_messages`
  for (const call of [Double.run({ n: 2 }), Double.spawn({ n: 3 })]) {
    const failed = yield* Effect.flip(Effect.asVoid(call))
    assert.instanceOf(failed, ClusterFailure)
    assert.match(failed.message, /^The cluster failed a call of the job "double": \S*PersistenceError$/)
  }
  assert.match(new ClusterFailure({ job: "a", cause: Symbol("why") }).message, / "a": Symbol\(why\)$/)
})

test("a job is forgotten when it is purged, but for what has not run, and then runs again", function*() {
  let runs = 0
  const gate = yield* Deferred.make<void>()
  yield* serve(() => Effect.suspend(() => ++runs === 2 ? Effect.as(Deferred.await(gate), runs) : Effect.succeed(runs)))
  yield* Double.run({ n: 1 })
  const waiting = yield* Effect.forkChild(Double.run({ n: 3 }))
  yield* Effect.sleep(50)
  for (const olderThan of ["1 hour", 3_600_000.5, Infinity]) {
    assert.strictEqual(yield* Double.purge({ olderThan: olderThan as number }), 0)
  }
  // Names that begin with another one, that end with it, or that are alike but for case and wildcards.
  for (const name of ["other", "doub", "double2", "uble", "DOUBLE", "d_uble", "%"]) {
    const other = ClusterJob.make(name, { payload: {}, idempotencyKey: () => "" })
    assert.strictEqual(yield* other.purge({ olderThan: 0 }), 0)
  }
  const sql = yield* SqlClient.SqlClient
  // One that was written down two hours ago, by the time in its id, and has just ended.
  yield* sql`UPDATE cluster_messages SET id = id - (7200000 << 22), request_id = request_id - (7200000 << 22)
    WHERE processed = TRUE`
  yield* sql`UPDATE cluster_replies SET request_id = request_id - (7200000 << 22)`
  assert.strictEqual(yield* Double.purge({ olderThan: "1 hour" }), 0)
  // A message whose reply alone is deleted would never be answered.
  yield* sql`CREATE TRIGGER kept BEFORE DELETE ON cluster_messages BEGIN SELECT RAISE(ABORT, 'kept'); END`
  yield* Effect.flip(Double.purge({ olderThan: 0 }))
  yield* sql`DROP TRIGGER kept`
  assert.strictEqual(yield* Double.run({ n: 1 }), 1)
  assert.strictEqual(yield* Double.purge({ olderThan: 0 }), 1)
  yield* Deferred.succeed(gate, undefined)
  assert.strictEqual(yield* Fiber.join(waiting), 2)
  assert.strictEqual(yield* Double.run({ n: 1 }), 3)
  assert.deepStrictEqual(yield* sql`SELECT COUNT(*) FROM cluster_messages`.values, [[2]])
  assert.deepStrictEqual(yield* sql`SELECT COUNT(*) FROM cluster_replies`.values, [[2]])
  // More than one statement deletes.
  yield* sql`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
    INSERT INTO cluster_messages (id, shard_id, entity_type, entity_id, kind, request_id, processed, last_reply_id)
    SELECT id + i, shard_id, entity_type, entity_id, kind, id + i, processed, last_reply_id FROM cluster_messages, n`
  yield* sql`UPDATE cluster_messages SET last_reply_id = last_reply_id - (5400000 << 22)`
  assert.strictEqual(yield* Double.purge({ olderThan: "2 hours" }), 0)
  assert.strictEqual(yield* Double.purge({ olderThan: "1 hour" }), 2 + 2 * 600)
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

test("a job starts again where the lease of its slot is lost, and its callers get that result", function*() {
  const { body, counts, started } = stuckOnce()
  const logged: Array<unknown> = []
  const logger = Logger.make(({ fiber, message }) => {
    logged.push([message, fiber.getRef(References.CurrentLogAnnotations)])
  })
  let calls = 0
  yield* serve(() => (calls++, body)).pipe(
    Effect.provide(Logger.layer([logger])),
    Effect.provideService(References.MinimumLogLevel, "Warn")
  )
  const caller = yield* Effect.forkChild(Double.run({ n: 1 }))
  yield* started
  yield* allowanceOf(yield* GreenPool).evict
  assert.strictEqual(yield* Fiber.join(caller), 2)
  assert.deepStrictEqual([calls, counts.stopped], [2, 1])
  const message = "The body of a job was interrupted, and starts again"
  assert.deepStrictEqual(logged, [[[message], { job: "double", key: "1" }]])
})

it.effect("a body starts again as often as it is interrupted", () =>
  Effect.gen(function*() {
    let runs = 0
    const body = Effect.suspend(() => ++runs < 10 ? Effect.interrupt : Effect.succeed(runs))
    const call = yield* Effect.forkChild(runBody(yield* GreenPool.make({ size: 1 }), body))
    yield* TestClock.adjust("1 minute")
    assert.deepStrictEqual(call.pollUnsafe(), Exit.succeed(10))
  }).pipe(quiet))

test("a call that is interrupted is answered when its body has ended: another runner may start it then", function*() {
  const ended: Array<string> = []
  const ends = (what: string) => Effect.sync(() => ended.push(what))
  const body = Effect.onInterrupt(Effect.never, () => Effect.andThen(Effect.sleep(5), ends("body")))
  const call = Effect.ensuring(runBody(yield* GreenPool, body), ends("answer"))
  const caller = yield* Effect.forkChild(call, { startImmediately: true })
  yield* Fiber.interrupt(caller)
  assert.deepStrictEqual(ended, ["body", "answer"])
  const exit = yield* Fiber.await(caller)
  assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
})

/** A process of its own, as far as the database can tell, with this body. */
const start = (filename: string, body: Effect.Effect<number>, pool = Layer.orDie(GreenPool.layer({ size: 2 }))) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const layer = Double.toLayer(() => body).pipe(
      Layer.provideMerge(Layer.merge(pool, layerEmbedded({ filename, sharding })))
    )
    const context = yield* Layer.buildWithScope(Layer.fresh(layer), scope)
    return { context, stop: Scope.close(scope, Exit.void), run: Effect.provide(Double.run({ n: 1 }), context) }
  })

it.live("a job starts again after its process has stopped, and is not run again once it has ended", () =>
  Effect.gen(function*() {
    const { body, counts, started } = stuckOnce()
    const filename = yield* database
    const { context, stop } = yield* start(filename, body)
    yield* Effect.provide(Double.spawn({ n: 1 }), context)
    yield* started
    yield* stop
    assert.strictEqual(counts.stopped, 1)
    for (let restart = 0; restart < 2; restart++) {
      const again = yield* start(filename, body)
      assert.strictEqual(yield* again.run, 2)
      yield* again.stop
    }
  }).pipe(quiet))

it.live("a job keeps no interruption as its result where the pool closes around it", () =>
  Effect.gen(function*() {
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
  }).pipe(quiet))
