/**
 * Waits for slots in the traces of those who wait.
 */
import { Clock, Context, Effect, type Exit, References } from "effect"

/** Ends the span of a wait. */
export type EndSpan = (exit: Exit.Exit<unknown, unknown>) => void

/** Begins the span of a wait under that of the caller, whose context it is. */
export const beginSpan = (context: Context.Context<never>, pool: string, size: number): EndSpan => {
  const attributes = { "greenpool.pool": pool, "greenpool.size": size }
  const span = Effect.runSyncWith(context)(Effect.makeSpan("greenpool.wait", { attributes }))
  const clock = Context.get(context, Clock.Clock)
  const isTimed = Context.get(context, References.TracerTimingEnabled)
  // In a fiber of its own: a tracer that throws here would fail whoever gives the slot, not its caller.
  return (exit) => void Effect.runFork(Effect.sync(() => span.end(isTimed ? clock.currentTimeNanosUnsafe() : 0n, exit)))
}
