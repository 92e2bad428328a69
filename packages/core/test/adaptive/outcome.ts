/**
 * How runs compare with the oracle, the smallest fixed size with 97 % of the best goodput and at most 1 % more errors,
 * and what the test bed asserts of each scenario.
 */
import { type Figures, figures, run, type Sizing, type Step } from "./bed.ts"
import type { Entry } from "./scenarios.ts"
import sweeps from "./sweeps.json" with { type: "json" }

interface Oracle extends Figures {
  readonly size: number
}

/** The figures of all fixed sizes in the phase of the scenario. */
export const sweepOf = (name: string): ReadonlyArray<Oracle> => {
  const rows = (sweeps as unknown as Record<string, ReadonlyArray<readonly [number, number, number, number]>>)[name]
  if (rows === undefined) throw new Error(`no sweep of ${name}`)
  return rows.map(([size, goodput, latency, errors]) => ({ size, goodput, latency, errors }))
}

const oracleOf = (name: string): Oracle => {
  const rows = sweepOf(name)
  const fewest = Math.min(...rows.map(({ errors }) => errors))
  const allowed = rows.filter(({ errors }) => errors <= fewest + 0.01)
  const best = Math.max(...allowed.map(({ goodput }) => goodput))
  return allowed.find(({ goodput }) => goodput >= 0.97 * best)!
}

/** One phase of one run, in shares of the oracle. */
export interface Outcome {
  /** Goodput of the whole phase, and of its second half. */
  readonly goodput: number
  readonly secondHalf: number
  /** Mean latency in the second half. */
  readonly latency: number
  /** The share of errors in the whole phase, less the oracle's. */
  readonly errors: number
  /** After how many mean latencies goodput and latency are in the band. */
  readonly band: number
  /** The 95th percentile of the size over the 5th, in the second half. */
  readonly swing: number
  /** The median size of the second half. */
  readonly size: number
}

/** So many mean latencies are looked at together. */
const Window = 10

const outcomeOf = (steps: ReadonlyArray<Step>, unit: number, oracle: Oracle): Outcome => {
  const whole = figures(steps, unit)
  const half = steps.slice(steps.length >> 1)
  const second = figures(half, unit)
  const sizes = half.map(({ size }) => size).sort((a, b) => a - b)
  const at = (share: number) => sizes[Math.floor(share * (sizes.length - 1))]!
  let band = Infinity
  for (let i = Window; i <= steps.length && band === Infinity; i++) {
    const { goodput, latency } = figures(steps.slice(i - Window, i), unit)
    if (goodput >= 0.9 * oracle.goodput && latency <= 1.5 * oracle.latency) band = i * unit / oracle.latency
  }
  return {
    goodput: whole.goodput / oracle.goodput,
    secondHalf: second.goodput / oracle.goodput,
    latency: second.latency / oracle.latency,
    errors: whole.errors - oracle.errors,
    band,
    swing: at(0.95) / at(0.05),
    size: at(0.5)
  }
}

/** The outcome of each phase of a run. */
export const outcomes = (entry: Entry, seed: number, sizing: Sizing, most?: number): ReadonlyArray<Outcome> =>
  run(entry.scenario, seed, sizing, entry.unit, most).map((steps, i) =>
    outcomeOf(steps, entry.unit, oracleOf(`${entry.scenario.name}: ${entry.scenario.phases[i]!.name}`))
  )

export const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** A figure that must not be below `least`, or above `most`. */
export type Check =
  & { readonly name: string; readonly value: number }
  & ({ readonly least: number } | { readonly most: number })

/** One phase of a scenario, over all seeds: medians, and what is asserted of them. */
export interface Report {
  readonly name: string
  readonly figures: ReadonlyArray<number>
  readonly checks: ReadonlyArray<Check>
}

/** What the columns of the figures of a report are. */
export const columns = ["goodput", "secondHalf", "latency", "errors", "band", "swing", "size"] as const

export const reports = (entry: Entry, seeds: ReadonlyArray<number>): ReadonlyArray<Report> => {
  const runs = seeds.map((seed) => outcomes(entry, seed, "adaptive"))
  return entry.scenario.phases.map((phase, i) => {
    const all = (figure: keyof Outcome) => runs.map((run) => run[i]![figure])
    const isAfterLoss = phase.name === "8 workers"
    const isCollapsing = isAfterLoss && entry.scenario.name.startsWith("timeouts")
    const checks: ReadonlyArray<Check> = [
      { name: "goodput", value: median(all("goodput")), least: isCollapsing ? 0.88 : 0.9 },
      { name: "goodput of each seed", value: Math.min(...all("goodput")), least: 0.8 },
      { name: "second half", value: median(all("secondHalf")), least: 0.92 },
      { name: "latency", value: median(all("latency")), most: 1.5 },
      { name: "back in the band", value: median(all("band")), most: isAfterLoss ? 300 : 150 },
      { name: "extra errors", value: median(all("errors")), most: isCollapsing ? Infinity : 0.05 },
      { name: "swing", value: median(all("swing")), most: entry.isSteady ? 3 : Infinity },
      { name: "swing of each seed", value: Math.max(...all("swing")), most: entry.isSteady ? 4.5 : Infinity }
    ]
    return {
      name: `${entry.scenario.name}: ${phase.name}`,
      figures: columns.map((column) => median(all(column))),
      checks
    }
  })
}

/** Several pools on one backend of 32 workers: goodput and mean latency of all of them. */
export const sharedReport = (entry: Entry, seeds: ReadonlyArray<number>, target: number | undefined): Report => {
  const oracle = oracleOf("32 workers: 32 workers")
  const runs = seeds.map((seed) => figures(run(entry.scenario, seed, "adaptive", 1)[0]!.slice(500), 1))
  const goodput = median(runs.map(({ goodput }) => goodput)) / oracle.goodput
  const latency = median(runs.map(({ latency }) => latency))
  const checks: ReadonlyArray<Check> = [
    { name: "goodput", value: goodput, least: 0.88 },
    target === undefined
      ? { name: "latency", value: latency / oracle.latency, most: { 2: 6, 4: 8, 8: 11 }[entry.scenario.pools!]! }
      : { name: "latency over the target", value: latency / target, most: 1.3 }
  ]
  return { name: entry.scenario.name, figures: checks.map(({ value }) => value), checks }
}
