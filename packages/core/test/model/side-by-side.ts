/**
 * Runs a program on the model and on the library, step by step, and says where they part.
 *
 * After each step the library runs until nothing is left to do, and then all that can be seen of both is compared: who
 * is where, who started in which order, what became of each order, and the counters of each pool. Where the schedule of
 * the runtime may decide (two fibers that are interrupted at once unwind in any order), the model is asked for another
 * order of its events, until it shows what the library did, or no order does.
 */
import { Actual } from "./actual.ts"
import type { Board } from "./board.ts"
import { Expected } from "./expected.ts"
import type { Counters } from "./model.ts"
import { Cast, type Program, show, type Step } from "./program.ts"
import { Random } from "./random.ts"
import { RandomSimulation, Simulation } from "./scheduler.ts"

/** How many orders of the model's events are tried in all, and for one step before one goes back behind it. */
const MaxOrders = 4000
const OrdersPerStep = 200

/** Where a program went wrong, after which steps. */
export interface Finding {
  readonly steps: ReadonlyArray<string>
  readonly problems: ReadonlyArray<string>
}

/** One in how many choices of the model may deviate from its rule. */
const patiences = [1, 2, 3, 4, 6, 10]

/** How much was run and compared. */
export interface Tally {
  programs: number
  steps: number
  /** Steps in which the model had to try other orders of its events, and how many it tried. */
  reordered: number
  orders: number
}

/** In the order in which tasks were scheduled, or in one that the seed decides. */
export type Schedule = number | undefined

const simulationOf = (schedule: Schedule): Simulation =>
  schedule === undefined ? new Simulation() : new RandomSimulation(new Random(schedule))

export const runSideBySide = async (
  program: Program,
  schedule: Schedule,
  tally: Tally
): Promise<Finding | undefined> => {
  const actual = new Actual(program, simulationOf(schedule))
  const cast = new Cast(program, actual.board)
  const steps: Array<Step> = []
  const orders: Array<ReadonlyArray<number>> = []
  const seen: Array<string> = []
  const doubtful = new Set<number>()
  const finding = (problems: ReadonlyArray<string>): Finding => ({ steps: steps.map(show), problems })

  let model = new Ordered(program, 0, actual.sizesAfter)
  tally.programs++

  const carryOut = async (step: Step): Promise<Finding | undefined> => {
    steps.push(step)
    tally.steps++
    try {
      actual.perform(step)
      await actual.simulation.settle(cast.hasPromises)
      seen.push(fingerprint(actual.board, actual.stats, actual.loans))
    } catch (error) {
      return finding([`the library: ${error instanceof Error ? error.stack ?? error.message : String(error)}`])
    }
    orders.push(model.perform(step))
    const problems = differences(model.expected, actual)
    if (problems.length === 0) return undefined
    tally.reordered++
    const other = reorder(program, steps, orders, seen, doubtful, tally, actual.sizesAfter)
    if (other === undefined) return finding(problems)
    model = other
    return undefined
  }

  for (const command of program.commands) {
    const step = cast.step(command, [...actual.fibers.keys()])
    const found = step === undefined ? undefined : await carryOut(step)
    if (found !== undefined) return found
  }
  for (const step of cast.windUp(actual)) {
    const found = await carryOut(step)
    if (found !== undefined) return found
  }
  const left = leftovers(actual)
  return left.length === 0 ? undefined : finding(left)
}

/**
 * Looks for an order of the model's events that shows what has been seen of the library: another one for the last step,
 * or else for some steps before it, whose order has only come to light now.
 */
const reorder = (
  program: Program,
  steps: ReadonlyArray<Step>,
  orders: Array<ReadonlyArray<number>>,
  seen: ReadonlyArray<string>,
  doubtful: Set<number>,
  tally: Tally,
  sizesAfter: ReadonlyArray<ReadonlyArray<number>>
): Ordered | undefined => {
  const last = steps.length - 1
  // Steps that took the model some search already are the first suspects, then all that left it a choice.
  const earlier = orders.slice(0, last).flatMap((order, step) => order.length > 0 ? [step] : []).toReversed()
  const choices = [...new Set([last, ...[...doubtful].toReversed(), ...earlier])]
  for (let seed = 1; seed <= MaxOrders; seed++) {
    const from = choices[Math.floor(seed / OrdersPerStep) % choices.length]!
    const model = new Ordered(program, seed, sizesAfter)
    tally.orders++
    const chosen: Array<ReadonlyArray<number>> = []
    for (const [index, step] of steps.entries()) {
      const isKept = index < from || (index > from && index < last && seed % 3 > 0)
      chosen.push(model.perform(step, isKept ? orders[index] : []))
      if (
        index >= from &&
        fingerprint(model.expected.board, model.expected.counters, model.expected.loans) !== seen[index]
      ) break
      if (index < last) continue
      orders.splice(0, orders.length, ...chosen)
      doubtful.add(last)
      return model
    }
  }
  return undefined
}

/** The model with a certain order of its events. */
class Ordered {
  readonly expected: Expected
  readonly #random: Random
  readonly #seed: number
  #order: ReadonlyArray<number> = []
  #chosen: Array<number> = []

  constructor(program: Program, seed: number, sizesAfter: ReadonlyArray<ReadonlyArray<number>>) {
    this.#seed = seed
    this.#random = new Random(seed)
    this.expected = new Expected(program, (count) => {
      const given = this.#order[this.#chosen.length]
      const which = given === undefined ? this.#choose(count) : given % count
      this.#chosen.push(which)
      return which
    }, sizesAfter)
  }

  /** Carries out a step in the given order, as far as that goes. Gives the order. */
  perform(step: Step, order: ReadonlyArray<number> = []): ReadonlyArray<number> {
    this.#order = order
    this.#chosen = []
    this.expected.perform(step)
    return this.#chosen
  }

  /** What came first, or what came last, mostly or not so much: by the seed. */
  #choose(count: number): number {
    if (this.#seed === 0) return 0
    const patience = patiences[this.#seed % patiences.length]!
    if (this.#random.below(patience) === 0) return this.#random.below(count)
    return Math.floor(this.#seed / patiences.length) % 2 === 0 ? 0 : count - 1
  }
}

/** All that can be seen. */
const fingerprint = (board: Board, counters: ReadonlyArray<Counters>, loans: ReadonlyArray<string>): string =>
  [
    ...board.facts(),
    ...loans,
    ...counters.map(({ borrowed, failed, interrupted, rejected, running, size, started, succeeded, waiting }) =>
      [borrowed, failed, interrupted, rejected, running, size, started, succeeded, waiting].join(" ")
    )
  ].join("\n")

const differences = (expected: Expected, actual: Actual): ReadonlyArray<string> => {
  const problems = actual.board.differences(expected.board)
  const loans = [actual.loans.join(", "), expected.loans.join(", ")]
  if (loans[0] !== loans[1]) problems.push(`borrowed are [${loans[0]}], not [${loans[1]}]`)
  for (const [index, stats] of actual.stats.entries()) {
    const counters = expected.counters[index]!
    for (const [name, value] of Object.entries(counters)) {
      const found = stats[name as keyof typeof counters]
      if (found !== value) problems.push(`pool ${index}: ${name} is ${found}, not ${value}`)
    }
  }
  return problems
}

/**
 * What must not be when everybody has been sent home. Those who close a pool may wait for each other, each inside a job
 * that the other one waits for: that is nobody's fault but the program's.
 */
export const leftovers = (actual: Actual): Array<string> => {
  const problems: Array<string> = []
  if ([...actual.board.status.values()].includes("close")) return problems
  for (const [index, { borrowed, running, waiting }] of actual.stats.entries()) {
    if (running + borrowed + waiting > 0) {
      problems.push(`in the end, pool ${index} has running ${running}, borrowed ${borrowed}, waiting ${waiting}`)
    }
  }
  for (const [index, keys] of actual.keys.entries()) {
    if (keys > 0) problems.push(`in the end, pool ${index} keeps ${keys} keys`)
  }
  for (const problem of actual.misobserved) problems.push(`in the end, ${problem}`)
  if (actual.clock.sleeping > 0) problems.push("in the end, somebody waits for some time")
  for (const actor of actual.fibers.keys()) {
    problems.push(`in the end, ${actor} is still there: ${actual.board.status.get(actor)}`)
  }
  return problems
}
