import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"

/**
 * Serves routes on this machine until the scope closes, and returns the address. Port 0 is any free one. When a client
 * leaves, the router interrupts its request: it leaves the queue of the pool, or ends its job.
 */
export const serve = <A, E, R>(routes: Layer.Layer<A, E, R>, port = 0) =>
  Effect.map(serveWith(routes, port), ({ address }) => address)

/** The same, with the services that the routes have made. */
export const serveWith = <A, E, R>(routes: Layer.Layer<A, E, R>, port: number) =>
  HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port, gracefulShutdownTimeout: 0 })),
    Layer.build,
    Effect.map((context) => {
      const { address } = Context.get(context, HttpServer.HttpServer)
      return { address: HttpServer.formatAddress(address), context }
    })
  )
