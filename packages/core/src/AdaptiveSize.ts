/**
 * Adaptive size: the options of a pool that finds its own size, what a job's end says about the backend, and what the
 * pool has found.
 *
 * @since 0.1.0
 */
import { Cause, Duration, Exit, Predicate, Result, Schema } from "effect"

/**
 * The options of a pool that finds its own size. Numbers that aren't allowed are defects of the call that makes the
 * pool.
 *
 * @category options
 * @since 0.1.0
 */
export interface AdaptiveOptions {
  /** The smallest size: an integer of at least 1. Default 1. */
  readonly min?: number | undefined
  /** The largest size: an integer of at least `min`. Default 1000. An ordered map holds up to that many items. */
  readonly max?: number | undefined
  /**
   * The mean time in the slot beyond which the pool shrinks: a duration above 0. It is a target for the mean, not for a
   * percentile. Default: none.
   */
  readonly latencyTarget?: Duration.Input | undefined
  /**
   * What the end of a job says about the backend. It gets the exit of the job itself, whatever the verb makes of it. It
   * is called once for each job that ends while the pool is open, after its slot has been passed on, and may resize or
   * close the pool. If it throws, the job counts as `"ignore"`;
   * the first throw is logged at level `Error`. Default `verdictOf`.
   */
  readonly classify?: ((exit: Exit.Exit<unknown, unknown>) => Verdict) | undefined
}

/**
 * What the end of a job says about the backend: `"ok"` counts as goodput; `"overload"` says that the backend has too
 * much; `"ignore"` says neither. `retryAfter` is an overload that also pauses the pool, for at most 60 seconds.
 *
 * @category models
 * @since 0.1.0
 */
export type Verdict = "ok" | "overload" | "ignore" | { readonly retryAfter: Duration.Input }

/**
 * The verdict on a job by its exit alone.
 *
 * A success is `"ok"`. An overload is a `Cause.TimeoutError`, a `PoolFull`, a rate limit that was exceeded
 * (`RateLimitExceeded` or `RateLimitError`, also as the `reason` of the error), and an error with status 429 or 503, its
 * own or that of its `response`. Where such an error says when to try again (`retryAfter` as a `Duration` or seconds, or
 * the header `retry-after`), the verdict is that. Everything else is `"ignore"`: other failures, defects, interruption.
 * A success whose value is a failed `Exit` or `Result` is judged as that failure.
 *
 * ```ts import.meta.vitest
 * import { verdictOf } from "@greenpool/core"
 * import { Exit } from "effect"
 *
 * console.log(verdictOf(Exit.succeed(1))) // prints ok
 * console.log(verdictOf(Exit.fail({ status: 503 }))) // prints overload
 * console.log(verdictOf(Exit.fail({ status: 404 }))) // prints ignore
 * ```
 *
 * @category verdicts
 * @since 0.1.0
 */
export const verdictOf = (exit: Exit.Exit<unknown, unknown>): Verdict => {
  if (exit._tag === "Failure") return verdictOfCause(exit.cause)
  const { value } = exit
  if (Result.isResult(value)) return Result.isFailure(value) ? verdictOfError(value.failure) : "ok"
  return Exit.isExit(value) && Exit.isFailure(value) ? verdictOfCause(value.cause) : "ok"
}

const verdictOfCause = (cause: Cause.Cause<unknown>): Verdict => {
  let verdict: Verdict = "ignore"
  for (const { error } of cause.reasons.filter(Cause.isFailReason)) {
    const found = verdictOfError(error)
    if (typeof found === "object") return found
    if (found === "overload") verdict = found
  }
  return verdict
}

const overloads = new Set<unknown>(["TimeoutError", "PoolFull", "RateLimitExceeded", "RateLimitError"])

const verdictOfError = (error: unknown): Verdict => {
  const reason = field(error, "reason")
  const response = field(error, "response") ?? field(reason, "response")
  const isOverload = [field(error, "_tag"), field(reason, "_tag")].some((tag) => overloads.has(tag)) ||
    [field(error, "status"), field(response, "status")].some(isTooMuch)
  if (!isOverload) return "ignore"
  const retryAfter = durationOf(field(error, "retryAfter")) ?? durationOf(field(reason, "retryAfter")) ??
    durationOf(header(response, "retry-after")) ?? durationOf(header(error, "retry-after"))
  return retryAfter === undefined ? "overload" : { retryAfter }
}

const field = (value: unknown, name: string): unknown => Predicate.hasProperty(value, name) ? value[name] : undefined

const isTooMuch = (status: unknown): boolean => status === 429 || status === 503

/** A header of a response, whose headers are a record or know `get`, as those of `fetch`. */
const header = (response: unknown, name: string): unknown => {
  const headers = field(response, "headers")
  const get = field(headers, "get")
  return typeof get === "function" ? get.call(headers, name) : field(headers, name)
}

/** A `Duration`, seconds, or text as in the header: seconds or a date. */
const durationOf = (value: unknown): Duration.Duration | undefined => {
  if (Duration.isDuration(value)) return value
  if (typeof value !== "number" && (typeof value !== "string" || value.trim() === "")) return undefined
  const seconds = Number(value)
  if (seconds >= 0) return Duration.seconds(seconds)
  const date = typeof value === "string" ? Date.parse(value) : NaN
  return Number.isNaN(date) ? undefined : Duration.millis(Math.max(0, date - Date.now()))
}

/**
 * What a pool with `adaptive` has found, part of `PoolStats`. It encodes to plain JSON.
 *
 * @category schemas
 * @since 0.1.0
 */
export class AdaptiveStats extends Schema.Class<AdaptiveStats>("@greenpool/core/AdaptiveStats")({
  /**
   * `"starting"`: it doubles its size, until that brings little. `"steady"`: it follows the backend. `"paused"`: it waits
   * as long as a `retryAfter` said. `"resting"`: its size was set to 0, and it waits for `resize`.
   */
  phase: Schema.Literals(["starting", "steady", "paused", "resting"]),
  /** Per cent more goodput for one per cent more slots, as far as known. The pool seeks 0.2. */
  elasticity: Schema.Finite,
  /** Successes per second in the last leg. 0 before the first leg has ended. */
  goodput: Schema.Finite,
  /** The mean time in the slot in the last leg, in seconds. 0 before the first leg has ended. */
  latency: Schema.Finite,
  /** The size at which the backend was last overloaded. Absent as long as it never was. */
  ceiling: Schema.optionalKey(Schema.Finite),
  /** How often the size was cut because the backend was overloaded. */
  cuts: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
}) {}
