/**
 * One wait for a slot, where something bounds it or shows it: its timer, its rejection, its span.
 */
import { Clock, Context, Effect, Exit, References } from "effect"
import type { PoolFull } from "../Admission.ts"
import type { Timer } from "./timers.ts"

/** Ends a span. */
type EndSpan = (exit: Exit.Exit<unknown, unknown>) => void

export class Wait {
  /** Ends the wait in time. */
  timer: Timer | undefined = undefined
  /** Why the caller was rejected. */
  rejection: PoolFull | undefined = undefined
  private onSpanEnd: EndSpan | undefined

  constructor(onSpanEnd?: EndSpan) {
    this.onSpanEnd = onSpanEnd
  }

  /** The wait ends before it has begun: the queue is full. */
  reject(rejection: PoolFull): void {
    this.rejection = rejection
    this.endSpan(false)
  }

  stopTimer(): void {
    this.timer?.cancel()
  }

  /** Ends the span, once. Called after the step that ended the wait, since a tracer may act on the pool. */
  endSpan(isGranted: boolean): void {
    const { onSpanEnd } = this
    this.onSpanEnd = undefined
    onSpanEnd?.(isGranted ? Exit.void : this.rejection === undefined ? Exit.interrupt() : Exit.fail(this.rejection))
  }
}

/** Begins the span of a wait under that of the caller, whose context it is. */
export const beginSpan = (context: Context.Context<never>, pool: string, size: number): EndSpan => {
  const attributes = { "greenpool.pool": pool, "greenpool.size": size }
  const span = Effect.runSyncWith(context)(Effect.makeSpan("greenpool.wait", { attributes }))
  const clock = Context.get(context, Clock.Clock)
  const isTimed = Context.get(context, References.TracerTimingEnabled)
  // In a fiber of its own: a tracer that throws here would fail the fiber that grants the slot.
  return (exit) => void Effect.runFork(Effect.sync(() => span.end(isTimed ? clock.currentTimeNanosUnsafe() : 0n, exit)))
}
