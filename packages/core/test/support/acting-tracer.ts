/**
 * A tracer that acts on the pool in the step in which it is told of a span.
 */
import { type Exit, Tracer } from "effect"

/** A tracer that calls a function the first time that a span begins, and one the first time that one ends. */
export const makeActingTracer = ({ onBegin, onEnd }: { onBegin?: () => void; onEnd?: () => void }): Tracer.Tracer => {
  const calls = { onBegin, onEnd }
  const call = (which: "onBegin" | "onEnd") => {
    const callback = calls[which]
    calls[which] = undefined
    callback?.()
  }
  return Tracer.make({
    span(options) {
      call("onBegin")
      const span = new Tracer.NativeSpan(options)
      const end = span.end.bind(span)
      return Object.assign(span, {
        end: (time: bigint, exit: Exit.Exit<unknown, unknown>) => {
          end(time, exit)
          call("onEnd")
        }
      })
    }
  })
}
