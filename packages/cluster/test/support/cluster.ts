/**
 * A cluster in this process, on virtual time.
 */
import { type Duration, Effect, type Scope } from "effect"
import type { Sharding } from "effect/cluster"
import { TestClock } from "effect/testing"
import { ClusterGreenPool, type ClusterGreenPoolOptions, type ClusterPool } from "../../src/index.ts"

/** Lets real turns of the event loop pass: what fibers, queues and sockets in memory do in between needs no time. */
export const settle: Effect.Effect<void> = Effect.promise(async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
})

/** Lets virtual time pass, in steps in between which everything comes to rest. */
export const pass = (duration: Duration.Input, steps = 1): Effect.Effect<void> =>
  Effect.gen(function*() {
    yield* settle
    for (let step = 0; step < steps; step++) {
      yield* TestClock.adjust(duration)
      yield* settle
    }
  })

/** Makes the cluster ready: its shards are taken 2 seconds after it has been made. */
export const ready = pass(2000)

/** A member of the budget "test", which has been welcomed by the coordinator. */
export const member = (
  options?: Partial<ClusterGreenPoolOptions>
): Effect.Effect<ClusterPool, never, Scope.Scope | Sharding.Sharding> =>
  Effect.gen(function*() {
    const pool = yield* Effect.orDie(ClusterGreenPool.make({ name: "test", ...options }))
    yield* settle
    return pool as ClusterPool
  })
