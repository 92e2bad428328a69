// A drawing that has a name.
import { useLayoutEffect, useRef } from "preact/hooks"

interface Props {
  readonly label: string
  readonly height: number
  /** What the drawing depends on, in addition to its width. */
  readonly version: string
  readonly draw: (context: CanvasRenderingContext2D, width: number, height: number) => void
}

export const Canvas = ({ draw, height, label, version }: Props) => {
  const ref = useRef<HTMLCanvasElement>(null)
  const width = useRef(0)
  const latest = useRef(draw)
  latest.current = draw
  const paint = () => {
    const canvas = ref.current
    const context = canvas?.getContext("2d")
    if (!canvas || !context) return
    const ratio = devicePixelRatio
    canvas.width = Math.round(width.current * ratio)
    canvas.height = Math.round(height * ratio)
    context.scale(ratio, ratio)
    latest.current(context, width.current, height)
  }
  useLayoutEffect(() => {
    const canvas = ref.current!
    const observer = new ResizeObserver(() => {
      const { clientWidth } = canvas
      if (clientWidth === width.current) return
      width.current = clientWidth
      paint()
    })
    width.current = canvas.clientWidth
    observer.observe(canvas)
    return () => observer.disconnect()
  }, [])
  useLayoutEffect(paint, [version])
  return <canvas ref={ref} role="img" aria-label={label} style={{ height: `${height}px` }} />
}
