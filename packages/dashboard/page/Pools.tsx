// The table of all pools: what people look at first.
import * as Figures from "./figures.ts"
import type { Model, PoolFigures } from "./model.ts"
import { Spark } from "./Spark.tsx"
import { State } from "./State.tsx"
import { columns, pools as title, problems } from "./texts.ts"

interface Props {
  readonly model: Model
  readonly chosen: PoolFigures | undefined
}

/** The address of a pool on this page. */
export const addressOf = (name: string): string => `#${encodeURIComponent(name).replaceAll("%2F", "/")}`

export const Pools = ({ chosen, model }: Props) => {
  const past = columns.past(Figures.span(model.length))
  if (model.pools.length === 0) return <p class="card empty">{problems.noPools}</p>
  // Named, since a table that is laid out as cards is none for browsers.
  return (
    <table class="card pools" role="table" aria-label={title}>
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader" scope="col">{columns.pool}</th>
          <th role="columnheader" scope="col">{columns.state}</th>
          {[columns.running, columns.waiting, columns.rate, columns.failed, columns.wait, columns.run].map((label) => (
            <th key={label} role="columnheader" scope="col" class="figure">{label}</th>
          ))}
          <th role="columnheader" scope="col">{past}</th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {model.pools.map((pool) => (
          <Row key={pool.entry.id} model={model} pool={pool} isChosen={pool === chosen} past={past} />
        ))}
      </tbody>
    </table>
  )
}

interface RowProps {
  readonly model: Model
  readonly pool: PoolFigures
  readonly isChosen: boolean
  readonly past: string
}

const Row = ({ isChosen, model, past, pool }: RowProps) => {
  const { entry } = pool
  const failed = pool.rate("failed")
  return (
    <tr role="row" class={isChosen ? "chosen" : undefined}>
      <th role="rowheader" scope="row">
        <a href={addressOf(entry.name)} aria-current={isChosen ? "true" : undefined}>{entry.name}</a>
      </th>
      <td role="cell">
        <State state={pool.state} />
      </td>
      <Cell label={columns.running}>
        {Figures.count(pool.now("running"))} / {Figures.count(pool.now("size"))}
      </Cell>
      <Cell label={columns.waiting}>{Figures.count(pool.now("waiting"))}</Cell>
      <Cell label={columns.rate}>{Figures.rate(pool.rate("succeeded", "failed", "interrupted"))}</Cell>
      <Cell label={columns.failed} isBad={(failed ?? 0) > 0}>{Figures.rate(failed)}</Cell>
      <Cell label={columns.wait}>{Figures.duration(pool.time("wait95"))}</Cell>
      <Cell label={columns.run}>{Figures.duration(pool.time("run95"))}</Cell>
      <td role="cell" class="past">
        <Spark model={model} pool={pool} label={past} />
      </td>
    </tr>
  )
}

interface CellProps {
  readonly label: string
  readonly isBad?: boolean
  readonly children: preact.ComponentChildren
}

/** A figure; its label is for phones, where the row is a card. */
const Cell = ({ children, isBad, label }: CellProps) => (
  <td role="cell" class={isBad === true ? "figure bad" : "figure"} data-label={label}>{children}</td>
)
