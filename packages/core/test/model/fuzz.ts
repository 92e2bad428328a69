/**
 * Runs the proof with ever new programs: `pnpm fuzz [--minutes N] [--seed S]`, and `--path P` to replay what it found.
 * `--admission`: programs with bounds, keys, priorities, times and draining. `--acting`: programs whose users' functions
 * act on the pool or throw, one for each seed.
 */
import { parseArgs } from "node:util"
import { actOut } from "./acting.ts"
import { prove, Schedules } from "./proof.ts"
import type { Tally } from "./side-by-side.ts"

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    path: { type: "string" },
    admission: { type: "boolean", default: false },
    acting: { type: "boolean", default: false }
  }
})

const BatchSize = 500

const tally: Tally = { programs: 0, steps: 0, reordered: 0, orders: 0 }
const start = performance.now()
const end = start + Number(values.minutes) * 60_000

const progress = (): string => {
  const seconds = (performance.now() - start) / 1000
  return `${tally.programs / Schedules} programs x ${Schedules} schedules, ${tally.steps} steps, ` +
    `${Math.round(tally.steps / seconds)} steps/s, ${tally.orders} orders tried for ${tally.reordered} steps, ${
      Math.round(seconds)
    } s`
}

const check = async (seed: number, path?: string): Promise<void> => {
  const { admission } = values
  const problem = await prove({ seed, programs: BatchSize, admission, ...(path === undefined ? {} : { path }) }, tally)
  if (problem === undefined) return
  console.error(problem)
  process.exit(1)
}

if (values.acting) {
  const first = Number(values.seed)
  let seed = first
  for (; performance.now() < end; seed++) {
    const problems = actOut(seed)
    if (problems.length === 0) continue
    console.error([...problems, `Replay: node packages/core/test/model/fuzz.ts --acting --seed ${seed}`].join("\n"))
    process.exit(1)
  }
  console.log(`seeds ${first} to ${seed - 1}: nothing is wrong`)
} else if (values.path !== undefined) {
  await check(Number(values.seed), values.path)
  console.log("nothing is wrong with that program any more")
} else {
  for (let seed = Number(values.seed); performance.now() < end; seed++) {
    await check(seed)
    console.log(`seed ${seed}: ${progress()}`)
  }
}
