/**
 * A pool that is shown: its present figures, its samples, and what is listed of it.
 */
import type { KeyStats, PoolStats } from "@greenpool/core"
import type { Shown } from "../Shown.ts"
import { linkOf } from "./link.ts"
import { adaptiveOf, figuresOf } from "./stats.ts"
import * as Wire from "./wire.ts"

/** How many keys of a pool are shown. */
const mostKeys = 20

/** A pool that is shown. */
export class Row {
  readonly id: number
  readonly name: string
  readonly shown: Shown<unknown>
  stats: PoolStats
  /** The last size above 0. */
  resume: number
  /** "" once it has closed, or the error that ended it. */
  ended: string | undefined = undefined
  /** Why nothing new comes from another process, as long as that is so. */
  problem: string | undefined = undefined
  hasTimes = false
  hasChanged = true
  keys: Wire.Keys | undefined = undefined
  readonly samples: Array<Wire.Figures> = []
  private listed = ""

  constructor(id: number, name: string, shown: Shown<unknown>, stats: PoolStats) {
    this.id = id
    this.name = name
    this.shown = shown
    this.stats = stats
    this.resume = stats.size
    this.look(linkOf(shown)?.problem, false)
  }

  update(stats: PoolStats): void {
    this.stats = stats
    if (stats.size > 0) this.resume = stats.size
    this.hasChanged = true
  }

  /** Looks whether what is listed of it has changed. */
  look(problem: string | undefined, hasTimes: boolean): boolean {
    this.problem = problem
    this.hasTimes ||= hasTimes
    const before = this.listed
    this.listed = JSON.stringify(this.entry)
    return this.listed !== before
  }

  get figures(): Wire.Figures {
    return figuresOf(this.stats, this.resume)
  }

  get adaptive(): Wire.Adaptive | undefined {
    return this.stats.adaptive && this.ended === undefined ? adaptiveOf(this.stats.adaptive) : undefined
  }

  get entry(): Wire.Pool {
    const ended = this.ended ?? this.problem
    return {
      id: this.id,
      name: this.name,
      ...ended === undefined ? this.shown.resize && { steer: true } : { ended },
      ...this.hasTimes && { times: true }
    }
  }
}

/** The figures of the samples by field. A pool whose metrics came later has no times in its first samples. */
export const columnsOf = (samples: ReadonlyArray<Wire.Figures>): Wire.History["figures"][string] => {
  const width = Math.max(0, ...samples.map(({ length }) => length))
  return Array.from({ length: width }, (_, field) => Wire.differences(samples.map((figures) => figures[field] ?? -1)))
}

/** Figures of all keys, and the busiest of them. */
export const keysOf = (keys: ReadonlyArray<KeyStats>): Wire.Keys => ({
  count: keys.length,
  weight: keys.reduce((sum, { weight }) => sum + weight, 0),
  running: keys.reduce((sum, { running }) => sum + running, 0),
  busiest: keys.toSorted((a, b) => b.running + b.waiting - a.running - a.waiting).slice(0, mostKeys)
    .map(({ key, running, waiting, weight }) => [key ?? null, weight, running, waiting])
})
