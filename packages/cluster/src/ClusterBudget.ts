/**
 * A budget as a whole, over all processes, as something to show.
 *
 * @since 0.1.0
 */
import { type InvalidPoolSize, KeyStats, PoolStats } from "@greenpool/core"
import { Effect, Schedule, Stream } from "effect"
import type { ClusterPool } from "./ClusterGreenPool.ts"

/**
 * The budget that a pool of a cluster draws on, over all processes, in the form of a pool: `Dashboard.show` of
 * `@greenpool/dashboard` shows it.
 *
 * Each reading asks the coordinator, which asks every process. So `changes` reads once a second, while somebody reads it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterBudget {
  /**
   * The size of the budget, and the jobs and callers of all processes together. Its name is that of the budget, with
   * `" (cluster)"`. The counts of ended jobs are 0: each process counts its own.
   */
  readonly stats: Effect.Effect<PoolStats>
  /** Emits the current stats, then each new state, read once a second. Ends with interruption when the pool has closed. */
  readonly changes: Stream.Stream<PoolStats>
  /** The processes: a key for each, named by the beginning of its session, with its jobs and callers. */
  readonly keys: Effect.Effect<ReadonlyArray<KeyStats>>
  /** Changes the size for all processes. */
  readonly resize: (size: number) => Effect.Effect<void, InvalidPoolSize>
}

/**
 * Returns the budget that a pool draws on.
 *
 * When to use: to show all processes of a cluster on one page. For the jobs of this process, show the pool itself.
 *
 * ```ts import.meta.vitest
 * import { budgetOf, ClusterGreenPool } from "@greenpool/cluster"
 * import * as NodeCluster from "@greenpool/cluster/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* ClusterGreenPool.make({ name: "api", size: 5 })
 *   yield* pool.run(Effect.void)
 *   const { name, size, free } = yield* budgetOf(pool).stats
 *   console.log(name, size, free) // prints api (cluster) 5 5
 * })
 *
 * await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(NodeCluster.layerEmbedded())))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const budgetOf = (pool: ClusterPool<unknown>): ClusterBudget => {
  const stats = Effect.map(pool.clusterStats, ({ name, running, size, waiting }) =>
    new PoolStats({
      name: `${name} (cluster)`,
      size,
      running,
      free: size - running,
      waiting,
      borrowed: 0,
      started: 0,
      succeeded: 0,
      failed: 0,
      interrupted: 0,
      rejected: 0
    }))
  return {
    stats,
    changes: Stream.changes(Stream.fromEffectSchedule(stats, Schedule.spaced("1 second"))),
    keys: Effect.map(
      pool.clusterStats,
      ({ members }) =>
        members.map(({ running, session, waiting }) =>
          new KeyStats({ key: session.slice(0, 8), weight: 1, running, waiting })
        )
    ),
    resize: pool.resize
  }
}
