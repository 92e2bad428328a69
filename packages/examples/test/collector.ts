/**
 * A collector of OpenTelemetry: an HTTP server on the loopback interface that takes traces and metrics as JSON (OTLP),
 * and refuses what is not as the protocol has it.
 */
import { Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { serve } from "../src/gallery/serve.ts"

const Attributes = Schema.Array(Schema.Struct({
  key: Schema.String,
  value: Schema.Struct({
    stringValue: Schema.optional(Schema.String),
    boolValue: Schema.optional(Schema.Boolean),
    intValue: Schema.optional(Schema.Union([Schema.Int, Schema.FiniteFromString])),
    doubleValue: Schema.optional(Schema.Finite)
  })
}))

/** As an object, whatever the kinds of the values are. */
export const toObject = (attributes: typeof Attributes.Type): Readonly<Record<string, unknown>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

/** What comes of each resource. */
const Resource = <const Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.Array(Schema.Struct({ resource: Schema.Struct({ attributes: Attributes }), ...fields }))

const Hex = (digits: number) => Schema.String.check(Schema.isPattern(new RegExp(`^[0-9a-f]{${digits}}$`)))

const Span = Schema.Struct({
  traceId: Hex(32),
  spanId: Hex(16),
  parentSpanId: Schema.optional(Hex(16)),
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

const Traces = Schema.Struct({
  resourceSpans: Resource({ scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(Span) })) })
})

const Numbers = Schema.Array(Schema.Struct({ attributes: Attributes, asDouble: Schema.Finite }))

const Buckets = Schema.Array(Schema.Struct({
  attributes: Attributes,
  count: Schema.Int,
  sum: Schema.Finite,
  bucketCounts: Schema.Array(Schema.Int),
  explicitBounds: Schema.Array(Schema.Finite)
}))

/** 1: delta, 2: cumulative. */
const Temporality = { aggregationTemporality: Schema.Literals([1, 2]) }

const Metric = Schema.Struct({
  name: Schema.String,
  description: Schema.optional(Schema.String),
  unit: Schema.String,
  sum: Schema.optional(Schema.Struct({ ...Temporality, isMonotonic: Schema.Boolean, dataPoints: Numbers })),
  gauge: Schema.optional(Schema.Struct({ dataPoints: Numbers })),
  histogram: Schema.optional(Schema.Struct({ ...Temporality, dataPoints: Buckets }))
})

export type Metric = typeof Metric.Type

const Metrics = Schema.Struct({
  resourceMetrics: Resource({ scopeMetrics: Schema.Array(Schema.Struct({ metrics: Schema.Array(Metric) })) })
})

/** Starts a collector, which ends with the scope; gives its address, and what has arrived. */
export const startCollector = Effect.gen(function*() {
  const spans: Array<Span> = []
  const metrics: Array<ReadonlyArray<Metric>> = []
  const services = new Set<unknown>()
  const refused: Array<string> = []

  const take = <A, I>(path: `/${string}`, schema: Schema.Codec<A, I>, keep: (data: A) => void) => {
    const answer = HttpServerRequest.schemaBodyJson(schema).pipe(
      Effect.map((data) => {
        keep(data)
        return HttpServerResponse.jsonUnsafe({})
      }),
      Effect.catchTag("SchemaError", ({ message }) => {
        refused.push(message)
        return Effect.succeed(HttpServerResponse.text(message, { status: 400 }))
      })
    )
    return HttpRouter.add("POST", path, answer)
  }
  const address = yield* serve(Layer.mergeAll(
    take("/v1/traces", Traces, ({ resourceSpans }) => {
      for (const { resource, scopeSpans } of resourceSpans) {
        services.add(toObject(resource.attributes)["service.name"])
        spans.push(...scopeSpans.flatMap(({ spans }) => spans))
      }
    }),
    take("/v1/metrics", Metrics, ({ resourceMetrics }) => {
      for (const { resource, scopeMetrics } of resourceMetrics) {
        services.add(toObject(resource.attributes)["service.name"])
        metrics.push(scopeMetrics.flatMap(({ metrics }) => metrics))
      }
    })
  ))
  return { address, spans, metrics, services, refused }
})
