/**
 * What a user's function does, which runs outside of any effect.
 */
import { Effect } from "effect"

export const outside = {
  fork: <A, E>(effect: Effect.Effect<A, E>) => Effect.runFork(effect),
  runSync: <A, E>(effect: Effect.Effect<A, E>) => Effect.runSync(effect),
  runSyncExit: <A, E>(effect: Effect.Effect<A, E>) => Effect.runSyncExit(effect),
  runCallback: <A, E>(effect: Effect.Effect<A, E>, onExit: () => void) => Effect.runCallback(effect, { onExit })
}
