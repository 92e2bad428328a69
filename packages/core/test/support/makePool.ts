/**
 * Pools of a given size.
 */
import { Effect, Exit, Scope } from "effect"
import { GreenPool, type GreenPoolOptions } from "../../src/index.ts"

/** A pool of a size that is known to be right, for the scope of the test. */
export const makePool = (size: number): Effect.Effect<GreenPool, never, Scope.Scope> =>
  Effect.orDie(GreenPool.make({ size }))

/** A pool that the test closes. With bounds, its type does not say what its calls fail with. */
export const makeClosable = (options: GreenPoolOptions) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const make: Effect.Effect<unknown, unknown, Scope.Scope> = GreenPool.make(options)
    const pool = (yield* Effect.orDie(Scope.provide(make, scope))) as GreenPool
    return { pool, close: Scope.close(scope, Exit.void) }
  })
