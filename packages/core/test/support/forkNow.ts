/**
 * Forks that have begun when they return.
 */
import { Effect, type Fiber } from "effect"

/** Forks a child and runs it up to its first pause: who comes next in the test comes after it. */
export const forkNow = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.forkChild(effect, { startImmediately: true })
