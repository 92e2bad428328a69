// An HTTP server under more load than it can serve: every request is a job of a pool, which bounds its queue, and each
// tenant has a key, so that one with many or long requests does not crowd out another.
import { GreenPool, type GreenPoolOptions, type PoolFull } from "@greenpool/core"
import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { serve } from "../gallery/serve.ts"
import { show } from "../live-page.ts"

/** How many requests are worked on concurrently, and how long one takes, in milliseconds. */
export const SIZE = 10
export const SERVICE_TIME = 50

/** How many requests a second the pool can do at most. */
export const CAPACITY = SIZE * 1000 / SERVICE_TIME

/** The ways to bound the queue that are compared. */
export const bounds = {
  none: {},
  maxWaiting: { maxWaiting: (size) => 2 * size },
  maxWait: { maxWait: "500 millis" }
} satisfies Record<string, GreenPoolOptions>

/** The name of one of them. */
export type Bound = keyof typeof bounds

/** The server with such a bound: starts it, and returns its address. */
export const startServer = Effect.fnUntraced(function*(bound: Bound) {
  const options: GreenPoolOptions = bounds[bound]
  const pool = yield* GreenPool.make({ ...options, size: SIZE, name: bound })
  yield* show(pool)
  return yield* listen(() => pool.run(Effect.sleep(SERVICE_TIME)))
})

/** The server with tenants, whose requests take different times. */
export const startSharedServer = Effect.fnUntraced(function*(
  size: number,
  keys: boolean,
  work: (tenant: string) => Effect.Effect<void>
) {
  const pool = yield* GreenPool.make({ size, name: keys ? "with keys" : "without keys" })
  yield* show(pool)
  return yield* listen((tenant) => keys ? pool.run(work(tenant), { key: tenant }) : pool.run(work(tenant)))
})

/** Does for each request what `handle` says for its tenant. A rejected one gets a 503 that says when to try again. */
const listen = (handle: (tenant: string) => Effect.Effect<void, PoolFull>) => {
  const answer = Effect.gen(function*() {
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    yield* handle(headers["x-tenant"] ?? "")
    return HttpServerResponse.text("done")
  }).pipe(
    Effect.catchTag(
      "PoolFull",
      () => Effect.succeed(HttpServerResponse.text("too busy", { status: 503, headers: { "retry-after": "1" } }))
    )
  )
  return serve(HttpRouter.add("GET", "/", answer))
}
