/**
 * The proof: random programs, each under several schedules, until one of them goes wrong.
 */
import * as fc from "fast-check"
import { runOverlapping } from "./overlapping.ts"
import { admissionPrograms, programs } from "./program.ts"
import { type Finding, runSideBySide, type Tally } from "./side-by-side.ts"

/** How many steps a program has at the most, before everybody is sent home. */
const MaxSteps = 40

/** What can be done again exactly. */
export interface Trial {
  readonly seed: number
  readonly programs: number
  /** Where among the programs of that seed the smallest one that fails is. */
  readonly path?: string
  /** Whether the programs have bounds, keys, priorities, times and draining in them. */
  readonly admission?: boolean
}

/** How long a smaller program that fails is looked for, in milliseconds. */
const ShrinkingTime = 60_000

/** Under how many schedules each program runs. */
export const Schedules = 5

/** The first thing that is wrong under the schedules of this seed. */
const findingOf = async (
  program: Parameters<typeof runSideBySide>[0],
  seed: number,
  tally: Tally
): Promise<readonly [schedule: string, Finding] | undefined> => {
  for (const schedule of [undefined, seed, seed + 1]) {
    const finding = await runSideBySide(program, schedule, tally)
    if (finding !== undefined) {
      return [schedule === undefined ? "the natural schedule" : `schedule ${schedule}`, finding]
    }
  }
  for (const schedule of [seed + 2, seed + 3]) {
    const finding = await runOverlapping(program, schedule, tally)
    if (finding !== undefined) return [`schedule ${schedule}, with steps that overlap`, finding]
  }
  return undefined
}

/** Runs the trial. Says what went wrong, in the smallest program that was found, or nothing. */
export const prove = async (trial: Trial, tally: Tally): Promise<string | undefined> => {
  let found: readonly [string, Finding] | undefined
  let deadline = Infinity
  const arbitrary = trial.admission === true ? admissionPrograms : programs
  const property = fc.asyncProperty(arbitrary(MaxSteps), fc.noShrink(fc.nat()), async (program, seed) => {
    if (performance.now() > deadline) return true
    const finding = await findingOf(program, seed, tally)
    if (finding === undefined) return true
    deadline = Math.min(deadline, performance.now() + ShrinkingTime)
    found = finding
    return false
  })
  const result = await fc.check(property, {
    seed: trial.seed,
    numRuns: trial.programs,
    ...(trial.path === undefined ? {} : { path: trial.path })
  })
  if (!result.failed) return undefined
  const [schedule, finding] = found ?? ["no schedule", { steps: [], problems: [String(result.errorInstance)] }]
  return [
    `Under ${schedule}, after these steps:`,
    ...finding.steps.map((step) => `  ${step}`),
    `the library differs from what should be:`,
    ...finding.problems.map((problem) => `  ${problem}`),
    `Replay: node packages/core/test/model/fuzz.ts --seed ${trial.seed} --path ${result.counterexamplePath}${
      trial.admission === true ? " --admission" : ""
    }`
  ].join("\n")
}
