// An HTTP server with a pool for each tenant, made when it first comes and closed when it has been idle: one that floods
// the server waits in its own line. A second pool, which all share, bounds the connections to the database.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { GreenPool } from "@greenpool/core"
import { Clock, Console, Duration, Effect, Layer, LayerMap, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { HttpClient, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { integer, port } from "../flags.ts"

const bounds = { size: 2, maxWaiting: 50 }

/** The requests of one tenant: so many at once, and a bounded line. */
export class ApiPool extends GreenPool.Service<ApiPool>()("app/ApiPool", bounds) {}

/** The connections to the database, for all tenants. */
export class DatabasePool extends GreenPool.Service<DatabasePool>()("app/DatabasePool", { size: 8 }) {}

/** The pools of the tenants. A request holds that of its tenant; once none holds it, it is closed after a while. */
export class TenantPools extends LayerMap.Service<TenantPools>()("app/TenantPools", {
  // A layer that is made here is the tenant's own. `ApiPool.layer` is one layer: all tenants would share its pool.
  lookup: (tenant: string) => Layer.effect(ApiPool, GreenPool.make({ ...bounds, name: tenant })),
  idleTimeToLive: "10 seconds"
}) {}

/** The work of a request. Here it only takes its time. */
const query = (_tenant: string): Effect.Effect<string> => Effect.delay(Effect.succeed("10 rows"), "20 millis")

/** So that no string becomes the label of a pool. Who it is, a real server learns from credentials. */
const Tenant = Schema.String.check(Schema.isPattern(/^[a-z0-9-]{1,32}$/))

/**
 * Starts the server, and gives its address. All its requests take the two pools in the same order, so that they never
 * wait for each other. In the second each tenant has a key: whose turn it is there does not depend on which asks most.
 */
export const startServer = Effect.fn("startServer")(function*(port: number, work: typeof query = query) {
  const server = yield* NodeHttpServer.make(createServer, { host: "127.0.0.1", port, gracefulShutdownTimeout: 0 })
  yield* server.serve(
    Effect.gen(function*() {
      const { headers } = yield* HttpServerRequest.HttpServerRequest
      const tenant = yield* Schema.decodeUnknownEffect(Tenant)(headers["x-tenant"])
      const answer = yield* DatabasePool.run(work(tenant), { key: tenant }).pipe(
        ApiPool.run,
        Effect.provide(TenantPools.get(tenant))
      )
      return HttpServerResponse.text(answer)
    }).pipe(
      Effect.catchTags({
        SchemaError: () =>
          Effect.succeed(HttpServerResponse.text("x-tenant: a-z, 0-9 and -, 1 to 32\n", { status: 400 })),
        PoolFull: () =>
          Effect.succeed(HttpServerResponse.text("too many\n", { status: 429, headers: { "retry-after": "1" } }))
      }),
      // A bare handler cannot be interrupted: a client that has left would keep its place in line.
      Effect.interruptible
    )
  )
  return HttpServer.formatAddress(server.address)
})

/** So many clients of a tenant ask for so long, each again as soon as it has its answer. */
const load = Effect.fnUntraced(function*(address: string, tenant: string, clients: number, seconds: number) {
  const got = { answered: 0, refused: 0, longest: 0 }
  const ask = Effect.gen(function*() {
    const began = yield* Clock.currentTimeMillis
    const { status } = yield* HttpClient.get(address, { headers: { "x-tenant": tenant } })
    if (status === 200) got.answered++
    else got.refused++
    got.longest = Math.max(got.longest, (yield* Clock.currentTimeMillis) - began)
    // As long as Retry-After says; here the load is over before.
    if (status === 429) yield* Effect.sleep("1 second")
  })
  yield* Effect.all(Array.from({ length: clients }, () => Effect.forever(ask)), { concurrency: "unbounded" }).pipe(
    Effect.timeoutOption(Duration.seconds(seconds))
  )
  return [tenant, clients, got.answered / seconds, got.refused, got.longest] as const
})

const drive = Effect.fnUntraced(function*(address: string, seconds: number) {
  const loads = [["flood", 100], ["one", 1], ["two", 2]] as const
  const rows = yield* Effect.forEach(loads, ([tenant, clients]) => load(address, tenant, clients, seconds), {
    concurrency: "unbounded"
  })
  yield* Console.log("tenant  clients  answered  refused  longest")
  for (const [tenant, clients, answered, refused, longest] of rows) {
    yield* Console.log(
      `${tenant.padEnd(6)}  ${String(clients).padStart(7)}  ${`${answered.toFixed(0)}/s`.padStart(8)}  ` +
        `${String(refused).padStart(7)}  ${`${longest} ms`.padStart(7)}`
    )
  }
})

const command = Command.make(
  "tenants",
  {
    port: port("Only serve, there; without it, the server gets some clients, and ends").pipe(Flag.optional),
    seconds: integer("seconds", "How long the clients ask", 3)
  },
  Effect.fn("tenants")(
    function*({ port, seconds }) {
      const address = yield* startServer(Option.getOrElse(port, () => 0))
      if (Option.isNone(port)) return yield* drive(address, seconds)
      yield* Console.log(`listening on ${address}; try: curl -H 'x-tenant: me' ${address}`)
      return yield* Effect.never
    },
    // The server ends before its pools.
    Effect.scoped,
    Effect.provide([TenantPools.layer, DatabasePool.layer, NodeHttpClient.layerNodeHttp])
  )
).pipe(Command.withDescription("An HTTP server with a pool for each tenant, driven by a few clients."))

export const main = Command.run(command, { version: "0.1.0" })
