// The picture of a pool: waiting callers, the gate, and the slots.
import * as Figures from "./figures.ts"
import type { PoolFigures } from "./model.ts"
import { detail } from "./texts.ts"

/** From so many slots on, they are a bar. */
const mostSquares = 240
/** So many waiting callers are dots, the others a number. */
const mostDots = 40

/** Equal elements, of which none needs a name. */
const repeat = (count: number, kind: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => <i key={i} class={kind(i)} />)

export const Slots = ({ pool }: { readonly pool: PoolFigures }) => {
  const size = pool.now("size")
  const running = pool.now("running")
  const waiting = pool.now("waiting")
  const borrowed = pool.now("borrowed")
  const shown = Math.max(size, running)
  const kind = (i: number) =>
    `${i >= running ? "slot" : i < Math.min(borrowed, running) ? "slot taken lent" : "slot taken"}${
      i >= size ? " over" : ""
    }`
  return (
    <figure class="slots">
      <div
        class="picture"
        role="img"
        aria-label={detail.slots(Figures.count(running), Figures.count(size), Figures.count(waiting))}
      >
        {waiting > 0 && (
          <div class="line">
            {waiting > mostDots && <b>+{Figures.count(waiting - mostDots)}</b>}
            {repeat(Math.min(waiting, mostDots), () => "dot")}
          </div>
        )}
        <div class={size === 0 ? "gate shut" : "gate"} />
        {shown < mostSquares
          ? <div class="squares">{repeat(shown, kind)}</div>
          : <Bar size={size} running={running} borrowed={borrowed} />}
      </div>
      <figcaption>
        <b>{Figures.count(running)}</b> {detail.runningOf} <b>{Figures.count(size)}</b> ·{" "}
        <b>{Figures.count(waiting)}</b> {detail.inLine}
        {borrowed > 0 && <>· {detail.borrowed(Figures.count(borrowed))}</>}
      </figcaption>
    </figure>
  )
}

interface BarProps {
  readonly size: number
  readonly running: number
  readonly borrowed: number
}

const Bar = ({ borrowed, running, size }: BarProps) => {
  const width = (count: number) => ({ width: `${100 * count / Math.max(size, running)}%` })
  const lent = Math.min(borrowed, running)
  const over = Math.max(0, running - size)
  return (
    <div class="bar">
      <i class="taken lent" style={width(Math.min(lent, size))} />
      <i class="taken" style={width(Math.min(running, size) - Math.min(lent, size))} />
      <i class="taken over" style={width(over)} />
    </div>
  )
}
