// Requests to an HTTP server whose handler runs in a traced pool: in the trace of a request, the wait for a slot is a
// span of its own next to the work. The spans are printed as trees, and go to a collector of OpenTelemetry by OTLP.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { GreenPool } from "@greenpool/core"
import { Console, Effect, Option, Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpRouter, HttpServerResponse } from "effect/http"
import { Otlp, OtlpExporter } from "effect/observability"
import { recordSpans, tree } from "../embedded/span-tree.ts"
import { serve } from "./serve.ts"

/** The pool of the server. Its name is in the spans of the waits. */
class Reports extends GreenPool.Service<Reports>()("reports", { size: 1, tracing: true, metrics: true }) {}

/** A job: what takes so long, apart from the wait. */
const render = Effect.sleep("30 millis").pipe(Effect.withSpan("render report"))

// The span of the request is the server's own; the pool and the job put theirs under it.
const routes = HttpRouter.add("GET", "/report", Effect.as(Reports.run(render), HttpServerResponse.text("report\n")))

/** Requests so many reports concurrently. The server has ended all its spans when it is closed. */
const ask = Effect.fnUntraced(function*(requests: number) {
  const address = yield* serve(routes)
  const request = Effect.andThen(HttpClient.get(`${address}/report`), ({ text }) => text)
  yield* Effect.all(Array.from({ length: requests }, () => request), { concurrency: "unbounded", discard: true })
}, Effect.scoped)

const show = Effect.fnUntraced(function*(requests: number) {
  const { recorder, spans } = yield* recordSpans
  yield* Effect.withTracer(ask(requests), recorder)
  yield* Console.log(tree(spans).join("\n"))
})

class NoCollector extends Schema.TaggedError<NoCollector>()("NoCollector", {
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/** Whether something takes traces there. The exporter itself would only go on without a word. */
const findCollector = (url: string) =>
  HttpClientRequest.post(url).pipe(
    HttpClientRequest.appendUrl("/v1/traces"),
    HttpClientRequest.bodyJsonUnsafe({ resourceSpans: [] }),
    HttpClient.execute,
    Effect.timeout("2 seconds"),
    Effect.flatMap(({ status }) => status === 200 ? Effect.void : Effect.fail(`status ${status}`)),
    Effect.mapError((cause) => new NoCollector({ message: `There is no collector at ${url}`, cause })),
    Effect.withTracerEnabled(false)
  )

/** Sends logs, metrics and spans to a collector. The name of the service comes with all of them. */
const exportTo = (url: string) => Otlp.layerJson({ baseUrl: url, resource: { serviceName: "greenpool-traces" } })

interface Options {
  readonly collector: Option.Option<URL>
  readonly requests: number
}

// Has no span of its own, so that each request begins a trace.
export const main = Effect.fnUntraced(function*({ collector, requests }: Options) {
  const url = Option.match(collector, { onNone: () => "http://localhost:4318", onSome: ({ href }) => href })
  const found = yield* findCollector(url).pipe(
    Effect.as(true),
    Effect.catchTag("NoCollector", (error) => Option.isSome(collector) ? Effect.fail(error) : Effect.succeed(false))
  )
  if (!found) return yield* Effect.provide(show(requests), Reports.layer)
  const exported = Effect.gen(function*() {
    yield* show(requests)
    // A pool that has closed has no gauges any more: its state is sent while it is open.
    yield* (yield* OtlpExporter.Flusher).flush
    yield* Console.log(`\nsent to ${url} as the service greenpool-traces`)
  })
  return yield* Effect.provide(exported, [Reports.layer, exportTo(url)])
}, Effect.provide(NodeHttpClient.layerNodeHttp))
