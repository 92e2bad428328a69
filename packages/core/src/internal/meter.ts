/**
 * Metrics: what the pools of one name in one registry measure together.
 *
 * Gauges and counters are read when somebody takes a snapshot; of what a job costs, only its two observations are
 * made when it starts and ends.
 */
import { Context, type Exit, Metric } from "effect"
import type { Semaphore } from "./semaphore.ts"
import { Tally } from "./tally.ts"

/** Upper bounds of the buckets, in seconds. */
const boundaries = Metric.boundariesFromIterable(
  [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
)

const outcomes = {
  success: "succeeded",
  failure: "failed",
  interruption: "interrupted",
  rejection: "rejected"
} as const

const gauges = {
  greenpool_size: ["Jobs that may hold a slot at once", "permits"],
  greenpool_running: ["Jobs that hold a slot", "taken"],
  greenpool_waiting: ["Callers that wait for a slot", "waiting"]
} as const

const meters = new WeakMap<Metric.MetricRegistry, Map<string, Meter>>()

export class Meter {
  readonly tally = new Tally()
  private readonly context: Context.Context<never>
  private readonly attributes: { readonly pool: string }
  private readonly waits: Metric.Histogram<number>
  private readonly runs: Metric.Histogram<number>
  /** Of the pools that are open. */
  private readonly semaphores = new Set<Semaphore>()
  private registrations: ReadonlyArray<Metric.Registration> = []

  /** The meter for pools of this name that are made in this context. */
  static of(name: string, context: Context.Context<never>): Meter {
    const registry = Context.get(context, Metric.MetricRegistry)
    let named = meters.get(registry)
    if (named === undefined) meters.set(registry, named = new Map())
    // With other attributes around them they are other series.
    const around = Context.get(context, Metric.CurrentMetricAttributes)
    const key = JSON.stringify([name, ...Object.entries(around).sort()])
    let meter = named.get(key)
    if (meter === undefined) {
      const own = Context.make(Metric.MetricRegistry, registry).pipe(
        Context.add(Metric.CurrentMetricAttributes, around)
      )
      named.set(key, meter = new Meter(name, own))
    }
    return meter
  }

  private constructor(pool: string, context: Context.Context<never>) {
    this.context = context
    this.attributes = { pool }
    const { attributes } = this
    this.waits = Metric.histogram("greenpool_wait_seconds", {
      description: "Time that jobs waited for their slots",
      attributes,
      boundaries
    })
    this.runs = Metric.histogram("greenpool_run_seconds", {
      description: "Time that jobs held their slots",
      attributes,
      boundaries
    })
  }

  /** A pool has opened: its series are there from now on. */
  open(semaphore: Semaphore): void {
    this.semaphores.add(semaphore)
    const { attributes, context } = this
    this.registrations = Object.entries(gauges).map(([name, [description, figure]]) =>
      Metric.registerUnsafe(Metric.gauge(name, { description, attributes }), context, {
        ...readOnly,
        get: () => ({ value: [...this.semaphores].reduce((sum, semaphore) => sum + semaphore[figure], 0) })
      })
    )
    for (const [outcome, figure] of Object.entries(outcomes)) {
      const counter = Metric.counter("greenpool_jobs_total", {
        description: "Jobs that ended and callers that were turned away",
        attributes: { ...attributes, outcome },
        incremental: true
      })
      Metric.registerUnsafe(counter, context, {
        ...readOnly,
        get: () => ({ count: this.tally[figure], incremental: true })
      })
    }
    this.waits.valueUnsafe(context)
    this.runs.valueUnsafe(context)
  }

  /** A pool has closed: what it is like is no longer of interest, what it has done is. */
  close(semaphore: Semaphore): void {
    this.semaphores.delete(semaphore)
    if (this.semaphores.size > 0) return
    for (const registration of this.registrations) registration.remove()
  }

  /** A job got its slot, or borrowed one, after so many milliseconds in line. */
  start(waited: number): void {
    this.waits.updateUnsafe(waited / 1000, this.context)
  }

  /** A job has ended, so many milliseconds after it got its slot. */
  end(ran: number, exit: Exit.Exit<unknown, unknown>): void {
    this.tally.end(exit)
    this.runs.updateUnsafe(ran / 1000, this.context)
  }
}

const readOnly = { update() {}, modify() {} }
