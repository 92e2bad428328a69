/**
 * What bounds a map: its options, checked.
 */
import { Formatter } from "effect"
import type { JobOptions } from "../Admission.ts"
import type { MapOptions } from "../MapOptions.ts"

export class MapLimits {
  /** How many of its jobs may run or wait for a slot. */
  readonly concurrency: number
  /** What the window can grow to with the size of the pool. */
  readonly widest: number
  /** The key and the priority of its position in the queue. */
  readonly job: JobOptions | undefined
  /** The window that was asked for: a number, or a function of the pool's size. */
  private readonly asked: MapOptions["window"]

  constructor({ concurrency, key, priority, window }: MapOptions) {
    this.concurrency = concurrency === undefined ? Infinity : checkLimit("concurrency", concurrency)
    this.asked = typeof window === "number" ? checkLimit("window", window) : window
    this.widest = typeof window === "number" ? window : window === undefined ? this.concurrency : Infinity
    this.job = key === undefined && priority === undefined ? undefined : { key, priority }
  }

  /** Whether a function of the user's gives the window. */
  get isComputed(): boolean {
    return typeof this.asked === "function"
  }

  /** How many items may be in flight, on a pool of that size. Throws what the user's function throws. */
  window(size: number): number {
    if (this.asked === undefined) return Math.max(1, Math.min(this.concurrency, size))
    return typeof this.asked === "number" ? this.asked : checkLimit("window", this.asked(size))
  }
}

const checkLimit = (what: string, value: number): number => {
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new RangeError(`Invalid ${what} ${Formatter.format(value)} of a map: it must be an integer of at least 1`)
}
