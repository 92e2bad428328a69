// The chosen pool: its picture, its controls, and what has become of it in the last minutes.
import { useState } from "preact/hooks"
import { Adaptive } from "./Adaptive.tsx"
import { duration, tick } from "./figures.ts"
import * as Figures from "./figures.ts"
import { Keys } from "./Keys.tsx"
import { millis, type Model, type PoolFigures } from "./model.ts"
import { colours } from "./palette.ts"
import { type Line, Plot } from "./Plot.tsx"
import { Slots } from "./Slots.tsx"
import { State } from "./State.tsx"
import { Steer } from "./Steer.tsx"
import { Table } from "./Table.tsx"
import { detail, plots } from "./texts.ts"

interface Props {
  readonly model: Model
  readonly pool: PoolFigures
  /** Whether the reader may steer. */
  readonly steers: boolean
  /** Whether the figures are old. */
  readonly isStale: boolean
}

const dashed = [4, 3]
const dotted = [2, 2]

const quantiles = (pool: PoolFigures, kind: "wait" | "run"): ReadonlyArray<Line> => [
  { label: "p99", values: pool.column(`${kind}99`).map(millis), colour: "purple", dash: dotted },
  { label: "p95", values: pool.column(`${kind}95`).map(millis), colour: "purple", dash: dashed },
  { label: "p50", values: pool.column(`${kind}50`).map(millis), colour: "purple" }
]

export const Detail = ({ isStale, model, pool, steers }: Props) => {
  const [cursor, setCursor] = useState<number>()
  const { entry } = pool
  const counted = (["started", "succeeded", "failed", "interrupted", "rejected"] as const)
    .map((field) => Figures.count(pool.now(field)))
  const slots: ReadonlyArray<Line> = [
    { label: plots.size, values: pool.column("size"), colour: "muted", dash: dashed, isStepped: true },
    { label: plots.running, values: pool.column("running"), colour: "green", isArea: true, isStepped: true },
    { label: plots.borrowed, values: pool.column("borrowed"), colour: "blue", isStepped: true }
  ]
  const waiting: ReadonlyArray<Line> = [
    { label: plots.waiting, values: pool.column("waiting"), colour: "orange", isArea: true, isStepped: true }
  ]
  const ended: ReadonlyArray<Line> = [
    { label: plots.succeeded, values: pool.rates("succeeded"), colour: "green", isArea: true },
    { label: plots.failed, values: pool.rates("failed"), colour: "red" },
    { label: plots.interrupted, values: pool.rates("interrupted"), colour: "blue", dash: dashed },
    { label: plots.rejected, values: pool.rates("rejected"), colour: "orange", dash: dotted }
  ]
  const waits = entry.times === true ? quantiles(pool, "wait") : []
  const runs = entry.times === true ? quantiles(pool, "run") : []
  const shared = {
    times: model.times,
    length: model.length,
    cursor: cursor !== undefined && cursor < model.times.length ? cursor : undefined,
    onCursor: setCursor,
    isStale,
    version: `${model.process} ${model.lastSample} ${colours().green}`
  }
  return (
    <section class="card detail" aria-labelledby="chosen">
      <div class="title">
        <h2 id="chosen">{entry.name}</h2>
        <State state={pool.state} />
        <p>{detail.totals(...counted as [string, string, string, string, string])}</p>
      </div>
      {entry.ended !== undefined && (
        <p class="problem">{entry.ended === "" ? detail.closed : detail.ended(entry.ended)}</p>
      )}
      <Slots pool={pool} />
      {pool.adaptive !== undefined && <Adaptive found={pool.adaptive} />}
      {steers && entry.steer === true && <Steer pool={pool} />}
      {pool.keys !== undefined && <Keys pool={entry.name} keys={pool.keys} />}
      <div class="plots three">
        <Plot {...shared} title={plots.slots} unit={plots.jobs} lines={slots} format={Figures.count} />
        <Plot {...shared} title={plots.waiting} unit={plots.callers} lines={waiting} format={Figures.count} />
        <Plot {...shared} title={plots.ended} unit={plots.perSecond} lines={ended} format={Figures.rate} />
      </div>
      {entry.times === true
        ? (
          <div class="plots two">
            <Plot {...shared} title={plots.waits} unit={plots.window} lines={waits} format={duration} tick={tick} />
            <Plot {...shared} title={plots.runs} unit={plots.window} lines={runs} format={duration} tick={tick} />
          </div>
        )
        : (
          <p class="unmeasured">
            {plots.unmeasured} <code>{plots.option}</code>.
          </p>
        )}
      <Table
        pool={entry.name}
        times={model.times}
        slots={[...slots, ...waiting]}
        ended={ended}
        waits={waits}
        runs={runs}
      />
    </section>
  )
}
