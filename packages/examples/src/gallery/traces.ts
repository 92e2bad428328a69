// Requests to an HTTP server whose handler runs in a traced pool: in the trace of a request, the wait for a slot is a
// span of its own beside the work. The spans are printed as trees, and go to a collector of OpenTelemetry by OTLP.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { GreenPool } from "@greenpool/core"
import { Console, Effect, Layer, Option, Schema, Tracer } from "effect"
import { Command, Flag } from "effect/cli"
import { HttpClient, HttpClientRequest, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { Otlp, OtlpExporter } from "effect/observability"
import { createServer } from "node:http"
import { expectedUrl, integer, parseUrl } from "../flags.ts"

/** The pool of the server. Its name is in the spans of the waits. */
class Reports extends GreenPool.Service<Reports>()("reports", { size: 1, tracing: true, metrics: true }) {}

/** A job: what takes so long, apart from the wait. */
const render = Effect.sleep("30 millis").pipe(Effect.withSpan("render report"))

// The span of the request is the server's own; the pool and the job put theirs under it.
const routes = HttpRouter.add("GET", "/report", Effect.as(Reports.run(render), HttpServerResponse.text("report\n")))

const server = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0, gracefulShutdownTimeout: 0 }))
)

/** Asks for so many reports at once. */
const ask = Effect.fnUntraced(function*(requests: number) {
  const address = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
  const request = Effect.andThen(HttpClient.get(`${address}/report`), ({ text }) => text)
  yield* Effect.all(Array.from({ length: requests }, () => request), { concurrency: "unbounded", discard: true })
})

/** The tracer in force, and the spans that it makes from now on. */
const recordSpans = Effect.gen(function*() {
  const tracer = yield* Tracer.Tracer
  const spans: Array<Tracer.Span> = []
  const recorder = Tracer.make({
    span(options) {
      const span = tracer.span(options)
      spans.push(span)
      return span
    }
  })
  return { recorder, spans }
})

const millisOf = ({ status }: Tracer.Span): number =>
  status._tag === "Ended" ? Math.round(Number(status.endTime - status.startTime) / 1_000_000) : 0

const remarks: Readonly<Record<string, string>> = { "greenpool.wait": "queued", "render report": "ran" }

/** The spans under a span, or those without a parent, as a tree. */
const tree = (spans: ReadonlyArray<Tracer.Span>, parent?: Tracer.Span, depth = 0): ReadonlyArray<string> =>
  spans.filter((span) => Option.getOrUndefined(span.parent)?.spanId === parent?.spanId).flatMap((span) => {
    const time = `${remarks[span.name] ?? ""} ${millisOf(span)} ms`
    const name = span.kind === "internal" ? span.name : `${span.kind} ${span.name}`
    return [`${"  ".repeat(depth)}${name}`.padEnd(24) + time.padStart(16), ...tree(spans, span, depth + 1)]
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

const program = Effect.fnUntraced(function*(requests: number) {
  const { recorder, spans } = yield* recordSpans
  // The server has ended all its spans when it is closed.
  yield* ask(requests).pipe(Effect.provide(server), Effect.withTracer(recorder))
  yield* Console.log(tree(spans).join("\n"))
})

const command = Command.make(
  "traces",
  {
    collector: Flag.String("collector").pipe(
      Flag.withDescription("Where to send the spans by OTLP over HTTP (default: http://localhost:4318 if it answers)"),
      Flag.filterMap(parseUrl, expectedUrl),
      Flag.optional
    ),
    requests: integer("requests", "How many requests at once, for a pool of size 1", 9)
  },
  // Has no span of its own, so that each request begins a trace.
  Effect.fnUntraced(function*({ collector, requests }) {
    const url = Option.match(collector, { onNone: () => "http://localhost:4318", onSome: ({ href }) => href })
    const found = yield* findCollector(url).pipe(
      Effect.as(true),
      Effect.catchTag("NoCollector", (error) => Option.isSome(collector) ? Effect.fail(error) : Effect.succeed(false))
    )
    if (!found) return yield* Effect.provide(program(requests), Reports.layer)
    const exported = Effect.gen(function*() {
      yield* program(requests)
      // A pool that has closed has no gauges any more: what it is like is sent while it is open.
      yield* (yield* OtlpExporter.Flusher).flush
      yield* Console.log(`\nsent to ${url} as the service greenpool-traces`)
    })
    return yield* Effect.provide(exported, [Reports.layer, exportTo(url)])
  }, Effect.provide(NodeHttpClient.layerNodeHttp))
).pipe(Command.withDescription("Requests to an HTTP server whose traces show the waits for slots beside the work."))

export const main = Command.run(command, { version: "0.1.0" })
