/**
 * Effects inside an asynchronous context.
 */
import { Effect } from "effect"
import type { AsyncLocalStorage } from "node:async_hooks"

/** Runs an effect in which `storage` holds the value. */
export const runWith = <S, A, E>(storage: AsyncLocalStorage<S>, value: S, effect: Effect.Effect<A, E>): Promise<A> =>
  storage.run(value, () => Effect.runPromise(effect))
