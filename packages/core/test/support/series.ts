/**
 * What a registry of metrics holds.
 */
import { Context, Effect, Metric } from "effect"

const labels = (attributes: Metric.Metric.AttributeSet | undefined): string =>
  Object.entries(attributes ?? {}).sort().map(([key, value]) => `${key}=${value}`).join(",")

/** A registry of its own, and what is in it, by name and attributes: `"greenpool_size{pool=api}"`. */
export const makeRegistry = () => {
  const registry: Metric.MetricRegistry = new Map()
  const provide = Effect.provideService(Metric.MetricRegistry, registry)
  const snapshot = Effect.map(
    provide(Metric.snapshot),
    (snapshots) => new Map(snapshots.map((metric) => [`${metric.id}{${labels(metric.attributes)}}`, metric]))
  )
  /** The figure of a gauge or a counter. */
  const figure = (name: string) =>
    Effect.map(snapshot, (series) => {
      const metric = series.get(name)
      return metric?.type === "Gauge" ? metric.state.value : metric?.type === "Counter" ? metric.state.count : undefined
    })
  /** What a histogram has observed. */
  const observed = (name: string) =>
    Effect.map(snapshot, (series) => {
      const metric = series.get(name)
      return metric?.type === "Histogram" ? metric.state : undefined
    })
  return { provide, snapshot, figure, observed }
}

/** The state of the first metric of this name in a registry. */
export const stateIn = (registry: Metric.MetricRegistry, name: string): unknown =>
  Metric.snapshotUnsafe(Context.make(Metric.MetricRegistry, registry)).find(({ id }) => id === name)?.state
