/** A process of a cluster under test: it keeps its part of a budget busy, and writes down what starts and ends when. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as PgClient from "@effect/sql-pg/PgClient"
import { ClusterGreenPool, ClusterJob } from "@greenpool/cluster"
import { layerClient, layerRunner, layerSqlite } from "@greenpool/cluster/node"
import { GreenPool } from "@greenpool/core"
import { Effect, Exit, Fiber, Layer, Redacted, References, Schema, Stream } from "effect"
import { openSync, writeSync } from "node:fs"
import type { ProcessOptions } from "./cluster.ts"

const options = JSON.parse(process.argv[2]!) as ProcessOptions

// What is written is not lost when the process is killed in the next moment.
const file = openSync(options.log, "a")
const log = (...words: ReadonlyArray<unknown>) => writeSync(file, `${process.hrtime.bigint()} ${words.join(" ")}\n`)

let jobs = 0

const job = Effect.suspend(() => {
  const id = ++jobs
  log("start", id)
  return Effect.onExit(
    Effect.sleep(options.jobMillis),
    (exit) => Effect.sync(() => log(Exit.isSuccess(exit) ? "end" : "interrupted", id))
  )
})

const Durable = ClusterJob.make("durable", {
  payload: { n: Schema.Int },
  success: Schema.Int,
  idempotencyKey: ({ n }) => String(n)
})

const database = options.database.startsWith("postgres:")
  ? PgClient.layer({ url: Redacted.make(options.database) })
  : layerSqlite({ filename: options.database })

const { lease, reclaimAfter, sharding } = options.timings

const cluster = options.port === undefined
  ? layerClient({ sharding })
  : layerRunner({ port: options.port, listenPort: options.listenPort, lease, reclaimAfter, sharding })

const program = Effect.gen(function*() {
  const { grace, heartbeat } = options.timings
  const pool = yield* ClusterGreenPool.make({ name: "kill", size: options.size, grace, heartbeat })
  yield* Layer.build(
    Durable.toLayer(({ n }) => Effect.as(Effect.andThen(Effect.sync(() => log("body", n)), job), n)).pipe(
      Layer.provide(Layer.succeed(GreenPool)(pool))
    )
  )
  log("ready")

  // A job that is interrupted because its lease is lost shows that in its fiber.
  yield* Effect.forEach(
    Array.from({ length: options.callers }),
    () => Effect.forkScoped(Effect.forever(Effect.flatMap(pool.spawn(job), Fiber.await)))
  )
  yield* pool.clusterStats.pipe(
    Effect.tap(({ leased, runner, term }) => Effect.sync(() => log("coordinator", runner, term, leased))),
    Effect.delay(200),
    Effect.forever,
    Effect.forkScoped
  )
  if (options.durable > 0) {
    const source = Array.from({ length: options.durable }, (_, n) => ({ n }))
    yield* Stream.runForEach(Durable.imap(source, { window: 16 }), (n) => Effect.sync(() => log("result", n)))
  }
  return yield* Effect.never
})

NodeRuntime.runMain(
  program.pipe(
    Effect.scoped,
    Effect.provide(Layer.provide(cluster, Layer.orDie(database))),
    Effect.provideService(References.MinimumLogLevel, "Error")
  )
)
