/**
 * Runs the proof with ever new programs: `pnpm fuzz [--minutes N] [--seed S]`, and `--path P` to replay what it found.
 * `--admission`: programs with bounds, keys, priorities, times and draining. `--acting`: programs whose users' functions
 * act on the pool or throw, one for each seed.
 */
import { parseArgs } from "node:util"
import { actOut } from "./acting.ts"
import { prove, Schedules } from "./proof.ts"
import { Tally } from "./run.ts"

const { values: options } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    path: { type: "string" },
    admission: { type: "boolean", default: false },
    acting: { type: "boolean", default: false }
  }
})

const tally = new Tally()
const start = performance.now()
const check = options.acting
  ? actOut
  : (seed: number) => prove({ seed, programs: 500, path: options.path, admission: options.admission }, tally)
let seed = Number(options.seed)
do {
  const problem = await check(seed)
  if (problem !== undefined) {
    console.error(problem)
    process.exit(1)
  }
  const seconds = (performance.now() - start) / 1000
  if (!options.acting) {
    console.log(
      `seed ${seed}: ${tally.programs / Schedules} programs x ${Schedules} schedules, ${tally.steps} steps, ` +
        `${Math.round(tally.steps / seconds)} steps/s, ${tally.orders} orders tried for ${tally.reordered} steps, ` +
        `${Math.round(seconds)} s`
    )
  }
  seed++
} while (options.path === undefined && performance.now() < start + Number(options.minutes) * 60_000)
console.log(`seeds ${options.seed} to ${seed - 1}: nothing is wrong`)
