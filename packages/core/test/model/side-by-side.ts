/**
 * Runs a program on the model and on the library, step by step, and says where they part.
 *
 * After each step the library runs until nothing is left to do, and then all that can be seen of both is compared: who
 * is where, who started in which order, what became of each order, and the counters of each pool. Where the schedule of
 * the runtime may decide (two fibers that are interrupted at once unwind in any order), the model is asked for another
 * order of its events, until it shows what the library did, or no order does.
 */
import { Actual } from "./actual.ts"
import { Expected } from "./expected.ts"
import { counters } from "./model.ts"
import type { Program, Step } from "./program.ts"
import { Random } from "./random.ts"
import { type Finding, perform, type Tally } from "./run.ts"
import { Simulation } from "./scheduler.ts"

/** How many orders of the model's events are tried in all, and for one step before one goes back behind it. */
const MaxOrders = 4000
const OrdersPerStep = 200

/** One in how many choices of the model may deviate from its rule. */
const patiences = [1, 2, 3, 4, 6, 10]

/** The choices that the model makes in a step. */
type Choices = ReadonlyArray<number>

/** Under the schedule of the seed; without one, in the order in which tasks were scheduled. */
export const runSideBySide = (
  program: Program,
  schedule: number | undefined,
  tally: Tally
): Promise<Finding | undefined> => {
  const actual = new Actual(program, new Simulation(schedule === undefined ? undefined : new Random(schedule)))
  const steps: Array<Step> = []
  const seen: Array<Facts> = []
  let choices: Array<Choices> = []
  const doubtful: Array<number> = []
  let model = modelOf(program, 0, actual.sizesAfter)

  /**
   * Looks for an order of the model's events that shows what has been seen of the library: another one for the last
   * step, or else for some steps before it, whose order has only come to light now.
   */
  const reorder = (): boolean => {
    const last = steps.length - 1
    // Steps that took the model some search already are the first suspects, then all that left it a choice.
    const earlier = choices.flatMap((chosen, step) => step < last && chosen.length > 0 ? [step] : [])
    const suspects = [...new Set([last, ...doubtful.toReversed(), ...earlier.toReversed()])]
    for (let seed = 1; seed <= MaxOrders; seed++) {
      const from = suspects[Math.floor(seed / OrdersPerStep) % suspects.length]!
      const other = modelOf(program, seed, actual.sizesAfter)
      const chosen: Array<Choices> = []
      tally.orders++
      const isRight = steps.every((step, index) => {
        const isKept = index < from || (index > from && index < last && seed % 3 > 0)
        chosen.push(other.perform(step, isKept ? choices[index] : []))
        return index < from || differences(seen[index]!, factsOf(other.expected)).length === 0
      })
      if (!isRight) continue
      choices = chosen
      doubtful.push(last)
      model = other
      return true
    }
    return false
  }

  return perform(program, actual, tally, async (step) => {
    actual.perform(step)
    await actual.simulation.settle()
    steps.push(step)
    const facts = factsOf(actual)
    seen.push(facts)
    choices.push(model.perform(step))
    const problems = differences(facts, factsOf(model.expected))
    if (problems.length === 0) return []
    tally.reordered++
    return reorder() ? [] : problems
  })
}

/** The model with a certain order of its events. */
const modelOf = (program: Program, seed: number, sizesAfter: ReadonlyArray<ReadonlyArray<number>>) => {
  const random = new Random(seed)
  let given: Choices = []
  let chosen: Array<number> = []
  /** What came first, or what came last, mostly or not so much: by the seed. */
  const choose = (count: number): number => {
    if (seed === 0) return 0
    const patience = patiences[seed % patiences.length]!
    if (random.below(patience) === 0) return random.below(count)
    return Math.floor(seed / patiences.length) % 2 === 0 ? 0 : count - 1
  }
  const expected = new Expected(program, (count) => {
    const which = given[chosen.length]
    return chosen[chosen.length] = which === undefined ? choose(count) : which % count
  }, sizesAfter)
  return {
    expected,
    /** Carries out a step with the given choices, as far as these go. Says which it was. */
    perform: (step: Step, choices: Choices = []): Choices => {
      given = choices
      chosen = []
      expected.perform(step)
      return chosen
    }
  }
}

type Facts = ReadonlyMap<string, string>

/** All that can be seen. */
const factsOf = ({ board, loans, stats }: Actual | Expected): Facts => {
  const facts = board.facts()
  facts.set("borrowed are", loans.join(", "))
  for (const [pool, counted] of stats.entries()) {
    for (const name of counters) facts.set(`pool ${pool}: ${name} is`, String(counted[name]))
  }
  return facts
}

const differences = (found: Facts, expected: Facts): ReadonlyArray<string> =>
  [...new Set([...found.keys(), ...expected.keys()])]
    .map((fact) => [fact, found.get(fact) ?? "", expected.get(fact) ?? ""] as const)
    .flatMap(([fact, one, other]) => one === other ? [] : [`${fact} [${one}], not [${other}]`])
