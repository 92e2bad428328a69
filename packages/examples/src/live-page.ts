// A live page of the pools of a command, for as long as it runs.
import { Dashboard, type Shown } from "@greenpool/dashboard"
import { Console, Effect, Option } from "effect"
import { Flag } from "effect/cli"
import { port, toggle } from "./flags.ts"
import { serveWith } from "./gallery/serve.ts"

/** The flags `--dashboard` and `--port`. */
export const pageFlags = {
  dashboard: toggle("dashboard", "Show the pools on a live page, where they can be resized, while this runs"),
  port: port("Where the page of --dashboard is served (default: any free port)").pipe(Flag.withDefault(0))
}

/**
 * Serves the page until the scope closes, says where, and returns it: pools are put on it by `Dashboard.show`. Programs
 * of this machine may steer them.
 */
export const servePage = Effect.fnUntraced(function*(port: number) {
  const { address, context } = yield* serveWith(Dashboard.layer({ access: Dashboard.local("steer"), keys: true }), port)
  yield* Console.error(`The dashboard is at ${address}/greenpool while this runs`)
  return context
})

/** Puts a pool on the page, if there is one. */
export const show = Effect.fnUntraced(function*(pool: Shown) {
  const page = yield* Effect.serviceOption(Dashboard)
  if (Option.isSome(page)) yield* Effect.provideService(Dashboard.show(pool), Dashboard, page.value)
})
