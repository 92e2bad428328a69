/**
 * Measuring: contestants in turn, lap by lap, in one process, and medians.
 *
 * A machine that others use is now fast and now slow, for seconds at a time. Laps that were run side by side met the
 * same weather: it is their ratios that are compared.
 * A forced collection of garbage throws away the optimised code as well, so that what runs next measures the compiler:
 * after it each contestant warms up.
 */
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** One way to do the work. */
export type Contestant = Effect.Effect<unknown, unknown> | (() => Promise<unknown>)

export interface Plan {
  /** How many times garbage is collected before some laps. */
  readonly rounds: number
  /** How many times each contestant then runs without being measured. */
  readonly warmUps: number
  /** How many times each contestant is measured in a round. */
  readonly laps: number
}

const collectGarbage = (): void => {
  if (globalThis.gc === undefined) throw new Error("run with node --expose-gc")
  globalThis.gc()
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] ?? 0 : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

const runOnce = (contestant: Contestant): Promise<unknown> =>
  typeof contestant === "function" ? contestant() : Effect.runPromise(contestant)

/** The milliseconds of each contestant's laps, A B C B C A C A B ..., so that nobody always runs on another's garbage. */
export const measure = async <K extends string>(
  contestants: Record<K, Contestant>,
  { laps, rounds, warmUps }: Plan
): Promise<Record<K, Array<number>>> => {
  const names = Object.keys(contestants) as Array<K>
  const times = Object.fromEntries(names.map((name) => [name, [] as Array<number>])) as Record<K, Array<number>>
  for (let round = 0; round < rounds; round++) {
    collectGarbage()
    for (const name of names) {
      for (let i = 0; i < warmUps; i++) await runOnce(contestants[name])
    }
    for (let lap = 0; lap < laps; lap++) {
      names.push(...names.splice(0, 1))
      for (const name of names) {
        const start = performance.now()
        await runOnce(contestants[name])
        times[name].push(performance.now() - start)
      }
    }
  }
  return times
}

/** The median of the ratios of laps side by side. */
export const ratio = (ours: ReadonlyArray<number>, theirs: ReadonlyArray<number>): number =>
  median(ours.map((time, lap) => time / (theirs[lap] ?? 0)))

/** How many seconds an effect that only sleeps takes, without waiting for them. */
export const virtualSeconds = (contestant: Effect.Effect<unknown, unknown>): Promise<number> =>
  Effect.runPromise(
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.andThen(contestant, Clock.currentTimeMillis))
      while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust(5)
      return (yield* Fiber.join(fiber)) / 1000
    }).pipe(Effect.provide(TestClock.layer()))
  )

/** The bytes of live heap, after a collection. */
export const liveHeap = (): number => {
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}
