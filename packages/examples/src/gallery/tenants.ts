// An HTTP server with a pool for each tenant, made at its first request and closed when it has been idle: a tenant that
// floods the server waits in its own queue. A second pool, which all share, bounds the connections to the database.
import { GreenPool } from "@greenpool/core"
import { Console, Effect, Layer, LayerMap, Option, Schema } from "effect"
import { FetchHttpClient, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { drive } from "../embedded/tenants-load.ts"
import { serve } from "./serve.ts"

const bounds = { size: 2, maxWaiting: 50 }

/** The requests of one tenant: so many concurrently, and a bounded queue. */
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

/** So that not any string becomes the name of a pool. A real server knows the tenant from credentials. */
const Tenant = Schema.String.check(Schema.isPattern(/^[a-z0-9-]{1,32}$/))

/**
 * Starts the server, and returns its address. All requests take the two pools in the same order, so that they never
 * wait for each other. In the second each tenant has a key: whose turn it is there does not depend on which asks most.
 */
export const startServer = (port: number, work: typeof query = query) => {
  const answer = Effect.gen(function*() {
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const tenant = yield* Schema.decodeUnknownEffect(Tenant)(headers["x-tenant"])
    const rows = yield* DatabasePool.run(work(tenant), { key: tenant }).pipe(
      ApiPool.run,
      Effect.provide(TenantPools.get(tenant))
    )
    return HttpServerResponse.text(rows)
  }).pipe(Effect.catchTags({
    SchemaError: () => Effect.succeed(HttpServerResponse.text("x-tenant: a-z, 0-9 and -, 1 to 32\n", { status: 400 })),
    PoolFull: () =>
      Effect.succeed(HttpServerResponse.text("too many\n", { status: 429, headers: { "retry-after": "1" } }))
  }))
  return serve(HttpRouter.add("GET", "/", answer), port)
}

export const main = Effect.fn("tenants")(
  function*({ port, seconds }: { readonly port: Option.Option<number>; readonly seconds: number }) {
    const address = yield* startServer(Option.getOrElse(port, () => 0))
    if (Option.isNone(port)) return yield* drive(address, seconds)
    yield* Console.log(`listening on ${address}; try: curl -H 'x-tenant: me' ${address}`)
    return yield* Effect.never
  },
  // The server ends before its pools.
  Effect.scoped,
  Effect.provide([TenantPools.layer, DatabasePool.layer, FetchHttpClient.layer])
)
