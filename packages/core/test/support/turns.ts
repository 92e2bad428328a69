/**
 * Turns of the event loop: for a test fiber that lets the others go on, without any time passing.
 */
import { Effect } from "effect"

/** Lets everybody else take this many turns. */
export const turns = (count: number): Effect.Effect<void> =>
  count === 0 ? Effect.void : Effect.flatMap(Effect.yieldNow, () => turns(count - 1))

/** As many turns as anything in these tests needs to come to rest: for what must not happen. */
export const atRest: Effect.Effect<void> = turns(40)

/** Lets the others take turns until the condition holds; a defect when it does not come true. */
export const until = (condition: () => boolean, limit = 10_000): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (condition()) return Effect.void
    if (limit === 0) return Effect.die(new Error(`this never came true: ${condition.toString()}`))
    return Effect.flatMap(Effect.yieldNow, () => until(condition, limit - 1))
  })

/** As `until`, for a condition that is an effect. */
export const untilEffect = <R>(
  condition: Effect.Effect<boolean, never, R>,
  limit = 10_000
): Effect.Effect<void, never, R> =>
  Effect.flatMap(condition, (holds) => {
    if (holds) return Effect.void
    if (limit === 0) return Effect.die(new Error("this never came true"))
    return Effect.flatMap(Effect.yieldNow, () => untilEffect(condition, limit - 1))
  })

/** The effect, so many operations later. */
export const later = <A, E>(operations: number, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  operations === 0 ? effect : Effect.andThen(Effect.void, later(operations - 1, effect))
