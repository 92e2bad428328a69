/**
 * What the test bed asserts of each scenario, and a run's figures held against it.
 */
import { figures, run } from "./bed.ts"
import { median, oracleOf, type Outcome, outcomes } from "./outcome.ts"
import type { Entry } from "./scenarios.ts"

/** A figure, and what it may be. */
export interface Check {
  readonly name: string
  readonly value: number
  readonly least?: number
  readonly most?: number
}

export const isMet = ({ least = -Infinity, most = Infinity, value }: Check): boolean => value >= least && value <= most

/** One phase of a scenario, over all seeds. */
export interface Report {
  readonly name: string
  readonly outcome: Outcome
  readonly checks: ReadonlyArray<Check>
}

const medians = (outcomes: ReadonlyArray<Outcome>): Outcome => {
  const of = (figure: keyof Outcome) => median(outcomes.map((outcome) => outcome[figure]))
  return {
    goodput: of("goodput"),
    secondHalf: of("secondHalf"),
    latency: of("latency"),
    errors: of("errors"),
    band: of("band"),
    swing: of("swing"),
    size: of("size")
  }
}

/** Medians of the seeds in each phase of the scenario, and the bounds. */
export const report = (entry: Entry, seeds: ReadonlyArray<number>): ReadonlyArray<Report> => {
  const runs = seeds.map((seed) => outcomes(entry, seed, "adaptive"))
  return entry.scenario.phases.map((phase, i) => {
    const each = runs.map((run) => run[i]!)
    const outcome = medians(each)
    const isAfterLoss = phase.name === "8 workers"
    const isCollapsing = isAfterLoss && entry.scenario.name.startsWith("timeouts")
    const checks: Array<Check> = [
      { name: "goodput", value: outcome.goodput, least: isCollapsing ? 0.88 : 0.9 },
      { name: "goodput of each seed", value: Math.min(...each.map(({ goodput }) => goodput)), least: 0.8 },
      { name: "second half", value: outcome.secondHalf, least: 0.92 },
      { name: "latency", value: outcome.latency, most: 1.5 },
      { name: "back in the band", value: outcome.band, most: isAfterLoss ? 300 : 150 }
    ]
    if (!isCollapsing) checks.push({ name: "extra errors", value: outcome.errors, most: 0.05 })
    if (entry.steady === true) {
      checks.push(
        { name: "swing", value: outcome.swing, most: 3 },
        { name: "swing of each seed", value: Math.max(...each.map(({ swing }) => swing)), most: 4.5 }
      )
    }
    return { name: `${entry.scenario.name}: ${phase.name}`, outcome, checks }
  })
}

/** Several pools on one backend of 32 workers: goodput and mean latency of all of them. */
export const sharedReport = (
  entry: Entry,
  seeds: ReadonlyArray<number>,
  latencyTarget: number | undefined
): { readonly name: string; readonly checks: ReadonlyArray<Check> } => {
  const oracle = oracleOf("32 workers", "32 workers")
  const runs = seeds.map((seed) => figures(run(entry.scenario, seed, "adaptive", 1)[0]!.slice(500), 1))
  const latency = median(runs.map(({ latency }) => latency))
  const goodput = median(runs.map(({ goodput }) => goodput)) / oracle.goodput
  const most = { 2: 6, 4: 8, 8: 11 }[entry.scenario.pools!]!
  return {
    name: entry.scenario.name,
    checks: [
      { name: "goodput", value: goodput, least: 0.88 },
      latencyTarget === undefined
        ? { name: "latency", value: latency / oracle.latency, most }
        : { name: "latency over the target", value: latency / latencyTarget, most: 1.3 }
    ]
  }
}
