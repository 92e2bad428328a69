/**
 * Slots that outlive a call.
 */
import { Effect, type Scope, Stream } from "effect"
import type { JobOptions, PoolFull } from "../Admission.ts"
import type { Slot } from "../Slot.ts"
import type { Pool } from "./pool.ts"

export const takeScoped = (_pool: Pool, _options?: JobOptions): Effect.Effect<Slot, PoolFull, Scope.Scope> =>
  Effect.die("not built yet")

export const runStream = <A, E, R>(
  _pool: Pool,
  _stream: Stream.Stream<A, E, R>,
  _options?: JobOptions
): Stream.Stream<A, E | PoolFull, R> => Stream.die("not built yet")
