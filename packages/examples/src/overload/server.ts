import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type { PoolFull } from "@greenpool/core"
import { Effect, type Scope } from "effect"
import { HttpServer, type HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

/**
 * Starts a server on the loopback interface whose every request does what `handle` says for its tenant, and gives its
 * address. Who is turned away gets a 503 that says when to try again.
 */
export const serve = Effect.fnUntraced(function*(
  handle: (tenant: string) => Effect.Effect<void, PoolFull>
): Effect.fn.Return<string, HttpServerError.ServeError, Scope.Scope> {
  const server = yield* NodeHttpServer.make(createServer, { host: "127.0.0.1", port: 0, gracefulShutdownTimeout: 0 })
  // A bare handler cannot be interrupted: a client that has given up would keep its place in line.
  yield* server.serve(Effect.interruptible(Effect.gen(function*() {
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    return yield* handle(headers["x-tenant"] ?? "").pipe(
      Effect.as(HttpServerResponse.text("done")),
      Effect.catchTag("PoolFull", () => Effect.succeed(unavailable))
    )
  })))
  return HttpServer.formatAddress(server.address)
})

const unavailable = HttpServerResponse.text("too busy", { status: 503, headers: { "retry-after": "1" } })
