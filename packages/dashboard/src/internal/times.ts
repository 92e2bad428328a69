/**
 * Quantiles of waits and runs over the last seconds, from the histograms of the pools' metrics.
 */
import { Context, Metric } from "effect"

/** Over how many seconds quantiles are taken. */
export const window = 10

const quantiles = [0.5, 0.95, 0.99] as const

/** Cumulative counts by upper bound, in seconds. */
type Buckets = ReadonlyArray<readonly [bound: number, count: number]>

interface Reading {
  readonly wait?: Buckets
  readonly run?: Buckets
}

const histograms: Readonly<Record<string, keyof Reading>> = {
  greenpool_wait_seconds: "wait",
  greenpool_run_seconds: "run"
}

const add = (a: Buckets | undefined, b: Buckets): Buckets =>
  a === undefined ? b : a.map(([bound, count], i) => [bound, count + (b[i]?.[1] ?? 0)])

/** The histograms of all pools in the registry of the context, by the pools' names. */
const readAll = (context: Context.Context<never>): ReadonlyMap<string, Reading> => {
  const readings = new Map<string, Reading>()
  for (const { attributes, hooks, id } of Context.get(context, Metric.MetricRegistry).values()) {
    const kind = histograms[id]
    const pool = (attributes as Readonly<Record<string, string>> | undefined)?.["pool"]
    if (kind === undefined || pool === undefined) continue
    const { buckets } = hooks.get(context) as Metric.HistogramState
    const reading = readings.get(pool)
    readings.set(pool, { ...reading, [kind]: add(reading?.[kind], buckets) })
  }
  return readings
}

/**
 * The `q`-quantile of what was counted between two readings, in seconds: linear within a bucket, 0 in the first, the
 * lower bound in the last. Undefined where nothing was counted.
 */
export const quantile = (q: number, now: Buckets, before: Buckets | undefined): number | undefined => {
  const isSame = before !== undefined && before.length === now.length &&
    now.every(([, count], i) => count >= before[i]![1])
  // Counts that went down are those of a new pool.
  const counted = (i: number) => now[i]![1] - (isSame ? before![i]![1] : 0)
  const total = counted(now.length - 1)
  if (total === 0) return undefined
  const rank = q * total
  const bucket = now.findIndex((_, i) => counted(i) >= rank)
  if (bucket === 0) return 0
  const lower = now[bucket - 1]![0]
  const upper = now[bucket]![0]
  if (upper === Infinity) return lower
  const below = counted(bucket - 1)
  return lower + (upper - lower) * (rank - below) / (counted(bucket) - below)
}

/** Two significant digits, in tenths of a millisecond; -1 for none. */
const encode = (seconds: number | undefined): number =>
  seconds === undefined ? -1 : Number((seconds * 10_000).toPrecision(2))

/** The readings of the last seconds; one is taken at each sample. */
export class Times {
  private readonly context: Context.Context<never>
  private readonly readings: Array<ReadonlyMap<string, Reading>> = []

  constructor(context: Context.Context<never>) {
    this.context = context
  }

  sample(): void {
    this.readings.push(readAll(this.context))
    if (this.readings.length > window + 1) this.readings.shift()
  }

  /** p50, p95 and p99 of the waits, then of the runs; undefined for a pool without metrics. */
  of(pool: string): ReadonlyArray<number> | undefined {
    const now = this.readings.at(-1)?.get(pool)
    if (now === undefined) return undefined
    // What was counted before the first reading of it may be hours old.
    const before = this.readings.find((reading) => reading.has(pool))?.get(pool)
    return (["wait", "run"] as const).flatMap((kind) => {
      const buckets = now[kind]
      return quantiles.map((q) => encode(buckets && quantile(q, buckets, before?.[kind])))
    })
  }
}
