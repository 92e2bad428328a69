/**
 * A snapshot of a pool's counters.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { AdaptiveStats } from "./AdaptiveSize.ts"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/**
 * One consistent snapshot of a pool: all figures are of the same moment, so
 * `free = size - running` and `started = succeeded + failed + interrupted + running + borrowed` hold in each snapshot.
 *
 * It encodes to plain JSON with `Schema.encodeEffect(PoolStats)`.
 *
 * @category schemas
 * @since 0.1.0
 */
export class PoolStats extends Schema.Class<PoolStats>("@greenpool/core/PoolStats")({
  /** The pool's name. */
  name: Schema.String,
  /** How many jobs may hold a slot concurrently. */
  size: Count,
  /** Jobs that hold a slot. More than `size` after a shrink, until enough have ended. */
  running: Count,
  /** `size - running`: slots that could be taken now; negative after a shrink below what runs. */
  free: Schema.Int,
  /** Callers in the queue. A map is one caller. */
  waiting: Count,
  /** Nested jobs that run on the borrowed slot of a job around them. */
  borrowed: Count,
  /** Jobs that got or borrowed a slot, since the pool was made. */
  started: Count,
  /** Started jobs that ended in success. */
  succeeded: Count,
  /** Started jobs that ended in a failure or a defect. */
  failed: Count,
  /** Started jobs that were interrupted. */
  interrupted: Count,
  /** Callers rejected with `PoolFull`: they never started. */
  rejected: Count,
  /** What an adaptive pool has found. Absent where `adaptive` is off. */
  adaptive: Schema.optionalKey(AdaptiveStats)
}) {}
