/**
 * A pool with all that makes it visible, and whether what is seen is what its counters say.
 */
import { Context, Metric, type Tracer } from "effect"
import type { GreenPoolOptions, PoolStats } from "../../src/index.ts"

/** Metrics, spans, and warnings of waits longer than 3 ms. */
export const observed = { metrics: true, tracing: true, slowWait: 3 } as const satisfies GreenPoolOptions

/** What the metrics of a pool that nothing runs in say otherwise than its counters. */
export const mismeasured = (registry: Metric.MetricRegistry, stats: PoolStats): ReadonlyArray<string> => {
  const { adaptive, failed, interrupted, name, rejected, started, succeeded } = stats
  const right: Record<string, number> = {
    "greenpool_jobs_total success": succeeded,
    "greenpool_jobs_total failure": failed,
    "greenpool_jobs_total interruption": interrupted,
    "greenpool_jobs_total rejection": rejected,
    "greenpool_wait_seconds ": started,
    "greenpool_run_seconds ": started,
    ...(adaptive === undefined ? {} : { "greenpool_cuts_total ": adaptive.cuts })
  }
  const problems: Array<string> = []
  for (const { attributes, id, state, type } of Metric.snapshotUnsafe(Context.make(Metric.MetricRegistry, registry))) {
    if (attributes?.["pool"] !== name || (type !== "Counter" && type !== "Histogram")) continue
    const series = `${id} ${attributes["outcome"] ?? ""}`
    if (state.count !== right[series]) problems.push(`${series} is ${state.count}, not ${right[series]}`)
    delete right[series]
  }
  return [...problems, ...Object.keys(right).map((series) => `there is no ${series}`)]
}

/** Spans that have not ended. */
export const openSpans = (spans: ReadonlyArray<Tracer.Span>): ReadonlyArray<string> =>
  spans.filter(({ status }) => status._tag === "Started").map(({ name }) => name)
