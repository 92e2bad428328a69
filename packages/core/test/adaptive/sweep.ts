/**
 * Measures every fixed size in every phase of the scenarios, and writes the figures to `sweeps.json`: the curves X(L),
 * from which the best size is read. Takes some minutes; to be run when backends or sources change.
 */
import { writeFileSync } from "node:fs"
import type { Backend } from "./backends.ts"
import { type Figures, figures, max, run, type Scenario } from "./bed.ts"
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

/** Without the time in which the queues fill. */
const measure = (scenario: Scenario, fixed: number, unit: number): Figures =>
  figures([101, 102].flatMap((seed) => run(scenario, seed, { fixed }, unit)[0]!.slice(50)), unit)

const lines: Array<string> = []
for (const { scenario, unit } of scenarios) {
  scenario.phases.forEach(({ name, seconds }, i) => {
    const rows: Array<string> = []
    for (const size of sizes) {
      const { errors, goodput, latency } = measure(only(scenario, i, Math.min(seconds, 400 * unit)), size, unit)
      rows.push(`    [${[size, goodput, latency, errors].map((figure) => Number(figure.toPrecision(4))).join(", ")}]`)
      // From here on nearly all calls are refused.
      if (errors > 0.4) break
    }
    lines.push(`  ${JSON.stringify(`${scenario.name}: ${name}`)}: [\n${rows.join(",\n")}\n  ]`)
    console.log(`${scenario.name}: ${name}`)
  })
}
writeFileSync(new URL("sweeps.json", import.meta.url), `{\n${lines.join(",\n")}\n}\n`)
