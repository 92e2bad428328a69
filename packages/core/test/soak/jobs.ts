/**
 * Jobs of all sorts: short and long, that succeed, fail, die and are interrupted, with finalizers.
 */
import { Effect } from "effect"

/** An integer from 0 up to, and without, `end`. */
export const below = (end: number): number => Math.floor(Math.random() * end)

export const oneOf = <A>(values: ReadonlyArray<A>): A => values[below(values.length)]!

const pause: Effect.Effect<void> = Effect.suspend(() => Effect.sleep(below(4)))

/** Ends well, and may take its time. */
export const good: Effect.Effect<number> = Effect.suspend(() =>
  Effect.as(oneOf([Effect.void, Effect.void, Effect.yieldNow, pause]), below(100))
)

/** Ends in any way. */
export const any: Effect.Effect<number, string> = Effect.suspend(() =>
  oneOf<Effect.Effect<number, string>>([
    good,
    good,
    good,
    good,
    Effect.fail("failed"),
    Effect.andThen(pause, Effect.fail("failed late")),
    Effect.die(new Error("died")),
    Effect.interrupt,
    Effect.acquireUseRelease(Effect.yieldNow, () => good, () => pause),
    Effect.ensuring(good, Effect.yieldNow)
  ])
)

/** What is thrown as often as `any` ends: for functions. */
export const anyOrThrow = (item: number): Effect.Effect<number, string> => {
  if (below(50) === 0) throw new Error("thrown")
  return Effect.as(any, item)
}
