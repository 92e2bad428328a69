/**
 * Metrics: what the pools of one name in one registry measure together.
 *
 * All series are read when the registry takes a snapshot: a job costs two readings of the clock and some additions.
 */
import { Context, type Exit, Function, Metric } from "effect"
import type { Adaptation } from "./adaptation.ts"
import { Outcomes } from "./outcomes.ts"
import type { Semaphore } from "./semaphore.ts"

/** Upper bounds of the buckets, in seconds. */
const boundaries = Metric.boundariesFromIterable(
  [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
)

/** A histogram of times in seconds. */
class Times {
  private readonly counts = boundaries.map(() => 0)
  private count = 0
  private sum = 0
  private min = Number.MAX_VALUE
  private max = -Number.MAX_VALUE

  add(seconds: number): void {
    let bucket = 0
    while (seconds > boundaries[bucket]!) bucket++
    this.counts[bucket]!++
    this.count++
    this.sum += seconds
    if (seconds < this.min) this.min = seconds
    if (seconds > this.max) this.max = seconds
  }

  /** Its buckets are cumulative: each counts all times up to its boundary. */
  get state(): Metric.HistogramState {
    const { count, counts, max, min, sum } = this
    let below = 0
    return { buckets: boundaries.map((boundary, i) => [boundary, below += counts[i]!]), count, min, max, sum }
  }
}

const figures = {
  success: "succeeded",
  failure: "failed",
  interruption: "interrupted",
  rejection: "rejected"
} as const

const gauges = {
  greenpool_size: ["Jobs that may hold a slot concurrently", "permits"],
  greenpool_running: ["Jobs that hold a slot", "taken"],
  greenpool_waiting: ["Callers that wait for a slot", "waiting"]
} as const

const adaptiveGauges = {
  greenpool_goodput: ["Successes per second in the last leg", "goodput"],
  greenpool_elasticity: ["Per cent more goodput for one per cent more slots", "elasticity"]
} as const

/** What a meter reads of each pool when the registry takes a snapshot. */
export interface Metered {
  readonly semaphore: Semaphore
  readonly adaptation: Adaptation | undefined
}

const meters = new WeakMap<Metric.MetricRegistry, Map<string, Meter>>()

export class Meter {
  private readonly outcomes = new Outcomes()
  private readonly waits = new Times()
  private readonly runs = new Times()
  private readonly pool: string
  private readonly context: Context.Context<never>
  /** Of the pools that are open. */
  private readonly pools = new Set<Metered>()
  private registrations: ReadonlyArray<Metric.Registration> = []
  /** Of the gauges that only adaptive pools have. */
  private adaptiveRegistrations: ReadonlyArray<Metric.Registration> = []
  /** Cuts of the size, of pools that have closed. */
  private cuts = 0

  /** The meter for pools of this name that are made in this context. */
  static of(pool: string, context: Context.Context<never>): Meter {
    const registry = Context.get(context, Metric.MetricRegistry)
    let named = meters.get(registry)
    if (named === undefined) meters.set(registry, named = new Map())
    // Other surrounding attributes make other series. The attributes that a series sets itself win over those.
    const { outcome: _outcome, pool: _pool, ...around } = Context.get(context, Metric.CurrentMetricAttributes)
    const key = JSON.stringify([pool, ...Object.keys(around).sort().map((name) => [name, around[name]])])
    let meter = named.get(key)
    if (meter === undefined) {
      const own = Context.make(Metric.MetricRegistry, registry).pipe(
        Context.add(Metric.CurrentMetricAttributes, around)
      )
      named.set(key, meter = new Meter(pool, own))
    }
    return meter
  }

  private constructor(pool: string, context: Context.Context<never>) {
    this.pool = pool
    this.context = context
  }

  /** Adds an open pool, and registers the series. */
  open(pool: Metered): void {
    this.pools.add(pool)
    const attributes = { pool: this.pool }
    this.registrations = Object.entries(gauges).map(([name, [description, figure]]) =>
      this.register(Metric.gauge(name, { description, attributes }), () => ({
        value: [...this.pools].reduce((sum, { semaphore }) => sum + semaphore[figure], 0)
      }))
    )
    if (pool.adaptation !== undefined) this.openAdaptive(attributes)
    for (const [outcome, figure] of Object.entries(figures)) {
      const description = "Jobs that ended and callers that were rejected"
      const counter = { description, attributes: { ...attributes, outcome } }
      this.register(Metric.counter("greenpool_jobs_total", counter), () => ({
        count: this.outcomes[figure],
        incremental: true
      }))
    }
    const description = { wait: "Time that jobs waited for their slots", run: "Time that jobs held their slots" }
    const histogram = (name: keyof typeof description, times: Times) =>
      this.register(
        Metric.histogram(`greenpool_${name}_seconds`, { description: description[name], attributes, boundaries }),
        () => times.state
      )
    histogram("wait", this.waits)
    histogram("run", this.runs)
  }

  /** Adds what shows how pools find their size: their goodput together, and their mean elasticity. */
  private openAdaptive(attributes: { readonly pool: string }): void {
    const figures = (figure: "goodput" | "elasticity" | "cuts") =>
      [...this.pools].flatMap(({ adaptation }) => adaptation === undefined ? [] : [adaptation.stats[figure]])
    const sum = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0)
    this.adaptiveRegistrations = Object.entries(adaptiveGauges).map(([name, [description, figure]]) =>
      this.register(Metric.gauge(name, { description, attributes }), () => {
        const values = figures(figure)
        return { value: figure === "elasticity" ? sum(values) / values.length : sum(values) }
      })
    )
    const description = "Cuts of the size for an overload"
    this.register(Metric.counter("greenpool_cuts_total", { description, attributes }), () => ({
      count: this.cuts + sum(figures("cuts")),
      incremental: true
    }))
  }

  private register<Input, State>(metric: Metric.Metric<Input, State>, get: () => State): Metric.Registration {
    return Metric.registerUnsafe(metric, this.context, { get, update: Function.constVoid, modify: Function.constVoid })
  }

  /** A pool has closed: its gauges end, its counters and histograms stay. */
  close(pool: Metered): void {
    this.pools.delete(pool)
    this.cuts += pool.adaptation?.stats.cuts ?? 0
    if (![...this.pools].some(({ adaptation }) => adaptation !== undefined)) {
      for (const registration of this.adaptiveRegistrations) registration.remove()
    }
    if (this.pools.size > 0) return
    for (const registration of this.registrations) registration.remove()
  }

  /** A job got its slot, or borrowed one, after that many seconds in the queue. */
  start(waited: number): void {
    this.waits.add(waited)
  }

  /** A job has ended, that many seconds after it got its slot. */
  end(ran: number, exit: Exit.Exit<unknown, unknown>): void {
    this.outcomes.end(exit)
    this.runs.add(ran)
  }

  /** A caller has been rejected. */
  reject(): void {
    this.outcomes.rejected++
  }
}
