// What an adaptive pool has found.
import type { Adaptive as Found } from "../src/internal/wire.ts"
import * as Figures from "./figures.ts"
import { adaptive } from "./texts.ts"

export const Adaptive = ({ found }: { readonly found: Found }) => {
  const { ceiling, cuts, elasticity, goodput, latency, phase } = found
  // Before its first leg has ended, a pool knows nothing yet.
  const isKnown = goodput > 0
  const figures: ReadonlyArray<readonly [label: string, value: string]> = [
    [adaptive.phase, adaptive.phases[phase]],
    [adaptive.goodput, isKnown ? adaptive.perSecond(Figures.rate(goodput)) : Figures.rate(null)],
    [adaptive.latency, Figures.duration(isKnown ? latency * 1000 : null)],
    [adaptive.elasticity, Figures.ratio(isKnown ? elasticity : null)],
    [adaptive.ceiling, ceiling === undefined ? adaptive.noCeiling : Figures.count(ceiling)],
    [adaptive.cuts, Figures.count(cuts)]
  ]
  return (
    <dl class="found">
      {figures.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
