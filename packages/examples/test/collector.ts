/** A collector of OpenTelemetry: an HTTP server on this machine that takes traces and metrics as JSON (OTLP). */
import { Effect, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { serve } from "../src/gallery/serve.ts"

const Attributes = Schema.Array(
  Schema.Struct({ key: Schema.String, value: Schema.Record(Schema.String, Schema.Unknown) })
)

export const toObject = (attributes: typeof Attributes.Type): Readonly<Record<string, unknown>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

const Span = Schema.Struct({
  traceId: Schema.String.check(Schema.isPattern(/^[0-9a-f]{32}$/)),
  spanId: Schema.String.check(Schema.isPattern(/^[0-9a-f]{16}$/)),
  parentSpanId: Schema.optional(Schema.String),
  name: Schema.String,
  /** 1: internal, 2: server, 3: client. */
  kind: Schema.Literals([1, 2, 3, 4, 5]),
  startTimeUnixNano: Schema.BigIntFromString,
  endTimeUnixNano: Schema.BigIntFromString,
  attributes: Attributes,
  /** 1: ok, 2: error. */
  status: Schema.Struct({ code: Schema.Literals([0, 1, 2]) })
})
export type Span = typeof Span.Type

const Point = Schema.Struct({
  attributes: Attributes,
  asDouble: Schema.optional(Schema.Finite),
  count: Schema.optional(Schema.Int)
})
const Points = Schema.optional(Schema.Struct({ dataPoints: Schema.Array(Point) }))
const Metric = Schema.Struct({ name: Schema.String, sum: Points, gauge: Points, histogram: Points })

const many = <const Fields extends Schema.Struct.Fields>(fields: Fields) => Schema.Array(Schema.Struct(fields))
const resource = Schema.Struct({ attributes: Attributes })
const Sent = Schema.Struct({
  resourceSpans: Schema.optional(many({ resource, scopeSpans: many({ spans: Schema.Array(Span) }) })),
  resourceMetrics: Schema.optional(many({ resource, scopeMetrics: many({ metrics: Schema.Array(Metric) }) }))
})

/** Starts a collector, which ends with the scope; gives its address, and what has arrived. */
export const startCollector = Effect.gen(function*() {
  const spans: Array<Span> = []
  const metrics: Array<ReadonlyArray<typeof Metric.Type>> = []
  const services = new Set<unknown>()
  const take = Effect.gen(function*() {
    const { resourceMetrics = [], resourceSpans = [] } = yield* HttpServerRequest.schemaBodyJson(Sent)
    for (const { resource } of [...resourceSpans, ...resourceMetrics]) {
      services.add(toObject(resource.attributes)["service.name"])
    }
    spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans }) => spans))
    for (const { scopeMetrics } of resourceMetrics) metrics.push(scopeMetrics.flatMap(({ metrics }) => metrics))
    return HttpServerResponse.jsonUnsafe({})
  })
  const address = yield* serve(HttpRouter.add("POST", "/v1/*", take))
  return { address, spans, metrics, services }
})
