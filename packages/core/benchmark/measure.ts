/**
 * Measuring: contestants in turn, in one process, garbage collected between, medians.
 *
 * A forced collection throws away the optimised code as well, so that what runs next measures the compiler: each
 * contestant runs a few laps after it, and only the last counts.
 */
import { Effect } from "effect"

/** One way to do the work. */
export type Contestant = Effect.Effect<unknown, unknown> | (() => Promise<unknown>)

export interface Plan {
  /** How many times each contestant is measured. */
  readonly rounds: number
  /** How many times it runs before, in each round. */
  readonly laps: number
}

const collectGarbage = (): void => {
  if (globalThis.gc === undefined) throw new Error("run with node --expose-gc")
  globalThis.gc()
}

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] ?? 0 : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

const runOnce = (contestant: Contestant): Promise<unknown> =>
  typeof contestant === "function" ? contestant() : Effect.runPromise(contestant)

/** Milliseconds per contestant: the median of the rounds, A B C A B C ... */
export const measure = async <K extends string>(
  contestants: Record<K, Contestant>,
  plan: Plan
): Promise<Record<K, number>> => {
  const names = Object.keys(contestants) as Array<K>
  const times = Object.fromEntries(names.map((name) => [name, [] as Array<number>])) as Record<K, Array<number>>
  for (let round = 0; round < plan.rounds; round++) {
    for (const name of names) {
      collectGarbage()
      for (let lap = 0; lap < plan.laps; lap++) await runOnce(contestants[name])
      const start = performance.now()
      await runOnce(contestants[name])
      times[name].push(performance.now() - start)
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times[name])])) as Record<K, number>
}

/** The bytes of live heap, after a collection. */
export const liveHeap = (): number => {
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}
