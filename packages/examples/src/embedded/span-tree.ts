import { Effect, Option, Tracer } from "effect"

/** The tracer in force, and the spans that it makes from now on. */
export const recordSpans = Effect.gen(function*() {
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
export const tree = (
  spans: ReadonlyArray<Tracer.Span>,
  parent?: Tracer.Span,
  depth = 0
): ReadonlyArray<string> =>
  spans.filter((span) => Option.getOrUndefined(span.parent)?.spanId === parent?.spanId).flatMap((span) => {
    const time = `${remarks[span.name] ?? ""} ${millisOf(span)} ms`
    const name = span.kind === "internal" ? span.name : `${span.kind} ${span.name}`
    return [`${"  ".repeat(depth)}${name}`.padEnd(24) + time.padStart(16), ...tree(spans, span, depth + 1)]
  })
