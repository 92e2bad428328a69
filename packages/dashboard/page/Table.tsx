// The figures of the plots as a table.
import { useState } from "preact/hooks"
import * as Figures from "./figures.ts"
import type { Line } from "./Plot.tsx"
import { table } from "./texts.ts"

interface Props {
  readonly pool: string
  readonly times: ReadonlyArray<number>
  readonly slots: ReadonlyArray<Line>
  readonly ended: ReadonlyArray<Line>
  readonly waits: ReadonlyArray<Line>
  readonly runs: ReadonlyArray<Line>
}

export const Table = ({ ended, pool, runs, slots, times, waits }: Props) => {
  const [isOpen, setOpen] = useState(false)
  const columns = [
    ...slots.map(({ label, values }) => ({ label, values, format: Figures.count })),
    ...ended.map(({ label, values }) => ({ label: table.rate(label), values, format: Figures.rate })),
    ...waits.map(({ label, values }) => ({ label: table.wait(label), values, format: Figures.duration })),
    ...runs.map(({ label, values }) => ({ label: table.run(label), values, format: Figures.duration }))
  ]
  const caption = table.caption(pool)
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{table.summary}</summary>
      {isOpen && (
        <div class="scroll tall" tabIndex={0} role="region" aria-label={caption}>
          <table class="all" aria-label={caption}>
            <thead>
              <tr>
                <th scope="col">{table.time}</th>
                {columns.map(({ label }) => <th key={label} scope="col" class="figure">{label}</th>)}
              </tr>
            </thead>
            <tbody>
              {times.map((time, i) => (
                <tr key={time}>
                  <th scope="row">{Figures.time(time)}</th>
                  {columns.map(({ format, label, values }) => <td key={label} class="figure">{format(values[i])}</td>)}
                </tr>
              )).toReversed()}
            </tbody>
          </table>
        </div>
      )}
    </details>
  )
}
