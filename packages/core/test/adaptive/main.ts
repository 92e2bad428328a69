/**
 * `pnpm adaptive`: the scenarios of the test bed, held against their bounds: all of them over 9 seeds, or with `--quick`
 * some of them over 3. With `--peers` also fixed sizes and other ways to find a limit, which takes some minutes.
 */
import { isMet, report, sharedReport } from "./bounds.ts"
import { median, outcomes } from "./outcome.ts"
import { peers } from "./peers.ts"
import { scenarios, shared } from "./scenarios.ts"

const isQuick = process.argv.includes("--quick")
const seeds = isQuick ? [1, 2, 3] : [1, 2, 3, 4, 5, 6, 7, 8, 9]
/** Those that three seeds say little about, since few jobs end in a leg. */
const slow = new Set(["4 workers", "contention", "imap", "workers 32, 8, 32", "timeouts and a loss", "200 workers"])

const text = (value: number): string => value.toFixed(2).padStart(8)

let failures = 0

const print = (name: string, checks: ReturnType<typeof sharedReport>["checks"], columns: string): void => {
  const broken = checks.filter((check) => !isMet(check))
  failures += broken.length
  console.log(`${name.padEnd(36)}${columns}`)
  for (const { least, most, name, value } of broken) {
    console.log(
      `  ✗ ${name}: ${value.toFixed(3)}, not ${least === undefined ? `at most ${most}` : `at least ${least}`}`
    )
  }
}

console.log(
  `Medians of ${seeds.length} seeds, in shares of the best fixed size\n${
    "".padEnd(36)
  } goodput 2nd half latency   errors` +
    `     band    swing     size`
)
for (const entry of scenarios) {
  if (isQuick && slow.has(entry.scenario.name)) continue
  for (const { checks, name, outcome } of report(entry, seeds)) {
    const { band, errors, goodput, latency, secondHalf, size, swing } = outcome
    print(name, checks, [goodput, secondHalf, latency, errors, band, swing, size].map(text).join(""))
  }
}
for (const [pools, target] of [[2], [4], [8], [3, 2]] as const) {
  const { checks, name } = sharedReport(shared(pools, target), seeds, target)
  print(name, checks, checks.map(({ name, value }) => `  ${name} ${value.toFixed(2)}`).join(""))
}

if (process.argv.includes("--peers")) {
  const ways = [["adaptive", "adaptive"] as const, ...peers]
  console.log(
    `\nGoodput in shares of the best fixed size, and latency\n${"".padEnd(36)}${
      ways.map(([name]) => name.padStart(16)).join("")
    }`
  )
  const held = ways.map(() => 0)
  let phases = 0
  for (const entry of scenarios) {
    const cells = ways.map(([, sizing]) => seeds.slice(0, 1).map((seed) => outcomes(entry, seed, sizing, 150_000)))
    entry.scenario.phases.forEach((phase, i) => {
      phases++
      const row = cells.map((runs, way) => {
        const goodput = median(runs.map((run) => run[i]!.goodput))
        const latency = median(runs.map((run) => run[i]!.latency))
        const errors = median(runs.map((run) => run[i]!.errors))
        if (goodput >= 0.9 && latency <= 1.5 && errors <= 0.05) held[way]!++
        return `${goodput.toFixed(2)} ${latency.toFixed(1)}`.padStart(16)
      })
      console.log(`${entry.scenario.name}: ${phase.name}`.padEnd(36) + row.join(""))
    })
  }
  console.log(`${`of ${phases} phases held`.padEnd(36)}${held.map((count) => String(count).padStart(16)).join("")}`)
}

if (failures > 0) process.exitCode = 1
