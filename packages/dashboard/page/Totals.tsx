// Six figures over all pools.
import * as Figures from "./figures.ts"
import type { Counter, Model } from "./model.ts"
import { totals } from "./texts.ts"

export const Totals = ({ model }: { readonly model: Model }) => {
  const { pools } = model
  const span = Figures.span(model.length)
  const sum = (figure: (pool: typeof pools[number]) => number) => pools.reduce((sum, pool) => sum + figure(pool), 0)
  const total = (counter: Counter) => sum((pool) => pool.total(counter))
  const rate = sum((pool) => pool.rate("succeeded", "failed", "interrupted") ?? 0)
  const figures: ReadonlyArray<readonly [label: string, value: string, isBad?: boolean]> = [
    [totals.pools, Figures.count(pools.length)],
    [totals.running, Figures.count(sum((pool) => pool.now("running")))],
    [totals.waiting, Figures.count(sum((pool) => pool.now("waiting")))],
    [totals.rate, Figures.rate(rate)],
    [totals.failed(span), Figures.count(total("failed")), total("failed") > 0],
    [totals.rejected(span), Figures.count(total("rejected")), total("rejected") > 0]
  ]
  return (
    <dl class="card totals">
      {figures.map(([label, value, isBad]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd class={isBad === true ? "bad" : undefined}>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
