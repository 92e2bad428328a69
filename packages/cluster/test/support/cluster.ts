/** A cluster in this process, on virtual time. */
import { it } from "@effect/vitest"
import { type Duration, Effect, type Scope } from "effect"
import type { Sharding } from "effect/cluster"
import { TestClock } from "effect/testing"
import { ClusterGreenPool, type ClusterGreenPoolOptions, type ClusterPool } from "../../src/index.ts"

/** The body of a test that needs the services R. */
export type Body<R = never> = Generator<Effect.Effect<any, any, Scope.Scope | R>, void, any>

/** A test with a cluster in this process. */
export const test = (title: string, body: () => Body<Sharding.Sharding>) =>
  it.effect(title, () => Effect.provide(Effect.gen(body), ClusterGreenPool.layerTest()))

/** Lets real turns of the event loop pass: what fibers, queues and sockets in memory do in between needs no time. */
export const turns = (count: number): Effect.Effect<void> =>
  Effect.promise(async () => {
    for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
  })

export const settle = turns(20)

/** Lets virtual time pass, in steps in between which everything comes to rest. */
export const pass = (duration: Duration.Input, steps = 1): Effect.Effect<void> =>
  Effect.andThen(settle, Effect.repeat(Effect.andThen(TestClock.adjust(duration), settle), { times: steps - 1 }))

/** Makes the cluster ready: its shards are taken 2 seconds after it has been made. */
export const ready = pass(2000)

/** A member of the budget "test", which has been welcomed by the coordinator. */
export const member = (
  options?: Partial<ClusterGreenPoolOptions>
): Effect.Effect<ClusterPool, never, Scope.Scope | Sharding.Sharding> =>
  Effect.tap(Effect.orDie(ClusterGreenPool.make({ name: "test", ...options })), settle) as Effect.Effect<
    ClusterPool,
    never,
    Scope.Scope | Sharding.Sharding
  >

/** So many members of a budget of this size. */
export const members = (count: number, size: number, name = "test") =>
  Effect.all(Array.from({ length: count }, () => member({ size, name })))

export const two = (size: number) => Effect.all([member({ size }), member({ size })])

export const three = (size: number) => Effect.all([member({ size }), member({ size }), member({ size })])

/** How many jobs each of the pools runs. */
export const running = (pools: ReadonlyArray<ClusterPool>) => Effect.forEach(pools, (pool) => pool.running)

/** Starts callers whose jobs are all the same, and waits until they run or are in the queue. */
export const start = (pool: ClusterPool, callers: number, job: Effect.Effect<unknown> = Effect.never) =>
  Effect.tap(Effect.forEach(Array.from({ length: callers }), () => Effect.forkChild(pool.run(job))), settle)

/** Counts the jobs that run. */
export class Count {
  running = 0
  most = 0
  ended = 0

  /** The job, counted. */
  of<A, E, R>(job: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const end = Effect.sync(() => {
      this.running--
      this.ended++
    })
    return Effect.suspend(() => {
      this.most = Math.max(this.most, ++this.running)
      return Effect.ensuring(job, end)
    })
  }
}
