import * as NodeClusterHttp from "@effect/platform-node/NodeClusterHttp"
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, it } from "@effect/vitest"
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
import { connect, createServer, type Server } from "node:net"
import { pipeline } from "node:stream"
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

interface Transport {
  readonly runner: (port: number) => Runner
  readonly client: Runner
}

const quiet = Effect.provideService(References.MinimumLogLevel, "Error")

const shardingConfig = { ...timings, ...sharding }

const at = (port: number) => ({ ...shardingConfig, runnerAddress: Option.some(RunnerAddress.make("localhost", port)) })

const overHttp = (transport: "http" | "websocket") => ({
  runner: (port: number): Runner => NodeClusterHttp.layer({ transport, shardingConfig: at(port) }),
  client: NodeClusterHttp.layer({ transport, clientOnly: true, shardingConfig }) as Runner
})

const transports = {
  sockets: {
    runner: (port: number): Runner => layerRunner({ port, sharding }),
    client: layerClient({ sharding }) as Runner
  },
  HTTP: overHttp("http"),
  WebSockets: {
    ...overHttp("websocket"),
    // As `NodeClusterHttp` puts it together. But its server waits 20 s for open WebSockets when it stops.
    runner: (port: number): Runner =>
      HttpRunner.layerWebsocket.pipe(
        Layer.provide([
          NodeHttpServer.layer(createHttpServer, { port, host: "localhost", gracefulShutdownTimeout: 0 }),
          NodeSocket.layerWebSocketConstructor,
          RunnerHealth.layerNoop
        ]),
        Layer.provide([SqlMessageStorage.layer.pipe(Layer.provide(NodeCrypto.layerDigest)), SqlRunnerStorage.layer]),
        Layer.provide([RpcSerialization.layerSchemaBinary(), ShardingConfig.layer(at(port))])
      )
  }
}

/** Starts a process. Each is built anew, with connections of its own, as if it were in another one. */
const start = Effect.fnUntraced(function*(runner: Runner, database: Layer.Layer<SqlClient.SqlClient, unknown>) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const layer = Layer.fresh(Layer.provide(runner, Layer.fresh(database)))
  return { context: yield* Layer.buildWithScope(layer, scope), stop: Scope.close(scope, Exit.void) }
})

/** A runner whose bodies return its port. */
const serving = (runner: Transport["runner"], port: number) =>
  Place.toLayer(() => Effect.succeed(port)).pipe(
    Layer.provide(GreenPool.layer({ size: 10 })),
    Layer.provideMerge(runner(port))
  )

/** Two runners and a client: jobs run on both, and on the one that is left when the other has stopped. */
const serves = Effect.fnUntraced(function*(
  { client, runner }: Transport,
  database: Layer.Layer<SqlClient.SqlClient, unknown>
) {
  const ports = yield* Effect.promise(() => Promise.all([freePort(), freePort()]))
  const [first] = yield* Effect.forEach(ports, (port) => start(serving(runner, port), database))
  const { context } = yield* start(client, database)
  const places = (from: number) =>
    Effect.forEach(Array.from({ length: 30 }, (_, n) => from + n), (n) => Place.run({ n }), {
      concurrency: "unbounded"
    }).pipe(Effect.map((places) => [...new Set(places)].toSorted()), Effect.provide(context))
  // The second one gets its lanes a moment after the first has had all.
  yield* Effect.repeat(
    Effect.suspend(() => places(100 * Math.floor(Math.random() * 1e9))),
    { until: (places) => places.length === 2, times: 50 }
  )
  yield* first!.stop
  assert.deepStrictEqual(yield* places(0), [ports[1]!])
  // Ids of messages are beyond the exact integers of JavaScript, and each database has its own way with them.
  const purge = Effect.provide(Place.purge({ olderThan: 0 }), Layer.fresh(database))
  assert.isAtLeast(yield* purge, 60)
  assert.strictEqual(yield* purge, 0)
}, quiet)

for (const [name, transport] of Object.entries(transports)) {
  it.live(
    `two runners and a client share the lanes of a job over ${name}, and one takes over for the other`,
    () => Effect.flatMap(database, (filename) => serves(transport, layerSqlite({ filename }))),
    60_000
  )
}

it.live.skipIf(postgres === undefined)("they share them through PostgreSQL", () =>
  Effect.gen(function*() {
    const { url } = yield* Effect.acquireRelease(Effect.promise(startPostgres), ({ stop }) => Effect.promise(stop))
    yield* Effect.scoped(serves(transports.sockets, PgClient.layer({ url: Redacted.make(url) })))
  }), 60_000)

// Only Linux has all addresses of 127.0.0.0/8.
it.live.each(process.platform === "linux" ? ["localhost", "127.0.0.2"] : ["localhost"])(
  "a client reaches a runner at %s, without delay of small messages",
  (host) =>
    Effect.gen(function*() {
      // What all handles of TCP inherit: Node passes the option of both ends to it.
      const server = createServer().listen(0) as Server & { readonly _handle: object }
      const handles = Object.getPrototypeOf(server._handle) as { setNoDelay: (on: boolean) => number }
      server.close()
      const setNoDelay = handles.setNoDelay
      let calls = 0
      handles.setNoDelay = function(on) {
        if (on) calls++
        return setNoDelay.call(this, on)
      }
      yield* Effect.addFinalizer(() => Effect.sync(() => handles.setNoDelay = setNoDelay))
      // A runner at localhost listens nowhere else. The other one is behind this proxy.
      const [port, listenPort] = yield* Effect.promise(() => Promise.all([freePort(), freePort()]))
      const proxy = createServer((socket) => {
        const behind = connect(listenPort, "localhost")
        pipeline(socket, behind, socket, () => {})
      }).listen(port, "127.0.0.2")
      yield* Effect.addFinalizer(() => Effect.sync(() => proxy.close()))
      const sqlite = layerSqlite({ filename: yield* database })
      const proxied = host === "localhost" ? undefined : { host, listenHost: "localhost", listenPort }
      const runner = layerRunner({ port, sharding, ...proxied })
      yield* start(serving(() => runner, port), sqlite)
      const { context } = yield* start(transports.sockets.client, sqlite)
      assert.strictEqual(yield* Effect.provide(Place.run({ n: 1 }), context), port)
      assert.strictEqual(calls % 2, 0)
      assert.isAtLeast(calls, 2)
    }).pipe(quiet)
)
