// The small picture of a pool in its row: running, the line on top of it, the size.
import { Canvas } from "./Canvas.tsx"
import * as Figures from "./figures.ts"
import type { Model, PoolFigures } from "./model.ts"
import { colours } from "./palette.ts"
import { plots } from "./texts.ts"

interface Props {
  readonly model: Model
  readonly pool: PoolFigures
  readonly label: string
}

const greatest = (values: ReadonlyArray<number | null>) => values.reduce<number>((a, b) => Math.max(a, b ?? 0), 0)

export const Spark = ({ label, model, pool }: Props) => {
  const size = pool.column("size")
  const running = pool.column("running")
  const waiting = pool.column("waiting")
  const name = [[plots.running, running], [plots.waiting, waiting], [plots.size, size]] as const
  const palette = colours()
  return (
    <Canvas
      height={30}
      label={`${label}: ${
        name.map(([label, values]) =>
          plots.atMost(label, Figures.count(values.at(-1)), Figures.count(greatest(values)))
        ).join("; ")
      }`}
      version={`${model.lastSample} ${model.process} ${palette.green}`}
      draw={(context, width, height) => {
        const columns = model.length - 1
        const most = Math.max(
          1,
          greatest(size),
          greatest(running.map((value, i) => value === null ? null : value + (waiting[i] ?? 0)))
        )
        const x = (i: number) => width - (running.length - 1 - i) * width / columns
        const y = (value: number) => height - 1 - value * (height - 3) / most
        const step = width / columns
        const area = (from: (i: number) => number, to: (i: number) => number, colour: string) => {
          context.fillStyle = colour
          context.beginPath()
          for (let i = 0; i < running.length; i++) {
            if (running[i] === null || to(i) === from(i)) continue
            context.rect(x(i) - step, y(to(i)), step + 0.4, y(from(i)) - y(to(i)))
          }
          context.fill()
        }
        const busy = (i: number) => running[i] ?? 0
        context.globalAlpha = 0.6
        area(busy, (i) => busy(i) + (waiting[i] ?? 0), palette.orange)
        context.globalAlpha = 1
        area(() => 0, busy, palette.green)
        context.strokeStyle = palette.muted
        context.setLineDash([3, 2])
        context.lineWidth = 1
        context.beginPath()
        size.forEach((value, i) => {
          if (value === null) return
          const at = Math.round(y(value)) + 0.5
          if (i === 0 || size[i - 1] === null) context.moveTo(x(i) - step, at)
          context.lineTo(x(i) - step, at)
          context.lineTo(x(i), at)
        })
        context.stroke()
        context.fillStyle = palette.grid
        context.fillRect(0, height - 1, width, 1)
      }}
    />
  )
}
