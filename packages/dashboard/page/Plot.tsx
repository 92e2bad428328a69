// A plot of some lines over the last minutes, with a legend that has their figures.
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import uPlot from "uplot"
import * as Figures from "./figures.ts"
import { type Colour, colours } from "./palette.ts"
import { plots } from "./texts.ts"

export interface Line {
  readonly label: string
  readonly values: ReadonlyArray<number | null>
  readonly colour: Colour
  readonly dash?: ReadonlyArray<number>
  /** Whether the area below is filled. */
  readonly isArea?: true
  /** Whether it is drawn in steps: a figure holds until the next one. */
  readonly isStepped?: true
}

interface Props {
  readonly title: string
  readonly unit: string
  readonly times: ReadonlyArray<number>
  /** How many samples are kept. */
  readonly length: number
  readonly lines: ReadonlyArray<Line>
  readonly format: (value: Figures.Figure) => string
  readonly tick?: (value: number) => string
  /** Which sample the cursor is on, in all plots; undefined for the last. */
  readonly cursor: number | undefined
  /** Whether the last sample is old. */
  readonly isStale: boolean
  readonly onCursor: (index: number | undefined) => void
  /** What the drawing depends on. */
  readonly version: string
}

const height = 150

/** Plots of young processes show at least so many seconds. */
const leastSpan = 60

const greatest = (values: ReadonlyArray<number | null>): number | null =>
  values.reduce<number | null>((a, b) => b === null ? a : a === null ? b : Math.max(a, b), null)

/** The ticks of whole numbers. */
const increments = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat()

export const Plot = (props: Props) => {
  const { cursor, format, isStale, lines, times, title, unit } = props
  const target = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const latest = useRef(props)
  latest.current = props

  useEffect(() => {
    const element = target.current
    // Another pool may have been chosen before this one was painted.
    if (element === null) return undefined
    const created = new uPlot(optionsOf(latest, element.clientWidth), dataOf(latest.current), element)
    plot.current = created
    const observer = new ResizeObserver(() => {
      const width = element.clientWidth
      if (width !== created.width) created.setSize({ width, height })
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
      created.destroy()
    }
  }, [])
  useLayoutEffect(() => plot.current?.setData(dataOf(latest.current)), [props.version])

  const name = lines.map(({ label, values }) => plots.atMost(label, format(values.at(-1)), format(greatest(values))))
    .join("; ")
  const index = cursor ?? times.length - 1
  return (
    <section class="plot">
      <h3>
        {title} <small>{unit}</small>
        <time aria-hidden="true">{cursor === undefined && !isStale ? plots.now : Figures.time(times[index] ?? 0)}</time>
      </h3>
      <div ref={target} class="canvas" role="img" aria-label={`${title}: ${name}`} />
      <div class="legend" aria-hidden="true">
        {lines.map(({ colour, dash, label, values }) => (
          <span key={label}>
            <svg viewBox="0 0 18 4" class={colour}>
              <path d="M0 2h18" stroke-dasharray={dash?.join(" ")} />
            </svg>
            {label} <b>{format(values[index])}</b>
          </span>
        ))}
      </div>
    </section>
  )
}

const dataOf = ({ lines, times }: Props): uPlot.AlignedData =>
  [times, ...lines.map(({ values }) => values)] as unknown as uPlot.AlignedData

const translucent = (colour: string) => `color-mix(in srgb, ${colour} 14%, transparent)`

const optionsOf = (latest: { readonly current: Props }, width: number): uPlot.Options => {
  const { format, lines, tick } = latest.current
  const grid = { stroke: () => colours().grid, width: 1 }
  const axis = { stroke: () => colours().muted, font: "11px system-ui, sans-serif", grid, ticks: { show: false } }
  return {
    width,
    height,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: "greenpool", setSeries: false },
      drag: { x: false, y: false },
      y: false,
      points: { size: 6 }
    },
    scales: {
      x: {
        range: () => {
          const { length, times } = latest.current
          const last = times.at(-1) ?? 0
          const shown = Math.min(length - 1, Math.max(leastSpan, last - (times[0] ?? last)))
          return [last - shown, last]
        }
      },
      y: { range: (_plot, _least, most) => [0, Math.max(tick === undefined ? 1 : 0.01, most * 1.08)] }
    },
    axes: [
      {
        ...axis,
        space: 70,
        size: 22,
        // One at the edge would be cut off.
        values: (plot, splits) =>
          splits.map((split) => plot.valToPos(split, "x") > plot.over.clientWidth - 20 ? "" : Figures.time(split))
      },
      {
        ...axis,
        space: 28,
        size: (_plot, values) => 12 + 6.2 * Math.max(2, ...(values ?? []).map((value) => String(value ?? "").length)),
        ...tick === undefined && { incrs: increments },
        values: (_plot, splits) => splits.map((split) => tick === undefined ? format(split) : tick(split))
      }
    ],
    series: [
      {},
      ...lines.map(({ colour, dash, isArea, isStepped }): uPlot.Series => ({
        stroke: () => colours()[colour],
        width: 1.5,
        points: { show: false },
        ...dash !== undefined && { dash: [...dash] },
        ...isArea && { fill: () => translucent(colours()[colour]) },
        ...isStepped && { paths: uPlot.paths.stepped!({ align: -1 }) }
      }))
    ],
    hooks: {
      setCursor: [
        (plot) => {
          const { idx, left } = plot.cursor
          latest.current.onCursor(left === undefined || left < 0 || idx === null ? undefined : idx)
        }
      ]
    }
  }
}
