/**
 * Runs a program on the library, step by step, until something is wrong.
 */
import { inspect } from "node:util"
import type { Actual } from "./actual.ts"
import { Cast, type Program, show, type Step } from "./program.ts"

/** Where a program went wrong, after which steps. */
export interface Finding {
  readonly steps: ReadonlyArray<string>
  readonly problems: ReadonlyArray<string>
}

/** How much was run and compared. */
export class Tally {
  programs = 0
  steps = 0
  /** Steps in which the model had to try other orders of its events, and how many it tried. */
  reordered = 0
  orders = 0
}

/** `carryOut` says what is wrong after the step, which may be one of the last, by which everybody is sent home. */
export const perform = async (
  program: Program,
  actual: Actual,
  tally: Tally,
  carryOut: (step: Step, isLast: boolean) => Promise<ReadonlyArray<string>>
): Promise<Finding | undefined> => {
  const cast = new Cast(program, actual.board)
  const steps: Array<Step> = []
  let problems: ReadonlyArray<string> = []
  tally.programs++
  const take = async (step: Step | undefined, isLast: boolean): Promise<boolean> => {
    if (step === undefined) return true
    steps.push(step)
    tally.steps++
    problems = await carryOut(step, isLast)
    return problems.length === 0
  }
  const takeAll = async (): Promise<boolean> => {
    for (const command of program.commands) {
      if (!await take(cast.step(command, [...actual.fibers.keys()]), false)) return false
    }
    await actual.simulation.settle()
    for (const step of cast.windUp(actual.fibers)) if (!await take(step, true)) return false
    return true
  }
  try {
    if (await takeAll()) problems = leftovers(actual).map((problem) => `in the end, ${problem}`)
  } catch (error) {
    problems = [inspect(error)]
  }
  return problems.length === 0 ? undefined : { steps: steps.map(show), problems }
}

/**
 * What must not be when everybody has been sent home. Those who close a pool may wait for each other, each inside a job
 * that the other one waits for: that is nobody's fault but the program's.
 */
const leftovers = ({ board, clock, fibers, keys, misobserved, stats }: Actual): ReadonlyArray<string> => {
  if ([...board.status.values()].includes("close")) return []
  return [
    ...stats.flatMap(({ borrowed, running, waiting }, pool) =>
      running + borrowed + waiting === 0
        ? []
        : [`pool ${pool} has running ${running}, borrowed ${borrowed}, waiting ${waiting}`]
    ),
    ...keys.flatMap((keys, pool) => keys === 0 ? [] : [`pool ${pool} keeps ${keys} keys`]),
    ...misobserved,
    ...clock.sleeping === 0 ? [] : ["somebody waits for some time"],
    ...[...fibers.keys()].map((actor) => `${actor} is still there: ${board.status.get(actor)}`)
  ]
}
