/**
 * Admission: what a call may ask of a pool in addition to a slot, and the error of a call that the pool rejects.
 *
 * @since 0.1.0
 */
import { type Duration, Schema } from "effect"

/**
 * The options of the verbs that never wait.
 *
 * @category options
 * @since 0.1.0
 */
export interface KeyOptions {
  /**
   * What the job is for, such as a tenant. Keys with callers in the queue share slot time in proportion to their
   * weights. Jobs without a key share one key of weight 1. Default: no key.
   */
  readonly key?: string | undefined
}

/**
 * The options of a call that waits for a slot. Its type parameter records whether the call has a `maxWait`, and so
 * whether it can fail with `PoolFull`.
 *
 * @category options
 * @since 0.1.0
 */
export interface JobOptions<out MaxWait extends Duration.Input | undefined = Duration.Input | undefined>
  extends KeyOptions
{
  /** Within its key, a higher priority is served first. A finite number, otherwise a defect of the call. Default: 0. */
  readonly priority?: number | undefined
  /**
   * The longest time in the queue, in place of the pool's `maxWait`. When it is over, the call fails with `PoolFull`.
   * Zero or less: a slot immediately or `PoolFull`. `Infinity`: no bound. Default: the pool's own; no bound for nested
   * calls.
   */
  readonly maxWait?: MaxWait | undefined
}

/**
 * Fails a call that the pool rejects. The caller has left the queue, and no slot or position is lost.
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolFull extends Schema.TaggedError<PoolFull>()("PoolFull", {
  /** `QueueFull`: the queue was as long as `maxWaiting` allows. `WaitTimeout`: the call had waited for `maxWait`. */
  reason: Schema.Literals(["QueueFull", "WaitTimeout"]),
  /** The pool's name. */
  pool: Schema.String,
  /** The pool's size at that moment. */
  size: Schema.Int,
  /** How many callers were in the queue at that moment, not counting the rejected one. */
  waiting: Schema.Int
}) {
  /** Says what was full, and how full. */
  override get message(): string {
    const why = this.reason === "QueueFull" ? "its queue is full" : "no slot became free in time"
    return `Pool "${this.pool}" rejected a call: ${why} (size ${this.size}, waiting ${this.waiting})`
  }
}

/**
 * What a call with these options can fail with, in addition to the errors of its pool: `PoolFull` if they have a
 * `maxWait`, otherwise `never`.
 *
 * @category models
 * @since 0.1.0
 */
export type CallRejection<Options> = "maxWait" extends keyof Options
  ? [Options["maxWait"]] extends [undefined] ? never : PoolFull
  : never
