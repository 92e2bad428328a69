/**
 * Pools of a given size.
 */
import { Effect, type Scope } from "effect"
import { GreenPool } from "../../src/index.ts"

/** A pool of a size that is known to be right, for the scope of the test. */
export const makePool = (size: number): Effect.Effect<GreenPool, never, Scope.Scope> =>
  Effect.orDie(GreenPool.make({ size }))
