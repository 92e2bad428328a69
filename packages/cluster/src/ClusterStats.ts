/**
 * A snapshot of a budget that many processes share.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/**
 * What one pool of one process has of the budget.
 *
 * @category schemas
 * @since 0.1.0
 */
export class MemberStats extends Schema.Class<MemberStats>("@greenpool/cluster/MemberStats")({
  /** Names the session of the pool: a new one after it has lost its leases. */
  session: Schema.String,
  /** Slots under lease, in use or kept warm. */
  leased: Count,
  /** Jobs that hold a slot. More than `leased` only where jobs have outlived their lease. */
  running: Count,
  /** Callers in the queue of the process. A map is one caller. */
  waiting: Count
}) {}

/**
 * What the coordinator knows of a budget. All sums are over the pools that it knows; one that has not answered within a
 * second counts with what it last said.
 *
 * @category schemas
 * @since 0.1.0
 */
export class ClusterStats extends Schema.Class<ClusterStats>("@greenpool/cluster/ClusterStats")({
  /** The name of the budget. */
  name: Schema.String,
  /** The runner that hands the leases out, as `"host:port"`. */
  runner: Schema.String,
  /** Names the time since that runner took over. */
  term: Schema.String,
  /** How many jobs may hold a slot concurrently, over all processes. */
  size: Count,
  /** Slots under lease. After a failover, pools that have not reported yet count with the most that they may have. */
  leased: Count,
  /** Jobs that hold a slot. */
  running: Count,
  /** Callers in the queues of all processes. */
  waiting: Count,
  /** The pools that share the budget. */
  members: Schema.Array(MemberStats)
}) {}
