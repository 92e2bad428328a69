/**
 * What goes over the wire between the server and its page: small, since it goes several times a second.
 *
 * A page opens the feed, gets a `Hello`, fetches the `History`, and then lives on `Frame`s.
 */
import type { AdaptiveStats } from "@greenpool/core"

/** The figures of a pool, in this order, in frames and in the columns of the history. */
export const fields = [
  "size",
  "running",
  "waiting",
  "borrowed",
  "started",
  "succeeded",
  "failed",
  "interrupted",
  "rejected",
  // The last size above 0: what a paused pool resumes with; 0 where it isn't known.
  "resume",
  // Quantiles of the last seconds in tenths of a millisecond, -1 for none. Only in samples of pools with metrics.
  "wait50",
  "wait95",
  "wait99",
  "run50",
  "run95",
  "run99"
] as const

export type Field = typeof fields[number]

export type Figures = ReadonlyArray<number>

/** What is known of a pool in addition to its figures. */
export interface Pool {
  /** Unique in the process. */
  readonly id: number
  /** Unique among the pools that are shown. */
  readonly name: string
  /** Why there is nothing new of it: "" where it has closed, else the error that ended it. */
  readonly ended?: string
  /** Whether it can be resized. */
  readonly steer?: true
  /** Whether its waits and runs are measured. */
  readonly times?: true
}

/** A key (null for callers without one), its weight, how many of its jobs run, how many wait. */
export type Key = readonly [key: string | null, weight: number, running: number, waiting: number]

/** The keys of a pool: figures of all, and the busiest of them. */
export interface Keys {
  readonly count: number
  readonly weight: number
  readonly running: number
  readonly busiest: ReadonlyArray<Key>
}

/** What an adaptive pool has found. Numbers have three digits that mean something. */
export type Adaptive = typeof AdaptiveStats.Encoded

/** The first event of a feed. */
export interface Hello {
  /** Names the process. */
  readonly process: string
  /** The version of the page that this process serves. */
  readonly page: string
  readonly access: "view" | "steer"
  /** Whether credentials may allow this page to steer. */
  readonly unlock: boolean
  readonly title: string
}

/** Every further event of a feed: the pools that have changed, or a sample of all. */
export interface Frame {
  /** The time, in milliseconds since 1970. */
  readonly time: number
  /** The number of the sample, if it is one. */
  readonly sample?: number
  /** The version of the list of pools that it is about. */
  readonly list: number
  /** That list, where it has changed. */
  readonly pools?: ReadonlyArray<Pool>
  /** For each pool its id, then its figures. */
  readonly figures: ReadonlyArray<Figures>
  /** The keys in use, by pool. Only in samples. */
  readonly keys?: Readonly<Record<string, Keys>>
  /** What adaptive pools have found, by pool. Only in samples. */
  readonly adaptive?: Readonly<Record<string, Adaptive>>
}

/** The samples of the last minutes. */
export interface History {
  readonly process: string
  readonly list: number
  readonly pools: ReadonlyArray<Pool>
  /** How many samples are kept. */
  readonly length: number
  /** The number of the last sample. */
  readonly sample: number
  /** The times of the samples: the first, then differences. */
  readonly times: ReadonlyArray<number>
  /** For each pool and field its figures, up to the last sample: the first, then differences. */
  readonly figures: Readonly<Record<string, ReadonlyArray<ReadonlyArray<number>>>>
}

export const differences = (values: ReadonlyArray<number>): ReadonlyArray<number> =>
  values.map((value, i) => i === 0 ? value : value - values[i - 1]!)

export const sums = (values: ReadonlyArray<number>): Array<number> => {
  let sum = 0
  return values.map((value) => sum += value)
}

/** What the page asks for, by posting it to its own address. */
export interface Command {
  readonly pool: string
  readonly command: "resize" | "pause" | "resume"
  /** The new size, as it was typed where that is no number. */
  readonly size?: unknown
}

/** The answer to a command that was refused. */
export interface Refused {
  readonly error: string
}
