/**
 * Admission: what callers may ask of a pool beside a slot, and the error of one that turns them away.
 *
 * @since 0.1.0
 */
import { type Duration, Schema } from "effect"

/**
 * What a call may ask for.
 *
 * @category options
 * @since 0.1.0
 */
export interface JobOptions {
  /**
   * Whom the job is for, such as a tenant. Keys with somebody in line share the time of the slots in proportion to
   * their weights. Jobs without a key are one key of weight 1. Default: none.
   */
  readonly key?: string | undefined
  /** Within its key, higher goes first. A finite number, else a defect of the call. Default 0. */
  readonly priority?: number | undefined
  /**
   * The longest time in line, instead of the pool's `maxWait`: then the call fails with `PoolFull`. Zero or less: a
   * slot at once or `PoolFull`. `Infinity`: no bound. Default: that of the pool; for nested calls none.
   */
  readonly maxWait?: Duration.Input | undefined
}

/**
 * Says that a pool turned a caller away, who left the line as if it had never been there.
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolFull extends Schema.TaggedError<PoolFull>()("PoolFull", {
  /** `QueueFull`: the line was as long as `maxWaiting` allows. `WaitTimeout`: it had been in it for `maxWait`. */
  reason: Schema.Literals(["QueueFull", "WaitTimeout"]),
  /** The pool's name. */
  pool: Schema.String,
  /** The pool's size at that moment. */
  size: Schema.Int,
  /** How many were in line at that moment, without the one turned away. */
  waiting: Schema.Int
}) {
  /** Says what was full, and how full. */
  override get message(): string {
    const why = this.reason === "QueueFull" ? "its line is full" : "no slot came free in time"
    return `Pool "${this.pool}" turned a caller away: ${why} (size ${this.size}, waiting ${this.waiting})`
  }
}

/**
 * `PoolFull`, where a call with these options can meet it beyond what its pool makes of it: where it has a `maxWait`.
 *
 * @category models
 * @since 0.1.0
 */
export type Rejection<Options> = "maxWait" extends keyof Options ? PoolFull : never
