// The keys of a pool, and how they share its slots.
import type { Keys as KeyFigures } from "../src/internal/wire.ts"
import * as Figures from "./figures.ts"
import { keys as texts } from "./texts.ts"

interface Props {
  readonly pool: string
  readonly keys: KeyFigures
}

export const Keys = ({ keys, pool }: Props) => {
  const { busiest, count, running, weight } = keys
  const shown = busiest.length < count
    ? texts.busiest(Figures.count(busiest.length), Figures.count(count))
    : texts.inUse(Figures.count(count))
  return (
    <section class="keys">
      <h3>
        {texts.heading} <small>{shown}</small>
      </h3>
      <div class="scroll" tabIndex={0} role="region" aria-label={texts.heading}>
        <table aria-label={texts.table(pool)}>
          <thead>
            <tr>
              <th scope="col">{texts.key}</th>
              {[texts.weight, texts.running, texts.waiting].map((label) => (
                <th key={label} scope="col" class="figure">{label}</th>
              ))}
              <th scope="col">{texts.share}</th>
            </tr>
          </thead>
          <tbody>
            {busiest.map(([key, ownWeight, ownRunning, waiting]) => {
              const taken = running === 0 ? 0 : ownRunning / running
              const due = ownWeight / weight
              return (
                <tr key={key}>
                  <th scope="row" class={key === null ? "none" : undefined}>{key ?? texts.none}</th>
                  <td class="figure">{Figures.rate(ownWeight)}</td>
                  <td class="figure">{Figures.count(ownRunning)}</td>
                  <td class="figure">{Figures.count(waiting)}</td>
                  <td>
                    <span class="share" aria-hidden="true">
                      <i style={{ width: `${100 * taken}%` }} />
                      <b style={{ left: `${100 * due}%` }} />
                    </span>
                    {Figures.percent(taken)} / {Figures.percent(due)}
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
    </section>
  )
}
