/**
 * `pnpm mutate`: plants each fault of the lists in a copy of the package, runs the tests there, and
 * writes which test found it to RESULTS.md. A fault that no test finds and that is not explained is an error.
 *
 * `--file FILE` (repeatable): instead, the mutants of a file of `src`, as `internal/slots.ts`; writes nothing.
 * `--only TEXT` (repeatable): the faults whose name or file contains TEXT; writes nothing.
 * `--quick`: without the slow tests; writes nothing.
 * `--resume FILE`: keeps what was killed in FILE, and does not run again what is there.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { Fault } from "./fault.ts"
import { faults } from "./faults.ts"
import { Memo } from "./memo.ts"
import { mutantsOf } from "./mutants.ts"
import { Package } from "./package.ts"
import { isOpen, type Outcome, report } from "./report.ts"
import { quickTests, slowTests } from "./tests.ts"

const { values: options } = parseArgs({
  options: {
    file: { type: "string", multiple: true },
    only: { type: "string", multiple: true },
    quick: { type: "boolean", default: false },
    resume: { type: "string" }
  }
})

const Parallel = 2

/** What all others are copied from, so that no change during the run gets into it. */
const template = new Package()
const memo = new Memo(options.resume)

/** The file with the fault in it. Throws when a text does not match exactly once. */
const plant = ({ file, find, name, replace }: Fault): string => {
  const source = template.read(file)
  if (typeof find !== "string") return source.slice(0, find.start) + replace + source.slice(find.end)
  const matches = source.split(find).length - 1
  if (matches !== 1) throw new Error(`"${name}" matches ${matches} times in ${file}`)
  return source.replace(find, () => replace)
}

/** The mutants of a file. The tests that its listed faults name are the likely ones. */
const mutants = (file: string): ReadonlyArray<Fault> =>
  mutantsOf(file, template.read(file), [...new Set(faults.flatMap((fault) => fault.file === file ? fault.tests : []))])

/** Does something with a copy of the package. */
const withCopy = async <A>(use: (copy: Package) => Promise<A>): Promise<A> => {
  const copy = new Package(template)
  try {
    return await use(copy)
  } finally {
    copy.remove()
  }
}

const since = (start: number): number => (Date.now() - start) / 1000

/** How long the quick tests take when all is well. */
const baseline = (): Promise<number> =>
  withCopy(async (copy) => {
    const start = Date.now()
    const failure = await copy.firstFailure(quickTests, 600)
    if (failure !== undefined) throw new Error(`without any fault a test fails: ${failure}`)
    return since(start)
  })

/** Runs the likely tests, then all other quick ones, then the slow ones, up to the first that fails. */
const examine = (fault: Fault, seconds: number): Promise<Outcome> =>
  withCopy(async (copy) => {
    const start = Date.now()
    copy.write(fault.file, plant(fault))
    const isLikely = (file: string): boolean => fault.tests.includes(file)
    let killedBy = await copy.firstFailure(quickTests.filter(isLikely), Math.max(30, seconds))
    killedBy ??= await copy.firstFailure(quickTests.filter((file) => !isLikely(file)), Math.max(60, 4 * seconds))
    if (!options.quick && fault.equivalent === undefined) killedBy ??= await copy.firstFailure(slowTests, 600)
    return { fault, killedBy, seconds: since(start) }
  })

const tell = ({ fault, killedBy, seconds }: Outcome): void => {
  const result = killedBy ?? (fault.equivalent === undefined ? "SURVIVED" : "survived, as explained")
  console.log(`${fault.file}: ${fault.name}\n  ${seconds.toFixed(0)} s: ${result}`)
}

const examineAll = async (chosen: ReadonlyArray<Fault>, seconds: number): Promise<ReadonlyArray<Outcome>> => {
  const outcomes = chosen.map((fault) => memo.get(fault))
  let next = 0
  const worker = async (): Promise<void> => {
    for (let index = next++; index < chosen.length; index = next++) {
      const fault = chosen[index]
      if (fault === undefined || outcomes[index] !== undefined) continue
      const outcome = await examine(fault, seconds)
      outcomes[index] = outcome
      memo.add(outcome)
      tell(outcome)
    }
  }
  await Promise.all(Array.from({ length: Parallel }, worker))
  return outcomes.filter((outcome) => outcome !== undefined)
}

const main = async (): Promise<void> => {
  const { file: files, only, quick } = options
  const whole = files === undefined && only === undefined && !quick
  const all = files === undefined ? faults : files.flatMap(mutants)
  const chosen = all.filter(({ file, name }) =>
    only?.some((text) => name.includes(text) || file.includes(text)) ?? true
  )
  if (chosen.length === 0) throw new Error("no fault has such a name")
  if (new Set(faults.map((fault) => fault.name)).size !== faults.length) throw new Error("two faults share a name")
  for (const fault of faults) plant(fault)
  console.log(`${chosen.length} faults`)
  const outcomes = await examineAll(chosen, whole ? await baseline() : 60)
  if (whole) writeFileSync(join(import.meta.dirname, "RESULTS.md"), report(outcomes))
  const killed = outcomes.filter(({ killedBy }) => killedBy !== undefined).length
  const open = outcomes.filter(isOpen)
  console.log(`${killed} killed, ${outcomes.length - killed - open.length} survived as explained, ${open.length} open`)
  for (const { fault } of open) console.log(`SURVIVED  ${fault.file}: ${fault.name}`)
  if (open.length > 0) process.exitCode = 1
}

try {
  await main()
} finally {
  template.remove()
}
