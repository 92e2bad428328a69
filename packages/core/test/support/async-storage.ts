/**
 * Effects inside an asynchronous context, which browsers do not have.
 */
import { Effect } from "effect"
import type { AsyncLocalStorage } from "node:async_hooks"

/** A storage of its own. Its module is loaded here, so that a browser can load the tests beside those that use it. */
export const makeStorage = <S>(): Effect.Effect<AsyncLocalStorage<S>> =>
  Effect.promise(async () => new (await import("node:async_hooks")).AsyncLocalStorage<S>())

/** Runs an effect in which `storage` holds the value. */
export const runWith = <S, A, E>(storage: AsyncLocalStorage<S>, value: S, effect: Effect.Effect<A, E>): Promise<A> =>
  storage.run(value, () => Effect.runPromise(effect))
