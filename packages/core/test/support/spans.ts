/**
 * What is traced.
 */
import { Effect, Option, Tracer } from "effect"

/** A tracer, and its spans, in the order in which they began. */
export const makeTracer = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span(options) {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return {
    tracer,
    provide: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.withTracer(effect, tracer),
    spans,
    /** Those of waits. */
    get waits(): Array<Tracer.NativeSpan> {
      return spans.filter(({ name }) => name === "greenpool.wait")
    }
  }
}

/** The name of the span around this one. */
export const parentOf = (span: Tracer.Span | undefined): string | undefined => {
  const parent = Option.getOrUndefined(span?.parent ?? Option.none())
  return parent?._tag === "Span" ? parent.name : undefined
}

/** How long a span took, in milliseconds, when it has ended. */
export const lengthOf = (span: Tracer.Span | undefined): number | undefined =>
  span?.status._tag === "Ended" ? Number(span.status.endTime - span.status.startTime) / 1_000_000 : undefined
