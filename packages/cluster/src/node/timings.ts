/**
 * How often the runners of a cluster tell each other that they live.
 *
 * @since 0.1.0
 */
import { Duration } from "effect"
import type { ShardingConfig } from "effect/cluster"

/**
 * The timings of a cluster whose runners are noticed missing within seconds. Effect's own defaults are for Kubernetes,
 * where a failover takes 30 to 36 s; with these it takes 4 to 10 s. All runners of a cluster must have the same number
 * of shards.
 *
 * @category constants
 * @since 0.1.0
 */
export const timings = {
  shardsPerGroup: 64,
  shardLockExpiration: Duration.seconds(6),
  shardLockRefreshInterval: Duration.millis(1500),
  refreshAssignmentsInterval: Duration.millis(500),
  runnerHealthCheckInterval: Duration.seconds(2),
  entityMessagePollInterval: Duration.seconds(1),
  entityReplyPollInterval: Duration.millis(100),
  simulateRemoteSerialization: false,
  // A process would otherwise be cut off as soon as its first durable job or coordinator is closed: its pools could not
  // give their slots back, nor renew their leases while they drain.
  preemptiveShutdown: false
} as const satisfies Partial<ShardingConfig.ShardingConfig["Service"]>
