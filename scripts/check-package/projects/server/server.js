// A server of a user with a dashboard: it serves the page and its parts, then ends.
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { GreenPool } from "@greenpool/core"
import { Dashboard } from "@greenpool/dashboard"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"

class ApiPool extends GreenPool.Service()("app/ApiPool", { size: 3, metrics: true }) {}

const ServerLive = HttpRouter.serve(Dashboard.layer({ pools: [ApiPool] }), {
  disableListenLog: true,
  disableLogger: true
}).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })),
  Layer.provide(ApiPool.layer)
)

const program = Effect.gen(function*() {
  const { address } = yield* HttpServer.HttpServer
  const page = `${HttpServer.formatAddress(address)}/greenpool`
  const get = (url) => Effect.promise(() => fetch(url).then((response) => response.text()))
  const html = yield* get(page)
  const parts = [...html.matchAll(/(?:href|src)="(.+?)"/g)].map(([, part]) => part)
  if (parts.length !== 3) throw new Error(`The page has ${parts.length} parts`)
  for (const part of parts) {
    const { length } = yield* get(page + part)
    if (length < 100) throw new Error(`${part} has ${length} characters`)
  }
  const { pools } = JSON.parse(yield* get(`${page}?history`))
  if (pools[0]?.name !== "app/ApiPool") throw new Error(`The pools are ${JSON.stringify(pools)}`)
})

await Effect.runPromise(program.pipe(Effect.provide(ServerLive)))
console.log("It serves the page")
