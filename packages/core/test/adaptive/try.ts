import { figures, run } from "./bed.ts"
import { scenarios } from "./scenarios.ts"
const filter = process.argv[2] ?? ""
const seeds = Number(process.argv[3] ?? 1)
for (const { scenario, unit } of scenarios) {
  if (!scenario.name.includes(filter)) continue
  for (let seed = 1; seed <= seeds; seed++) {
    const t = performance.now()
    const phases = run(scenario, seed, "adaptive", unit)
    const took = performance.now() - t
    for (const steps of phases) {
      const half = steps.slice(steps.length / 2)
      const all = figures(steps, unit), second = figures(half, unit)
      const sizes = half.map((s) => s.size).sort((a, b) => a - b)
      console.log(
        scenario.name.padEnd(20),
        seed,
        "X",
        all.goodput.toFixed(1),
        "X2",
        second.goodput.toFixed(1),
        "R2",
        second.latency.toFixed(2),
        "err",
        (100 * second.errors).toFixed(1),
        "size",
        sizes[Math.floor(sizes.length * .05)],
        sizes[sizes.length >> 1],
        sizes[Math.floor(sizes.length * .95)],
        (took / 1000).toFixed(1) + "s"
      )
    }
    if (process.argv[4]) console.log(phases.flat().map((s) => s.size).join(" "))
  }
}
