/**
 * How a run compares with the oracle: the smallest fixed size with 97 % of the best goodput and at most 1 % more errors.
 */
import { type Figures, figures, run, type Sizing, type Step } from "./bed.ts"
import type { Entry } from "./scenarios.ts"
import sweeps from "./sweeps.json" with { type: "json" }

export interface Oracle extends Figures {
  readonly size: number
}

/** The best fixed size for the phase of the scenario. */
export const oracleOf = (scenario: string, phase: string): Oracle => {
  const rows = (sweeps as unknown as Record<string, ReadonlyArray<readonly [number, number, number, number]>>)[
    `${scenario}: ${phase}`
  ]
  if (rows === undefined) throw new Error(`no sweep of ${scenario}: ${phase}`)
  const fewest = Math.min(...rows.map(([, , , errors]) => errors))
  const allowed = rows.filter(([, , , errors]) => errors <= fewest + 0.01)
  const best = Math.max(...allowed.map(([, goodput]) => goodput))
  const [size, goodput, latency, errors] = allowed.find(([, goodput]) => goodput >= 0.97 * best)!
  return { size, goodput, latency, errors }
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

export const outcomes = (entry: Entry, seed: number, sizing: Sizing, most?: number): ReadonlyArray<Outcome> =>
  run(entry.scenario, seed, sizing, entry.unit, most).map((steps, i) =>
    outcomeOf(steps, entry.unit, oracleOf(entry.scenario.name, entry.scenario.phases[i]!.name))
  )

export const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!
