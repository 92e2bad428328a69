/**
 * Draws the pictures of docs/how-many.md from runs of the test bed: `node packages/core/test/adaptive/pictures.ts`.
 */
import { writeFileSync } from "node:fs"
import { type Backend, capped, services, workers } from "./backends.ts"
import { run, type Scenario, type Step } from "./bed.ts"
import { sweepOf } from "./outcome.ts"
import { sources } from "./sources.ts"

type Point = readonly [x: number, y: number]

const style = `
    text { font: 13px system-ui, -apple-system, sans-serif; fill: #1f2328 }
    .note { fill: #57606a }
    .ground { fill: #ffffff }
    .axis { stroke: #57606a; stroke-width: 1 }
    .grid { stroke: #d0d7de; stroke-width: 1 }
    .line { fill: none; stroke: #1f6f43; stroke-width: 1.6 }
    .second { fill: none; stroke: #0550ae; stroke-width: 1.4 }
    .mark { fill: none; stroke: #bc4c00; stroke-width: 1.6; stroke-dasharray: 5 3 }
    .knee { fill: #bc4c00 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .note { fill: #9da7b1 }
      .ground { fill: #0d1117 }
      .axis { stroke: #9da7b1 }
      .grid { stroke: #30363d }
      .line { stroke: #6fc28f }
      .second { stroke: #79b8ff }
      .mark { stroke: #f0883e }
      .knee { fill: #f0883e }
    }`

const svg = (name: string, title: string, width: number, height: number, body: ReadonlyArray<string>): void =>
  writeFileSync(
    new URL(`../../../../docs/pictures/${name}.svg`, import.meta.url),
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="t">
  <title id="t">${title}</title>
  <style>${style}
  </style>
  <rect class="ground" width="${width}" height="${height}" rx="8"/>
  ${body.join("\n  ")}
</svg>
`
  )

const round = (value: number): number => Math.round(value * 10) / 10

const path = (kind: string, points: ReadonlyArray<Point>): string =>
  `<polyline class="${kind}" points="${points.map(([x, y]) => `${round(x)},${round(y)}`).join(" ")}"/>`

const line = (kind: string, [x1, y1]: Point, [x2, y2]: Point): string =>
  `<line class="${kind}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`

const text = (kind: string, [x, y]: Point, anchor: "start" | "middle" | "end", content: string | number): string =>
  `<text class="${kind}" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${content}</text>`

/** Where a value is on an axis from `begin` to `end`. */
const scale = (from: number, to: number, begin: number, end: number) => (value: number): number =>
  begin + (value - from) / (to - from) * (end - begin)

const drawCurve = (): void => {
  const rows = sweepOf("contention: contention").filter(({ size }) => size <= 256)
  const x = scale(0, Math.log(256), 60, 520)
  const y = scale(Math.log(0.9), Math.log(20), 270, 30)
  const at = (size: number, goodput: number): Point => [x(Math.log(size)), y(Math.log(goodput))]
  // The curve of this backend is known, and with it the size at which its elasticity is 0.2.
  const goodput = (n: number) => n / (1 + 0.02 * (n - 1) + 0.0005 * n * (n - 1))
  const elasticity = (n: number) => Math.log(goodput(n * 1.001) / goodput(n)) / Math.log(1.001)
  let knee = 1
  while (elasticity(knee) > 0.2) knee += 0.1
  const slope = (factor: number) => at(knee * factor, goodput(knee) * factor ** 0.2)
  svg("adaptive-curve", "Goodput over the size of the pool, and the size that an adaptive pool seeks", 560, 330, [
    ...[1, 2, 5, 10, 20].flatMap((value) => [
      line("grid", at(1, value), at(256, value)),
      text("note", [52, at(1, value)[1] + 4], "end", value)
    ]),
    line("axis", [60, 270], [520, 270]),
    ...[1, 4, 16, 64, 256].map((size) => text("note", [at(size, 1)[0], 288], "middle", size)),
    path("line", rows.map(({ goodput, size }) => at(size, goodput))),
    line("mark", slope(0.4), slope(2.5)),
    `<circle class="knee" cx="${round(at(knee, 1)[0])}" cy="${round(at(1, goodput(knee))[1])}" r="4"/>`,
    text("", [slope(2.5)[0] + 6, slope(2.5)[1] + 1], "start", "slope 0.2"),
    text("note", [at(4, 1)[0] + 8, at(1, 3)[1]], "start", "more slots, more work"),
    text("note", [at(256, 1)[0], at(1, 5.5)[1] + 6], "end", "more slots, less work"),
    text("note", [290, 312], "middle", "size of the pool, logarithmic"),
    text("note", [20, 20], "start", "successes per second, logarithmic")
  ])
}

/** Size above, goodput below, over the seconds of a run whose backend changes every 200 seconds. */
const drawRun = <B extends Backend>(
  name: string,
  title: string,
  backend: Scenario<B>["backend"],
  changes: ReadonlyArray<readonly [mark: string, change: (backend: B) => void]>
): void => {
  const most = 80
  const scenario: Scenario<B> = {
    name,
    source: sources.run(300),
    backend,
    phases: changes.map(([name, change]) => ({ name, seconds: 200, change }))
  }
  const phases = run(scenario, 3, "adaptive", 1)
  const steps: Array<Step> = phases.flat()
  const seconds = steps.at(-1)!.at
  const x = scale(0, seconds, 60, 680)
  const size = scale(0, most, 190, 40)
  const goodput = scale(0, 40, 310, 230)
  const smooth = (i: number) => {
    const near = steps.slice(Math.max(0, i - 4), i + 1)
    return near.reduce((sum, { successes }) => sum + successes, 0) / near.length
  }
  const borders = phases.slice(0, -1).map((phase) => phase.at(-1)!.at)
  svg(name, title, 720, 350, [
    ...[0, most / 4, most / 2, most * 3 / 4, most].flatMap((value) => [
      line("grid", [60, size(value)], [680, size(value)]),
      text("note", [52, size(value) + 4], "end", value)
    ]),
    ...[0, 20, 40].flatMap((value) => [
      line("grid", [60, goodput(value)], [680, goodput(value)]),
      text("note", [52, goodput(value) + 4], "end", value)
    ]),
    ...borders.map((at) => line("mark", [x(at), 36], [x(at), 310])),
    ...[0, ...borders].map((at, i) => text("", [x(at) + 6, 32], "start", changes[i]![0])),
    path("line", steps.map(({ at, size: value }) => [x(at), size(Math.min(value, most))])),
    path("second", steps.map(({ at }, i) => [x(at), goodput(smooth(i))])),
    text("note", [20, 18], "start", "size"),
    text("note", [20, 218], "start", "successes per second"),
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => text("note", [x(share * seconds), 328], "middle", `${share * seconds} s`))
  ])
}

drawCurve()
drawRun(
  "adaptive-run",
  "An adaptive pool finds 32 workers, loses three quarters of them, and gets them back",
  workers({ workers: 32, service: services.exponential }),
  [32, 8, 32].map((count) => [`${count} workers`, (backend) => backend.setWorkers(count)])
)
drawRun(
  "adaptive-cap",
  "An adaptive pool finds a cap of 32 concurrent calls, stays below it, and tries again now and then",
  capped(32, services.exponential),
  [
    ["429 above 32 concurrent calls", (backend) => (backend.cap = 32)],
    ["429 above 20", (backend) => (backend.cap = 20)]
  ]
)
