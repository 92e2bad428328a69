/**
 * The stats of a pool as figures on the wire, and back.
 */
import { type AdaptiveStats, PoolStats } from "@greenpool/core"
import { type Adaptive, type Field, fields, type Figures } from "./wire.ts"

export const figuresOf = (stats: PoolStats, resume: number): Figures => [
  stats.size,
  stats.running,
  stats.waiting,
  stats.borrowed,
  stats.started,
  stats.succeeded,
  stats.failed,
  stats.interrupted,
  stats.rejected,
  resume
]

/** The stats that have these figures; 0 for those that are lacking. */
export const statsOf = (name: string, figures: Figures, adaptive?: AdaptiveStats): PoolStats => {
  const of = (field: Field) => figures[fields.indexOf(field)] ?? 0
  return new PoolStats({
    name,
    size: of("size"),
    running: of("running"),
    free: of("size") - of("running"),
    waiting: of("waiting"),
    borrowed: of("borrowed"),
    started: of("started"),
    succeeded: of("succeeded"),
    failed: of("failed"),
    interrupted: of("interrupted"),
    rejected: of("rejected"),
    ...adaptive && { adaptive }
  })
}

const rounded = (value: number): number => Number(value.toPrecision(3))

export const adaptiveOf = ({ elasticity, goodput, latency, ...stats }: AdaptiveStats): Adaptive => ({
  ...stats,
  elasticity: rounded(elasticity),
  goodput: rounded(goodput),
  latency: rounded(latency)
})
