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
 * The options of a pool that rejects no calls: those that a key without `PoolFull` in its type can have.
 *
 * A wrong size is a typed error. Any other number, duration or `onClose` that isn't allowed is a defect of the effect
 * that makes the pool; a wrong `weight` is a defect of the call that asks for it. Durations are at least 0.
 *
 * @category options
 * @since 0.1.0
 */
export interface UnboundedOptions {
  /**
   * How many jobs may hold a slot concurrently: an integer of at least 0 (0: paused). Default: 1000, as in eventlet. If
   * the pool is adaptive, this is where it starts, and the default is 4, or the bound that is nearest to it.
   */
  readonly size?: number | undefined
  /**
   * The name of the pool in errors, logs, stats, metrics and spans. Default: `"default"`; for a key that `Service`
   * makes, the id of the key.
   */
  readonly name?: string | undefined
  /** The share of a key, a finite number above 0, asked for when the key comes into use. Default: 1 for each. */
  readonly weight?: ((key: string) => number) | undefined
  /**
   * How many levels of priority a caller gains per second in the queue, so that no caller waits forever: 0 (none) or
   * more. Default: 1.
   */
  readonly priorityBoost?: number | undefined
  /**
   * What closing the pool does with its jobs. `"interrupt"` interrupts all of them. `"drain"` refuses new callers from
   * outside with interruption, lets the jobs that wait or run finish, and interrupts what is left after `drainTimeout`.
   * A pool that is closed from inside one of its jobs interrupts immediately. Default: `"interrupt"`.
   */
  readonly onClose?: "interrupt" | "drain" | undefined
  /** How long `"drain"` lets jobs go on before it interrupts what is left. Default: no bound. */
  readonly drainTimeout?: Duration.Input | undefined
  /**
   * Whether the pool keeps metrics, in the registry and with the attributes of the context in which it is made. Each
   * has the attribute `pool`, the name; pools of the same name in the same registry share one series, and add up. Times
   * are in seconds; buckets go from 0.001 to 300 and infinity.
   *
   * Gauges, as long as a pool of the name is open: `greenpool_size`, `greenpool_running`, `greenpool_waiting`. The
   * others stay after the close. Counter: `greenpool_jobs_total`, with the attribute `outcome`: `success`, `failure`,
   * `interruption` or `rejection`. Histograms: `greenpool_wait_seconds`, one observation for each job that starts, 0 if
   * it didn't wait, and `greenpool_run_seconds`, one for each that ends, to the end of its finalizers.
   *
   * An adaptive pool also has the gauges `greenpool_goodput`, in successes per second, and `greenpool_elasticity`, and
   * the counter `greenpool_cuts_total`.
   *
   * Default: false, which costs nothing. When on, a job costs at most two readings of the clock.
   */
  readonly metrics?: boolean | undefined
  /**
   * Whether waits for slots are spans: `greenpool.wait`, in the span of the caller, with the attributes `greenpool.pool`
   * and `greenpool.size`. Only calls that have to wait have one; maps have none. The span ends when the job starts, so
   * it isn't the parent of the job's spans, and it fails where the wait does. Default: false, which costs nothing. When
   * on, a wait costs a span.
   */
  readonly tracing?: boolean | undefined
  /**
   * How long a caller may be in the queue without a warning. Then one is logged, at level `Warn` with the annotation
   * `pool`, at most once a minute, by the logger and the clock of the context in which the pool is made. It goes by the
   * caller that has waited longest, which may be a map. Its timer keeps a process alive while callers wait. Zero: any
   * wait is too long. `Infinity` or default: no warning.
   */
  readonly slowWait?: Duration.Input | undefined
  /**
   * Whether the pool finds its own size: the size beyond which more slots bring little more goodput. `true` means the
   * default of each of its options. `resize(0)` rests such a pool, and `resize(n)` starts the search anew from n.
   * Default: false, which costs nothing. When on, a job costs one reading of the clock.
   */
  readonly adaptive?: boolean | AdaptiveOptions | undefined
}

/** A bound on the length of the queue. */
type MaxWaiting = number | ((size: number) => number) | undefined

/**
 * The options of a pool. All of them except the functions are plain data, which the schema of the same name decodes
 * from configuration. The type parameters record which bounds are given, and so whether calls can fail with `PoolFull`.
 *
 * A `maxWaiting` or a `maxWait` that isn't allowed is a defect of the effect that makes the pool; a wrong result of a
 * `maxWaiting` function is a defect of the call that asks for it.
 *
 * @category options
 * @since 0.1.0
 */
export interface GreenPoolOptions<
  out QueueBound extends MaxWaiting = MaxWaiting,
  out TimeBound extends Duration.Input | undefined = Duration.Input | undefined
> extends UnboundedOptions {
  /**
   * How long the queue may be: a number of callers, 0 or more, or a function that returns one for the size at that
   * moment (a multiple of the size is 0 while the pool is paused). A call that would make the queue longer fails with
   * `PoolFull`. Maps and nested jobs count, but are never rejected; shrinking the pool rejects no caller that is already
   * in the queue. Default: no bound.
   */
  // The function is there apart from the parameter, so that it gives the function's own parameter its type.
  readonly maxWaiting?: QueueBound | ((size: number) => number) | undefined
  /**
   * The longest time in the queue. When it is over, the call fails with `PoolFull`. Time in the job doesn't count, and
   * maps and nested jobs aren't bounded by it. Zero: a slot immediately or `PoolFull`. `Infinity` or default: no bound.
   */
  readonly maxWait?: TimeBound | undefined
}

/**
 * The schema of the options that are plain data. Durations are text, such as `"500 millis"`.
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
 * const main = Effect.scoped(program).pipe(Effect.provide(ConfigProvider.layer(config)))
 *
 * console.log(await Effect.runPromise(main)) // prints 7
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
 * What the calls of a pool with these options can fail with: `PoolFull` if they have a `maxWaiting` or a `maxWait`,
 * otherwise `never`.
 *
 * @category models
 * @since 0.1.0
 */
export type PoolRejection<Options> = [Option<Options, "maxWaiting"> | Option<Options, "maxWait">] extends [undefined]
  ? never
  : PoolFull

type Option<Options, Name> = Name extends keyof Options ? Options[Name] : undefined

const DefaultSize = 1000
/** Where an adaptive pool starts. */
const DefaultStart = 4

/** Returns the value if `isAllowed`, otherwise throws an error that says what is allowed. */
const check = <A>(what: string, allowed: string, value: A, isAllowed: boolean): A => {
  if (isAllowed) return value
  throw new RangeError(`Invalid ${what} ${Formatter.format(value)}: it must be ${allowed}`)
}

const milliseconds = (what: string, duration: Duration.Input): number => {
  // Effect takes NaN for zero.
  const value = Number.isNaN(duration) ? NaN : Duration.toMillis(duration)
  return check(what, "a duration of at least 0", value, value >= 0)
}

const checkMaxWaiting = (value: number): number =>
  check("maxWaiting", "a number of at least 0", value, typeof value === "number" && value >= 0)

const checkAdaptive = (adaptive: GreenPoolOptions["adaptive"]): AdaptiveSettings | undefined => {
  if (adaptive === undefined || adaptive === false) return undefined
  const isObject = typeof adaptive === "object" && adaptive !== null
  check("adaptive", "true, false, or its options", adaptive, adaptive === true || isObject)
  const { classify, latencyTarget, max = 1000, min = 1 }: AdaptiveOptions = adaptive === true ? {} : adaptive
  const target = latencyTarget === undefined ? Infinity : milliseconds("adaptive.latencyTarget", latencyTarget) / 1000
  return {
    min: check("adaptive.min", "an integer of at least 1", min, Number.isSafeInteger(min) && min >= 1),
    max: check("adaptive.max", `an integer of at least ${min}`, max, Number.isSafeInteger(max) && max >= min),
    target: check("adaptive.latencyTarget", "a duration above 0", target, target > 0),
    classify: check(
      "adaptive.classify",
      "a function",
      classify,
      classify === undefined || typeof classify === "function"
    )
  }
}

const defaultSize = (adaptive: AdaptiveSettings | undefined): number =>
  adaptive === undefined ? DefaultSize : Math.max(adaptive.min, Math.min(adaptive.max, DefaultStart))

/** @internal */
export const toSettings = (options: GreenPoolOptions): Effect.Effect<Settings, InvalidPoolSize> => {
  const adaptive = checkAdaptive(options.adaptive)
  return Effect.map(checkPoolSize(options.size === undefined ? defaultSize(adaptive) : options.size), (size) => {
    if (adaptive !== undefined) {
      const { max, min } = adaptive
      const isStart = size === 0 || (size >= min && size <= max)
      check("size", `0 or from ${min} to ${max}, where the pool adapts it`, size, isStart)
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
  })
}
