/**
 * `pnpm adaptive`: the scenarios of the test bed, held against their bounds: all of them over 9 seeds, or with `--quick`
 * some of them over 3. With `--peers` also fixed sizes and other ways to find a limit, which takes some minutes.
 */
import { columns, outcomes, type Report, reports, sharedReport } from "./outcome.ts"
import { peers } from "./peers.ts"
import { scenarios, shared } from "./scenarios.ts"

const isQuick = process.argv.includes("--quick")
const seeds = isQuick ? [1, 2, 3] : [1, 2, 3, 4, 5, 6, 7, 8, 9]
/** One of each kind, in which three seeds say enough. */
const quick = (
  "32 workers; uneven service; far network; bounded queue; cap 32; 50 per second; overloads 5 %; LLM-like; " +
  "imapUnordered; arrivals 0.9; workers 10, 100"
).split("; ")

const row = (name: string, cells: ReadonlyArray<string>, width: number): void =>
  console.log(name.padEnd(36) + cells.map((cell) => cell.padStart(width)).join(""))

const print = ({ checks, figures, name }: Report): void => {
  row(name, figures.map((figure) => figure.toFixed(2)), 11)
  for (const check of checks) {
    const isMet = "least" in check ? check.value >= check.least : check.value <= check.most
    if (isMet) continue
    process.exitCode = 1
    const bound = "least" in check ? `at least ${check.least}` : `at most ${check.most}`
    console.log(`  ✗ ${check.name}: ${check.value.toFixed(3)}, not ${bound}`)
  }
}

console.log(`Medians of ${seeds.length} seeds, in shares of the best fixed size`)
row("", columns, 11)
for (const entry of scenarios) {
  if (!isQuick || quick.includes(entry.scenario.name)) reports(entry, seeds).forEach(print)
}
console.log("Several pools on one backend: goodput, and latency over the best or over the target")
for (const [pools, target] of isQuick ? [[8], [3, 2]] as const : [[2], [4], [8], [3, 2]] as const) {
  print(sharedReport(shared(pools, target), seeds, target))
}

if (process.argv.includes("--peers")) {
  const ways = [["adaptive", "adaptive"] as const, ...peers]
  console.log("\nGoodput in shares of the best fixed size, and latency")
  row("", ways.map(([name]) => name), 16)
  const held = ways.map(() => 0)
  let phases = 0
  for (const entry of scenarios) {
    const runs = ways.map(([, sizing]) => outcomes(entry, 1, sizing, 150_000))
    entry.scenario.phases.forEach((phase, i) => {
      phases++
      const cells = runs.map((run, way) => {
        const { errors, goodput, latency } = run[i]!
        if (goodput >= 0.9 && latency <= 1.5 && errors <= 0.05) held[way]!++
        return `${goodput.toFixed(2)} ${latency.toFixed(1)}`
      })
      row(`${entry.scenario.name}: ${phase.name}`, cells, 16)
    })
  }
  row(`of ${phases} phases held`, held.map(String), 16)
}
