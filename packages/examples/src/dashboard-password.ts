// A dashboard behind a password: everyone that reaches the server may look, and the password allows steering. The
// password comes from the environment. A real server has TLS in front of it.
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { GreenPool } from "@greenpool/core"
import { Dashboard } from "@greenpool/dashboard"
import { Config, Console, Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"

class Jobs extends GreenPool.Service<Jobs>()("jobs", { size: 5, metrics: true }) {}

class NoPassword extends Schema.TaggedError<NoPassword>()("NoPassword", {}) {
  override get message() {
    return "Set the environment variable DASHBOARD_PASSWORD to the password for steering"
  }
}

const layerDashboard = Layer.unwrap(
  Effect.gen(function*() {
    const steer = yield* Config.Redacted("DASHBOARD_PASSWORD")
    return Dashboard.layer({ pools: [Jobs], access: Dashboard.password({ steer }) })
  }).pipe(Effect.mapError(() => new NoPassword()))
)

const layerServer = (port: number) =>
  HttpRouter.serve(layerDashboard, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port }))
  )

export const main = ({ port }: { readonly port: number }) =>
  Effect.gen(function*() {
    const { address } = yield* HttpServer.HttpServer
    yield* Console.log(`The dashboard is at ${HttpServer.formatAddress(address)}/greenpool, until Ctrl-C`)
    // Something to look at: always one more job than there are slots.
    const job = Effect.forever(Jobs.run(Effect.sleep("1 second")))
    yield* Effect.all(Array.from({ length: 6 }, () => job), { concurrency: "unbounded", discard: true })
  }).pipe(Effect.provide(Layer.provideMerge(layerServer(port), Jobs.layer)))
