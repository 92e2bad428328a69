/**
 * What the tests of the core import in place of its index, when they run over pools of a cluster: the same, but that
 * `GreenPool.make` makes the only member of a budget.
 *
 * A pool of the core has its slots as soon as it exists, and many of its tests look at each step, or own the scheduler.
 * So the coordinator here is the budget alone, which answers in the same step; the member says that it wants all there
 * is, and is handed out when it has all. What the coordinator does beside that has tests of its own.
 */
import { GreenPool as Core, type GreenPoolOptions, type InvalidPoolSize, type PoolFull } from "@greenpool/core"
import { Effect, Queue, type Scope, Stream } from "effect"
import { Sharding } from "effect/cluster"
import { ClusterGreenPool, type ClusterPool } from "../../src/index.ts"
import { Budget } from "../../src/internal/budget.ts"
import type { Word } from "../../src/internal/protocol.ts"
import type { Report } from "../../src/internal/session.ts"

export * from "@greenpool/core"

/** The cluster, for one member. */
const clusterOfOne = (): Sharding.Sharding["Service"] => {
  const nothing = { size: undefined, isOver: false, bounds: {} }
  const budget = new Budget({ lease: 1e12, reclaimAfter: 1e12 }, nothing, Infinity)
  const channel = Effect.runSync(Queue.unbounded<Word>())
  const settle = (session: string): Word => {
    budget.settle(0)
    while (budget.mustWrite) {
      budget.wrote(budget.write())
      budget.settle(0)
    }
    const order = budget.sessions.get(session)?.order
    const word = {
      term: "1",
      termNumber: 1,
      lease: 1e12,
      status: "known",
      connected: true,
      size: budget.size!
    } as const
    return order === undefined ? word : { ...word, order }
  }
  const client = {
    Open: ({ session, size }: { readonly session: string; readonly size: number }) => {
      budget.connect(session, size, 0)
      Queue.offerUnsafe(channel, settle(session))
      return Stream.fromQueue(channel)
    },
    Report: ({ session, ...report }: Report & { readonly session: string }) =>
      Effect.sync(() => {
        budget.report(session, { ...report, wanted: Number.MAX_SAFE_INTEGER }, 0)
        return settle(session)
      }),
    Ask: ({ session }: { readonly session: string }) => Effect.sync(() => settle(session)),
    Resize: ({ session, size }: { readonly session: string; readonly size: number }) =>
      Effect.sync(() => {
        budget.resize(size)
        Queue.offerUnsafe(channel, settle(session))
      }),
    WaitAll: () => Effect.void,
    Leave: () => Effect.void
  }
  return { makeClient: () => Effect.succeed(() => client) } as never
}

/** Waits until the pool has all slots of its budget, and no more; not for long, since it may close. */
const whole = (pool: ClusterPool<unknown>, size: number, turns = 100): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.all([pool.leased, pool.size]),
    ([leased, now]) =>
      (leased >= size && now === size) || turns === 0
        ? Effect.void
        : Effect.andThen(Effect.yieldNow, whole(pool, size, turns - 1))
  )

const make = (options: GreenPoolOptions = {}): Effect.Effect<ClusterPool<PoolFull>, InvalidPoolSize, Scope.Scope> =>
  Effect.gen(function*() {
    const made: typeof make = () => ClusterGreenPool.make({ name: "default", ...options } as never) as never
    const pool = yield* Effect.provideService(made(), Sharding.Sharding, clusterOfOne())
    yield* whole(pool, yield* pool.size)
    return { ...pool, resize: (size) => Effect.andThen(pool.resize(size), whole(pool, size)) }
  })

export const GreenPool = Object.assign(Object.create(Core) as typeof Core, { make })
