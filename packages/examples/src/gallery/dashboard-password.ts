// A dashboard behind a password: everyone that reaches the server may look, and the password allows steering. The
// password comes from the environment. A real server has TLS in front of it.
import { GreenPool } from "@greenpool/core"
import { Dashboard } from "@greenpool/dashboard"
import { Config, Console, Effect, Layer, Schema } from "effect"
import { serve } from "./serve.ts"

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

export const main = ({ port }: { readonly port: number }) =>
  Effect.gen(function*() {
    yield* Console.log(`The dashboard is at ${yield* serve(layerDashboard, port)}/greenpool, until Ctrl-C`)
    // Something to look at: always one more job than there are slots.
    const job = Effect.forever(Jobs.run(Effect.sleep("1 second")))
    yield* Effect.all(Array.from({ length: 6 }, () => job), { concurrency: "unbounded", discard: true })
  }).pipe(Effect.scoped, Effect.provide(Jobs.layer))
