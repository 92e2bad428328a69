import * as NodeClusterHttp from "@effect/platform-node/NodeClusterHttp"
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, it } from "@effect/vitest"
import { ClusterJob } from "@greenpool/cluster"
import { layerClient, layerRunner, layerSqlite, timings } from "@greenpool/cluster/node"
import { GreenPool } from "@greenpool/core"
import { Effect, Exit, Layer, Option, Redacted, References, Schema, Scope } from "effect"
import {
  HttpRunner,
  RunnerAddress,
  RunnerHealth,
  type Sharding,
  ShardingConfig,
  SqlMessageStorage,
  SqlRunnerStorage
} from "effect/cluster"
import { RpcSerialization } from "effect/rpc"
import type { SqlClient } from "effect/sql"
import { createServer as createHttpServer } from "node:http"
import { createConnection, createServer, type Socket } from "node:net"
import { database } from "../support/folder.ts"
import { freePort } from "../support/ports.ts"
import { postgres, startPostgres } from "../support/postgres.ts"

const Place = ClusterJob.make("place", {
  payload: { n: Schema.Int },
  success: Schema.Int,
  idempotencyKey: ({ n }) => String(n)
})

const sharding = {
  refreshAssignmentsInterval: 100,
  entityMessagePollInterval: 100,
  entityReplyPollInterval: 20
} satisfies Partial<ShardingConfig.ShardingConfig["Service"]>

type Runner = Layer.Layer<Sharding.Sharding, unknown, SqlClient.SqlClient>

const storage = Layer.merge(
  SqlMessageStorage.layer.pipe(Layer.provide(NodeCrypto.layerDigest)),
  SqlRunnerStorage.layer
)

// As `NodeClusterHttp` puts them together. But its server waits 20 s for open WebSockets when it stops.
const overWebSockets = {
  runner: (port: number): Runner =>
    HttpRunner.layerWebsocket.pipe(
      Layer.provide([
        NodeHttpServer.layer(createHttpServer, { port, host: "localhost", gracefulShutdownTimeout: 0 }),
        NodeSocket.layerWebSocketConstructor,
        RunnerHealth.layerNoop
      ]),
      Layer.provide(storage),
      Layer.provide(RpcSerialization.layerSchemaBinary()),
      Layer.provide(ShardingConfig.layer({
        ...timings,
        ...sharding,
        runnerAddress: Option.some(RunnerAddress.make("localhost", port))
      }))
    ),
  client: NodeClusterHttp.layer({
    transport: "websocket",
    clientOnly: true,
    shardingConfig: { ...timings, ...sharding }
  }) as Runner
}

const overHttp = {
  runner: (port: number): Runner =>
    NodeClusterHttp.layer({
      transport: "http",
      shardingConfig: { ...timings, ...sharding, runnerAddress: Option.some(RunnerAddress.make("localhost", port)) }
    }),
  client: NodeClusterHttp.layer({
    transport: "http",
    clientOnly: true,
    shardingConfig: { ...timings, ...sharding }
  }) as Runner
}

const transports = {
  sockets: {
    runner: (port: number): Runner => layerRunner({ port, sharding }),
    client: layerClient({ sharding }) as Runner
  },
  HTTP: overHttp,
  WebSockets: overWebSockets
}

const quiet = Effect.provideService(References.MinimumLogLevel, "Error")

/** Two runners and a client: jobs run on both, and on the one that is left when the other has stopped. */
const serves = (
  { client, runner }: (typeof transports)["sockets"],
  database: Layer.Layer<SqlClient.SqlClient, unknown>
) =>
  Effect.gen(function*() {
    const ports = yield* Effect.promise(() => Promise.all([freePort(), freePort()]))
    // Each is built anew, with connections of its own, as if it were in another process.
    const start = <A, E>(layer: Layer.Layer<A, E, SqlClient.SqlClient>) =>
      Effect.gen(function*() {
        const scope = yield* Scope.fork(yield* Effect.scope)
        const context = yield* Layer.buildWithScope(
          Layer.fresh(layer.pipe(Layer.provide(Layer.fresh(database)))),
          scope
        )
        return { context, stop: Scope.close(scope, Exit.void) }
      })
    const [first] = yield* Effect.forEach(ports, (port) =>
      start(
        Place.toLayer(() => Effect.succeed(port)).pipe(
          Layer.provide(GreenPool.layer({ size: 10 })),
          Layer.provideMerge(runner(port))
        )
      ))
    const caller = yield* start(client)
    const places = (from: number) =>
      Effect.map(
        Effect.forEach(Array.from({ length: 30 }, (_, n) => from + n), (n) => Place.run({ n }), {
          concurrency: "unbounded"
        }),
        (places) => [...new Set(places)].toSorted()
      ).pipe(Effect.provide(caller.context))
    // The second one gets its lanes a moment after the first has had all.
    yield* Effect.repeat(
      Effect.suspend(() => places(100 * Math.floor(Math.random() * 1e9))),
      { until: (places) => places.length === 2, times: 50 }
    )
    yield* first!.stop
    assert.deepStrictEqual(yield* places(0), [ports[1]!])
    // Ids of messages are beyond the exact integers of JavaScript, and each database has its own way with them.
    assert.isAtLeast(yield* Place.purge({ olderThan: 0 }).pipe(Effect.provide(Layer.fresh(database))), 60)
    assert.strictEqual(yield* Place.purge({ olderThan: 0 }).pipe(Effect.provide(Layer.fresh(database))), 0)
  }).pipe(Effect.scoped, quiet)

describe("two runners and a client", { timeout: 60_000 }, () => {
  for (const [name, transport] of Object.entries(transports)) {
    it.live(`share the lanes of a job over ${name}, and one takes over when the other stops`, () =>
      Effect.flatMap(database, (filename) => serves(transport, layerSqlite({ filename }))))
  }

  it.live.skipIf(postgres === undefined)("share the lanes of a job through PostgreSQL", () =>
    Effect.gen(function*() {
      const { url } = yield* Effect.acquireRelease(
        Effect.promise(startPostgres),
        ({ stop }) => Effect.promise(stop)
      )
      yield* serves(transports.sockets, PgClient.layer({ url: Redacted.make(url) }))
    }).pipe(Effect.scoped))
})

describe("the sockets of a cluster", () => {
  it.live("send small messages without delay on both ends", () =>
    Effect.gen(function*() {
      // The handles of TCP connections, to which Node passes the option of both ends.
      const handles = yield* Effect.promise(() =>
        new Promise<{ setNoDelay: (on: boolean) => number }>((resolve) => {
          const server = createServer().listen(0, () => {
            const socket = createConnection((server.address() as { readonly port: number }).port)
            socket.once("connect", () => {
              resolve(Object.getPrototypeOf((socket as Socket & { readonly _handle: object })._handle))
              socket.destroy()
              server.close()
            })
          })
        })
      )
      const setNoDelay = handles.setNoDelay
      let calls = 0
      handles.setNoDelay = function(on) {
        if (on) calls++
        return setNoDelay.call(this, on)
      }
      yield* Effect.addFinalizer(() => Effect.sync(() => handles.setNoDelay = setNoDelay))
      const port = yield* Effect.promise(freePort)
      const sqlite = layerSqlite({ filename: yield* database })
      yield* Layer.build(Layer.fresh(
        Place.toLayer(() => Effect.succeed(port)).pipe(
          Layer.provide(GreenPool.layer({ size: 1 })),
          Layer.provide(layerRunner({ port, sharding })),
          Layer.provide(Layer.fresh(sqlite))
        )
      ))
      const client = yield* Layer.build(layerClient({ sharding }).pipe(Layer.provide(Layer.fresh(sqlite))))
      assert.strictEqual(yield* Effect.provide(Place.run({ n: 1 }), client), port)
      assert.strictEqual(calls % 2, 0)
      assert.isAtLeast(calls, 2)
    }).pipe(Effect.scoped, quiet))
})
