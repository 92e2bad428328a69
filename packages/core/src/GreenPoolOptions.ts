/**
 * The options of a pool: what they mean, what is allowed, and what they are by default.
 *
 * @since 0.1.0
 */
import { Duration, Effect, Formatter, Schema } from "effect"
import type { AdaptiveOptions } from "./AdaptiveSize.ts"
import type { PoolFull } from "./Admission.ts"
import type { AdaptiveSettings } from "./internal/adaptation.ts"
import type { Settings } from "./internal/pool.ts"
import { checkPoolSize, type InvalidPoolSize, PoolSize } from "./PoolSize.ts"

/**
 * The options of a pool. All but the functions is plain data, which the schema of the same name decodes from
 * configuration.
 *
 * Durations are at least 0. Only a wrong size is a typed error. Any other number, duration or `onClose` that is
 * not allowed is a defect of whoever makes the pool; what `maxWaiting` and `weight` give, a defect of the call.
 *
 * @category options
 * @since 0.1.0
 */
export interface GreenPoolOptions {
  /**
   * How many jobs may hold a slot at once: an integer, 0 (paused) or more. Default 1000, as eventlet. Where the pool is
   * adaptive, the size from which it starts; default then 4, or what of `min` and `max` is nearest to that.
   */
  readonly size?: number | undefined
  /**
   * The name of the pool in errors, logs, stats, metrics and spans. Default `"default"`; of a key that `Service` makes,
   * the id of the key.
   */
  readonly name?: string | undefined
  /**
   * How long the line may be: a number of callers, 0 or more, or a function that gives one for the size of the moment
   * (a multiple of the size is 0 while the pool is paused). A caller who would make it longer fails with `PoolFull`.
   * Maps and nested jobs count, but are never turned away; shrinking turns nobody away who is in line. Default: no
   * bound.
   */
  readonly maxWaiting?: number | ((size: number) => number) | undefined
  /**
   * The longest time in line: then the caller fails with `PoolFull`. Time in the job does not count. Maps and nested
   * jobs are not bounded by it. Zero: a slot at once or `PoolFull`. `Infinity` or default: no bound.
   */
  readonly maxWait?: Duration.Input | undefined
  /** The share of a key, a finite number above 0, asked for when the key comes into use. Default 1 for each. */
  readonly weight?: ((key: string) => number) | undefined
  /**
   * Levels of priority that a caller gains per second in line, so that nobody waits for ever: 0 (none) or more.
   * Default 1.
   */
  readonly priorityBoost?: number | undefined
  /**
   * What closing the pool does with the jobs. `"interrupt"` interrupts all. `"drain"` turns new callers from outside
   * away with interruption, lets those in line and those that run go on, and interrupts what is left after
   * `drainTimeout`. Closed from inside one of its jobs, a pool interrupts at once. Default `"interrupt"`.
   */
  readonly onClose?: "interrupt" | "drain" | undefined
  /** How long `"drain"` lets jobs go on; what is left then is interrupted. Default: no bound. */
  readonly drainTimeout?: Duration.Input | undefined
  /**
   * Whether the pool keeps metrics, in the registry and with the attributes of the context in which it is made. Each
   * has the attribute `pool`, the name; pools of one name in one registry are one series, and add up. Times are in
   * seconds; buckets go from 0.001 to 300 and infinity.
   *
   * Gauges, as long as a pool of the name is open: `greenpool_size`, `greenpool_running`, `greenpool_waiting`. What
   * follows stays after the close. Counter: `greenpool_jobs_total`, with the attribute `outcome`: `success`, `failure`,
   * `interruption` or `rejection`. Histograms: `greenpool_wait_seconds`, one observation for each job that starts, 0 if
   * it had a slot at once, and `greenpool_run_seconds`, one for each that ends, to the end of its finalizers.
   *
   * An adaptive pool also has the gauges `greenpool_goodput`, in successes per second, and `greenpool_elasticity`, and the
   * counter `greenpool_cuts_total`.
   *
   * Default false, which costs nothing; on, a job costs two readings of the clock at the most.
   */
  readonly metrics?: boolean | undefined
  /**
   * Whether waits for slots are spans: `greenpool.wait`, in the span of the caller, with the attributes `greenpool.pool`
   * and `greenpool.size`. Only calls that have to wait have one, and maps have none. It ends when the job starts, so it
   * is no parent of the job's spans, and fails where the wait does. Default false, which costs nothing; on, a wait costs
   * a span.
   */
  readonly tracing?: boolean | undefined
  /**
   * How long a caller may be in line without a warning: then one is logged, at level `Warn` and with the annotation
   * `pool`, at most once a minute, by the logger and the clock of the context in which the pool is made. It goes by the
   * caller who has waited longest, a map or not. Its timer keeps a process alive while somebody is in line. Zero: any
   * wait is too long. `Infinity` or default: no warning.
   */
  readonly slowWait?: Duration.Input | undefined
  /**
   * Whether the pool finds its own size, within bounds and by the verdicts of the options: the size beyond which more
   * slots bring little more goodput. `true` means all their defaults. `resize(0)` rests such a pool, and `resize(n)` has
   * it search anew from n. Default false, which costs nothing; on, a job costs a reading of the clock.
   */
  readonly adaptive?: boolean | AdaptiveOptions | undefined
}

/**
 * The schema of the options that are plain data. Durations are text, as `"500 millis"`.
 *
 * ```ts import.meta.vitest
 * import { GreenPool, GreenPoolOptions } from "@greenpool/core"
 * import { Config, ConfigProvider, Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* GreenPool.make(yield* Config.schema(GreenPoolOptions, "pool"))
 *   return yield* pool.size
 * })
 *
 * const config = ConfigProvider.fromEnv({ env: { pool_size: "7", pool_maxWait: "2 seconds" } })
 *
 * await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(ConfigProvider.layer(config)))) // => 7
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const GreenPoolOptions = Schema.Struct({
  size: Schema.optional(PoolSize),
  name: Schema.optional(Schema.String),
  maxWaiting: Schema.optional(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
  maxWait: Schema.optional(Schema.DurationFromString),
  priorityBoost: Schema.optional(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
  onClose: Schema.optional(Schema.Literals(["interrupt", "drain"])),
  drainTimeout: Schema.optional(Schema.DurationFromString),
  metrics: Schema.optional(Schema.Boolean),
  tracing: Schema.optional(Schema.Boolean),
  slowWait: Schema.optional(Schema.DurationFromString),
  adaptive: Schema.optional(Schema.Union([
    Schema.Boolean,
    Schema.Struct({
      min: Schema.optional(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))),
      max: Schema.optional(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))),
      latencyTarget: Schema.optional(Schema.DurationFromString)
    })
  ]))
})

/**
 * The options of a pool that turns nobody away: those that a key without `PoolFull` in its type can have.
 *
 * @category options
 * @since 0.1.0
 */
export type UnboundedOptions = Omit<GreenPoolOptions, "maxWaiting" | "maxWait">

/**
 * What the calls of a pool made with these options can fail with: `PoolFull`, where they have `maxWaiting` or
 * `maxWait`.
 *
 * @category models
 * @since 0.1.0
 */
export type RejectedBy<Options> = "maxWaiting" extends keyof Options ? PoolFull
  : "maxWait" extends keyof Options ? PoolFull
  : never

const DefaultSize = 1000
/** Where an adaptive pool starts. */
const DefaultStart = 4

/** The value, if `isAllowed`, else a defect that says what is. */
const check = <A>(what: string, allowed: string, value: A, isAllowed: boolean): A => {
  if (isAllowed) return value
  throw new RangeError(`Invalid ${what} ${Formatter.format(value)}: it is ${allowed}`)
}

const milliseconds = (what: string, duration: Duration.Input): number => {
  // Effect takes NaN for zero.
  const value = Number.isNaN(duration) ? NaN : Duration.toMillis(duration)
  return check(what, "a duration of at least 0", value, value >= 0)
}

const checkMaxWaiting = (value: number): number =>
  check("maxWaiting", "a number of at least 0", value, typeof value === "number" && value >= 0)

const adaptiveSettings = ({ classify, latencyTarget, max = 1000, min = 1 }: AdaptiveOptions): AdaptiveSettings => ({
  min: check("adaptive.min", "an integer of at least 1", min, Number.isSafeInteger(min) && min >= 1),
  max: check("adaptive.max", `an integer of at least ${min}`, max, Number.isSafeInteger(max) && max >= min),
  target: latencyTarget === undefined
    ? Infinity
    : check(
      "adaptive.latencyTarget",
      "a duration above 0",
      milliseconds("adaptive.latencyTarget", latencyTarget) / 1000,
      milliseconds("adaptive.latencyTarget", latencyTarget) > 0
    ),
  classify: check("adaptive.classify", "a function", classify, classify === undefined || typeof classify === "function")
})

const checkAdaptive = (adaptive: GreenPoolOptions["adaptive"]): AdaptiveSettings | undefined => {
  if (adaptive === undefined || adaptive === false) return undefined
  const isObject = typeof adaptive === "object" && adaptive !== null
  check("adaptive", "true, false, or its options", adaptive, adaptive === true || isObject)
  return adaptiveSettings(adaptive === true ? {} : adaptive)
}

const defaultSize = (adaptive: AdaptiveSettings | undefined): number =>
  adaptive === undefined ? DefaultSize : Math.max(adaptive.min, Math.min(adaptive.max, DefaultStart))

/** @internal */
export const toSettings = (options: GreenPoolOptions): Effect.Effect<Settings, InvalidPoolSize> =>
  Effect.suspend(() => {
    const adaptive = checkAdaptive(options.adaptive)
    return Effect.map(
      checkPoolSize(options.size === undefined ? defaultSize(adaptive) : options.size),
      (size) => settingsOf(size, adaptive, options)
    )
  })

const settingsOf = (size: number, adaptive: AdaptiveSettings | undefined, options: GreenPoolOptions): Settings => {
  if (adaptive !== undefined) {
    const { max, min } = adaptive
    check(
      "size",
      `0 or from ${min} to ${max}, where the pool adapts it`,
      size,
      size === 0 || (size >= min && size <= max)
    )
  }
  const { drainTimeout, maxWait, maxWaiting, metrics, priorityBoost = 1, slowWait, tracing, weight } = options
  const { onClose = "interrupt" } = options
  check("onClose", `"interrupt" or "drain"`, onClose, onClose === "interrupt" || onClose === "drain")
  return {
    name: options.name ?? "default",
    size,
    maxWaiting: typeof maxWaiting === "function"
      ? (size) => checkMaxWaiting(maxWaiting(size))
      : ((bound) => () => bound)(maxWaiting === undefined ? Infinity : checkMaxWaiting(maxWaiting)),
    maxWait: maxWait === undefined ? Infinity : milliseconds("maxWait", maxWait),
    weight: weight === undefined
      ? () => 1
      : (key) => {
        const value = weight(key)
        return check(`weight of key "${key}"`, "a finite number above 0", value, Number.isFinite(value) && value > 0)
      },
    priorityBoost: check(
      "priorityBoost",
      "a finite number of at least 0",
      priorityBoost,
      Number.isFinite(priorityBoost) && priorityBoost >= 0
    ),
    drain: onClose !== "drain"
      ? 0
      : drainTimeout === undefined
      ? Infinity
      : milliseconds("drainTimeout", drainTimeout),
    metrics: metrics === true,
    tracing: tracing === true,
    slowWait: slowWait === undefined ? Infinity : milliseconds("slowWait", slowWait),
    adaptive
  }
}
