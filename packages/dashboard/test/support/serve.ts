import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Metric, type Scope } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { TestClock } from "effect/testing"
import { createServer, request as httpRequest } from "node:http"
import { type AnyPool, Dashboard, type DashboardOptions } from "../../src/index.ts"

/** Serves the layer on a free port until the scope closes, and gives the URL of the server and what the layer makes. */
export const serve = <A, E, R>(layer: Layer.Layer<A, E, R>, port = 0) =>
  Effect.gen(function*() {
    const app = HttpRouter.serve(layer, { disableListenLog: true, disableLogger: true })
    const context = yield* Layer.build(
      Layer.provideMerge(app, NodeHttpServer.layer(createServer, { host: "127.0.0.1", port }))
    )
    const { address } = Context.get(context, HttpServer.HttpServer)
    return { url: HttpServer.formatAddress(address), context: context as Context.Context<A | HttpServer.HttpServer> }
  })

/** Serves a dashboard until the scope closes. `page` is its address. */
export const serveDashboard = <const Pools extends ReadonlyArray<AnyPool> = [], R = never>(
  options?: DashboardOptions<Pools, R>
) => Effect.map(serve(Dashboard.layer(options)), ({ context, url }) => ({ context, url, page: `${url}/greenpool` }))

/** The body of a test. */
export type Body = Generator<Effect.Effect<any, any, Scope.Scope>, void, any>

/** Each test has metrics of its own. */
export const ownMetrics = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

/** A test on virtual time. */
export const test = (title: string, body: () => Body) => it.effect(title, () => ownMetrics(Effect.gen(body)))

/** A test in real time. */
export const live = (title: string, body: () => Body) => it.live(title, () => Effect.gen(body))

/** Makes once what the tests of a block share, in real time, and gives it to each of them. */
export const shared =
  <A, E>(make: Effect.Effect<A, E, Scope.Scope>) =>
  (name: string, block: (test: (title: string, body: (shared: A) => Body) => void) => void) => {
    const key = Context.Service<A>("test/shared")
    const once = Layer.provide(Layer.effect(key, ownMetrics(make)), Logger.layer([]))
    layer(once, { excludeTestServices: true, timeout: "60 seconds" })(
      name,
      (it) =>
        block((title, body) => it.effect(title, () => Effect.flatMap(key, (shared) => Effect.gen(() => body(shared)))))
    )
  }

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string
}

interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A request with exactly these headers. */
export const ask = (url: string, { body, headers = {}, method = "GET" }: Ask = {}): Effect.Effect<Answer> =>
  Effect.callback((resume) => {
    const request = httpRequest(url, { method, headers, agent: false }, (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () =>
        resume(Effect.succeed({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString("utf8")
        })))
    })
    request.on("error", (error) => resume(Effect.die(error)))
    request.end(body)
    return Effect.sync(() => request.destroy())
  })

/** Posts a command as the page does. */
export const command = (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}) => {
  const text = typeof body === "string" ? body : JSON.stringify(body)
  return ask(url, {
    method: "POST",
    headers: { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)), ...headers },
    body: text
  })
}

/** An open feed: its events as they come, and how it ends. */
export interface Feed {
  readonly status: number
  readonly events: Array<any>
  isOver: boolean
}

/** Opens a feed until the scope closes. */
export const openFeed = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly feed: Feed; readonly destroy: () => void }>((resume) => {
      const request = httpRequest(`${url}?feed`, { headers, agent: false }, (response) => {
        let text = ""
        const feed: Feed = { status: response.statusCode ?? 0, events: [], isOver: false }
        response.setEncoding("utf8").on("data", (chunk: string) => {
          const parts = (text + chunk).split("\n\n")
          text = parts.pop()!
          for (const part of parts) feed.events.push(JSON.parse(part.replace(/^data: /, "")))
        })
        response.on("close", () => (feed.isOver = true)).on("error", () => {})
        resume(Effect.succeed({ feed, destroy: () => request.destroy() }))
      })
      request.on("error", () => {})
      request.end()
    }),
    ({ destroy }) => Effect.sync(destroy)
  ).pipe(Effect.map(({ feed }) => feed))

/** Waits until it is true, at most so many seconds of real time. */
export const until = (description: string, isTrue: () => boolean | Promise<boolean>, seconds = 5) =>
  Effect.promise(async () => {
    const end = Date.now() + seconds * 1000
    while (!await isTrue()) {
      if (Date.now() > end) throw new Error(`After ${seconds} s still not so: ${description}`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })

const isSample = ({ sample }: { readonly sample?: number }) => sample !== undefined

/** The samples that a feed has had. */
export const samplesOf = ({ events }: Feed): ReadonlyArray<any> => events.filter(isSample)

/** Lets so many seconds of virtual time go by, until a feed has the sample of each. */
export const seconds = (feed: Feed, count = 1) =>
  Effect.gen(function*() {
    for (let second = 0; second < count; second++) {
      const before = samplesOf(feed).length
      yield* TestClock.adjust("1 second")
      yield* until("another sample", () => samplesOf(feed).length > before)
    }
  })
