import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { it } from "@effect/vitest"
import { Context, Effect, Layer, Metric, type Scope } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { TestClock } from "effect/testing"
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from "node:http"
import { text } from "node:stream/consumers"
import { type AnyPool, Dashboard, type DashboardOptions } from "../../src/index.ts"

/** Serves the layer on a free port until the scope closes, and gives the URL of the server and what the layer makes. */
export const serve = <A, E, R>(layer: Layer.Layer<A, E, R>, port = 0) =>
  Effect.gen(function*() {
    const app = HttpRouter.serve(layer, { disableListenLog: true, disableLogger: true })
    const server = NodeHttpServer.layer(createServer, { host: "127.0.0.1", port })
    const context = yield* Layer.build(Layer.provideMerge(app, server))
    const { address } = Context.get(context, HttpServer.HttpServer)
    return { url: HttpServer.formatAddress(address), context: context as Context.Context<A | HttpServer.HttpServer> }
  })

/** Serves a dashboard until the scope closes. `page` is its address. */
export const serveDashboard = <const Pools extends ReadonlyArray<AnyPool> = [], R = never>(
  options?: DashboardOptions<Pools, R>
) => Effect.map(serve(Dashboard.layer(options)), ({ context, url }) => ({ context, url, page: `${url}/greenpool` }))

/** The body of a test that needs the services R. */
export type Body<R = never> = Generator<Effect.Effect<any, any, Scope.Scope | R>, void, any>

/** Each test has metrics of its own. */
export const ownMetrics = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

/** A test on virtual time. */
export const test = (title: string, body: () => Body) => it.effect(title, () => ownMetrics(Effect.gen(body)))

/** A test in real time. */
export const live = (title: string, body: () => Body) => it.live(title, () => Effect.gen(body))

interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A request with exactly these headers. */
export const ask = (url: string, { body, headers = {}, method = "GET" }: Ask = {}) =>
  Effect.promise((signal) =>
    new Promise<Answer>((resolve, reject) => {
      const request = httpRequest(url, { method, headers, agent: false, signal }, (response) => {
        const { headers, statusCode } = response
        text(response).then((body) => resolve({ status: statusCode!, headers, body }), reject)
      })
      request.on("error", reject).end(body)
    })
  )

/** Posts a command as the page does. */
export const command = (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}) => {
  const json = typeof body === "string" ? body : JSON.stringify(body)
  const length = String(Buffer.byteLength(json))
  const all = { "content-type": "application/json", "content-length": length, ...headers }
  return ask(url, { method: "POST", headers: all, body: json })
}

/** Opens a feed until the scope closes: its events as they come. */
export const openFeed = Effect.fnUntraced(function*(url: string, headers: Readonly<Record<string, string>> = {}) {
  const request = httpRequest(`${url}?feed`, { headers, agent: false }).on("error", () => {})
  yield* Effect.addFinalizer(() => Effect.sync(() => request.destroy()))
  const response = yield* Effect.callback<IncomingMessage>((resume) => {
    request.on("response", (response) => resume(Effect.succeed(response))).end()
  })
  const events: Array<any> = []
  let rest = ""
  response.setEncoding("utf8").on("error", () => {}).on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n\n")
    rest = parts.pop()!
    for (const part of parts) events.push(JSON.parse(part.replace(/^data: /, "")))
  })
  return { events }
})

export type Feed = Effect.Success<ReturnType<typeof openFeed>>

/** Waits until it is true, at most so many seconds of real time. */
export const until = (description: string, isTrue: () => boolean | Promise<boolean>, seconds = 5) =>
  Effect.promise(async () => {
    const end = Date.now() + seconds * 1000
    while (!await isTrue()) {
      if (Date.now() > end) throw new Error(`After ${seconds} s still not so: ${description}`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })

/** The samples that a feed has had. */
export const samplesOf = ({ events }: Feed) => events.filter(({ sample }) => sample !== undefined)

/** Lets so many seconds of virtual time go by, until a feed has the sample of each. */
export const seconds = Effect.fnUntraced(function*(feed: Feed, count = 1) {
  for (let second = 0; second < count; second++) {
    const before = samplesOf(feed).length
    yield* TestClock.adjust("1 second")
    yield* until("another sample", () => samplesOf(feed).length > before)
  }
})
