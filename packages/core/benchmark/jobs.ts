/** The jobs that are measured, for Effect and for plain promises. */
import { Effect } from "effect"

export interface Job {
  readonly name: string
  readonly effect: Effect.Effect<unknown>
  readonly promise: () => Promise<unknown>
  /** The most of them in one measurement, where they take time themselves. */
  readonly most?: number
}

const immediate = () => new Promise<void>((resolve) => setImmediate(resolve))
const microtask = () => Promise.resolve()
const sleep = () => new Promise<void>((resolve) => setTimeout(resolve, 1))

export const Void: Job = { name: "void", effect: Effect.void, promise: microtask }
export const YieldNow: Job = { name: "yieldNow", effect: Effect.yieldNow, promise: immediate }
export const Microtask: Job = { name: "microtask", effect: Effect.promise(microtask), promise: microtask }
export const Immediate: Job = { name: "setImmediate", effect: Effect.promise(immediate), promise: immediate }
export const Sleep: Job = { name: "sleep 1 ms", effect: Effect.sleep(1), promise: sleep }

export const all: ReadonlyArray<Job> = [Void, YieldNow, Microtask, Immediate, Sleep]

/** Seconds that each of 120 uneven jobs takes: 0.6 in the mean, 8 at most, in an order without a pattern. */
export const unevenSeconds: ReadonlyArray<number> = Array.from({ length: 120 }, (_, i) => {
  const rank = (45 + i * 7) % 120
  return 8 * (239 - 2 * rank) ** -0.625
})
