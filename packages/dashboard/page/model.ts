// What the page knows of the pools: the figures of the last minutes, and the present ones.
import {
  type Adaptive,
  type Field,
  fields,
  type Frame,
  type History,
  type Keys,
  type Pool,
  sums
} from "../src/internal/wire.ts"
import type { Figure } from "./figures.ts"
import type { states } from "./texts.ts"

export type State = keyof typeof states

const index = Object.fromEntries(fields.map((field, i) => [field, i])) as Record<Field, number>

/** Over how many samples rates are taken in the table of pools. */
const rateWindow = 10

/** The counters whose differences are rates. */
export type Counter = "succeeded" | "failed" | "interrupted" | "rejected"

export class PoolFigures {
  entry: Pool
  keys: Keys | undefined = undefined
  adaptive: Adaptive | undefined = undefined
  /** The samples of each field, as many as the model has times; null where there is none. */
  readonly columns: ReadonlyArray<Array<number | null>>
  /** The present figures. */
  private present: ReadonlyArray<number> = []
  private readonly model: Model

  constructor(model: Model, entry: Pool, columns: ReadonlyArray<ReadonlyArray<number>>) {
    this.model = model
    this.entry = entry
    const { length } = model.times
    this.columns = fields.map((_, field) => {
      const values: Array<number | null> = sums(columns[field] ?? []).map((value) => value < 0 ? null : value)
      return [
        ...new Array<null>(Math.max(0, length - values.length)).fill(null),
        ...values.slice(-length || values.length)
      ]
    })
    this.present = this.columns.map((column) => column.at(-1) ?? 0)
  }

  update(figures: ReadonlyArray<number>): void {
    // Only samples have times: between them, those of the last sample stay.
    this.present = this.present.map((value, field) => figures[field + 1] ?? value)
  }

  sample(figures: ReadonlyArray<number> | undefined): void {
    this.columns.forEach((column, field) => {
      const value = figures?.[field + 1]
      column.push(value === undefined || value < 0 ? null : value)
      if (column.length > this.model.length) column.shift()
    })
  }

  now(field: Field): number {
    return this.present[index[field]] ?? 0
  }

  column(field: Field): ReadonlyArray<number | null> {
    return this.columns[index[field]]!
  }

  /** Milliseconds of the last sample. */
  time(field: Field): Figure {
    return millis(this.column(field).at(-1) ?? null)
  }

  get state(): State {
    if (this.entry.ended !== undefined) return "closed"
    if (this.now("size") === 0) return "paused"
    if (this.now("running") > this.now("size")) return "shrinking"
    if (this.now("waiting") > 0) return "queueing"
    return this.now("running") > 0 ? "running" : "idle"
  }

  /** How many per second, over the last 10 s. */
  rate(...counters: ReadonlyArray<Counter>): Figure {
    const { times } = this.model
    const last = times.length - 1
    let first = Math.max(0, last - rateWindow)
    while (first < last && counters.some((counter) => this.column(counter)[first] === null)) first++
    if (first >= last) return null
    const sum = counters.reduce(
      (sum, counter) => sum + Math.max(0, (this.column(counter)[last] ?? 0) - (this.column(counter)[first] ?? 0)),
      0
    )
    return sum / (times[last]! - times[first]!)
  }

  /** How many in the minutes shown. */
  total(counter: Counter): number {
    const column = this.column(counter)
    const first = column.find((value) => value !== null) ?? 0
    return Math.max(0, this.now(counter) - first)
  }

  /** How many per second, in each second shown. */
  rates(counter: Counter): Array<number | null> {
    const { times } = this.model
    const column = this.column(counter)
    return column.map((value, i) => {
      const before = column[i - 1]
      return value === null || before === null || before === undefined
        ? null
        : Math.max(0, value - before) / Math.max(0.001, times[i]! - times[i - 1]!)
    })
  }
}

/** Tenths of a millisecond, as they come over the wire, in milliseconds. */
export const millis = (tenths: number | null): number | null => tenths === null ? null : tenths / 10

export class Model {
  process = ""
  list = -1
  pools: ReadonlyArray<PoolFigures> = []
  /** How many samples are kept. */
  length = 0
  /** The times of the samples, in seconds since 1970. */
  times: Array<number> = []
  /** The number of the last sample. */
  lastSample = 0
  /** When the last frame was made, in seconds since 1970. */
  lastTime = 0

  /** Forgets everything in favour of what the server has. */
  replace(history: History): void {
    this.process = history.process
    this.list = history.list
    this.length = history.length
    this.lastSample = history.sample
    this.times = sums(history.times).map((time) => time / 1000)
    this.lastTime = Math.max(this.lastTime, this.times.at(-1) ?? 0)
    this.pools = history.pools.map((entry) => new PoolFigures(this, entry, history.figures[entry.id] ?? []))
  }

  /** Takes a frame in. False where it is about pools that the model doesn't know. */
  update(frame: Frame): boolean {
    if (frame.pools !== undefined && frame.list > this.list) {
      const known = new Map(this.pools.map((pool) => [pool.entry.id, pool]))
      this.list = frame.list
      this.pools = frame.pools.map((entry) => {
        const pool = known.get(entry.id) ?? new PoolFigures(this, entry, [])
        pool.entry = entry
        return pool
      })
    }
    if (frame.list > this.list) return false
    this.lastTime = frame.time / 1000
    const figures = new Map(frame.figures.map((row) => [row[0], row]))
    for (const pool of this.pools) {
      const row = figures.get(pool.entry.id)
      if (row !== undefined) pool.update(row)
    }
    if (frame.sample === undefined || frame.sample <= this.lastSample) return true
    // Frames that were skipped leave a gap; what is too old for one is far to the left.
    this.lastSample = frame.sample
    this.times.push(this.lastTime)
    if (this.times.length > this.length) this.times.shift()
    for (const pool of this.pools) {
      pool.sample(figures.get(pool.entry.id))
      pool.keys = frame.keys?.[pool.entry.id]
      pool.adaptive = frame.adaptive?.[pool.entry.id]
    }
    return true
  }
}
