/**
 * Measures every fixed size in every phase of the scenarios, and writes the figures to `sweeps.json`: the curves X(L),
 * from which the best size is read. Takes some minutes; to be run when backends or sources change.
 */
import { writeFileSync } from "node:fs"
import type { Backend } from "./backends.ts"
import { type Figures, figures, max, run, type Scenario, type Step } from "./bed.ts"
import { scenarios } from "./scenarios.ts"

const sizes = (
  "1 2 3 4 5 6 7 8 9 10 12 14 16 18 20 22 24 26 28 30 32 34 36 38 40 44 48 52 56 64 72 80 88 " +
  `96 104 112 128 144 160 176 192 208 224 240 256 288 320 384 448 ${max}`
).split(" ").map(Number)

/** The scenario with one phase, in which the backend is what it is in phase `i`. */
const only = (scenario: Scenario, i: number, seconds: number): Scenario => ({
  ...scenario,
  phases: [{
    name: scenario.phases[i]!.name,
    seconds,
    change: (backend: Backend) => scenario.phases.slice(0, i + 1).forEach(({ change }) => change?.(backend))
  }]
})

const measure = (scenario: Scenario, size: number, unit: number): Figures => {
  const steps: Array<Step> = []
  for (const seed of [101, 102]) {
    // without the time in which the queues fill
    steps.push(...run(scenario, seed, { fixed: size }, unit)[0]!.slice(50))
  }
  return figures(steps, unit)
}

const round = (value: number): number => Number(value.toPrecision(4))

const sweeps: Record<string, ReadonlyArray<readonly [size: number, goodput: number, latency: number, errors: number]>> =
  {}
for (const { scenario, unit } of scenarios) {
  if ((scenario.pools ?? 1) > 1) continue
  scenario.phases.forEach(({ name, seconds }, i) => {
    const rows: Array<readonly [number, number, number, number]> = []
    for (const size of sizes) {
      const { errors, goodput, latency } = measure(only(scenario, i, Math.min(seconds, 400 * unit)), size, unit)
      rows.push([size, round(goodput), round(latency), round(errors)])
      // From here on nearly all calls are refused.
      if (errors > 0.4) break
    }
    sweeps[`${scenario.name}: ${name}`] = rows
    console.log(`${scenario.name}: ${name}`)
  })
}
const lines = Object.entries(sweeps).map(([name, rows]) =>
  `  ${JSON.stringify(name)}: [\n${
    rows.map((row) => `    ${JSON.stringify(row).replaceAll(",", ", ")}`).join(",\n")
  }\n  ]`
)
writeFileSync(new URL("sweeps.json", import.meta.url), `{\n${lines.join(",\n")}\n}\n`)
