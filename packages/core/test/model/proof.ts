/**
 * The proof: random programs, each under several schedules, until one of them goes wrong.
 */
import * as fc from "fast-check"
import { runOverlapping } from "./overlapping.ts"
import { admissionPrograms, type Program, programs } from "./program.ts"
import type { Finding, Tally } from "./run.ts"
import { runSideBySide } from "./side-by-side.ts"

/** How many steps a program has at the most, before everybody is sent home. */
const MaxSteps = 40

/** What can be done again exactly. */
export interface Trial {
  readonly seed: number
  readonly programs: number
  /** Where among the programs of that seed the smallest one that fails is. */
  readonly path?: string | undefined
  /** Whether the programs have bounds, keys, priorities, times and draining in them. */
  readonly admission: boolean
}

/** How long a smaller program that fails is looked for, in milliseconds. */
const ShrinkingTime = 60_000

type Run = (program: Program, seed: number, tally: Tally) => Promise<Finding | undefined>

/** The schedules under which each program runs. */
const schedules: ReadonlyArray<readonly [name: string, Run]> = [
  ["the natural schedule", (program, _, tally) => runSideBySide(program, undefined, tally)],
  ["a random schedule", runSideBySide],
  ["another one", (program, seed, tally) => runSideBySide(program, seed + 1, tally)],
  ["a random schedule, with steps that overlap", (program, seed, tally) => runOverlapping(program, seed + 2, tally)],
  ["another one, with steps that overlap", (program, seed, tally) => runOverlapping(program, seed + 3, tally)]
]

export const Schedules = schedules.length

/** Runs the trial. Says what went wrong, in the smallest program that was found, or nothing. */
export const prove = async ({ admission, path, programs: numRuns, seed }: Trial, tally: Tally) => {
  let report: ReadonlyArray<string> = []
  let deadline = Infinity
  const arbitrary = (admission ? admissionPrograms : programs)(MaxSteps)
  const property = fc.asyncProperty(arbitrary, fc.noShrink(fc.nat()), async (program, seed) => {
    if (performance.now() > deadline) return true
    for (const [schedule, run] of schedules) {
      const found = await run(program, seed, tally)
      if (found === undefined) continue
      deadline = Math.min(deadline, performance.now() + ShrinkingTime)
      report = [
        `Under ${schedule}, after these steps:`,
        ...found.steps.map((step) => `  ${step}`),
        "the library differs from what should be:",
        ...found.problems.map((problem) => `  ${problem}`)
      ]
      return false
    }
    return true
  })
  const result = await fc.check(property, { seed, numRuns, ...(path === undefined ? {} : { path }) })
  if (!result.failed) return undefined
  const replay = `--seed ${seed} --path ${result.counterexamplePath}${admission ? " --admission" : ""}`
  return [...report, `Replay: node packages/core/test/model/fuzz.ts ${replay}`].join("\n")
}
