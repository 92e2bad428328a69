/**
 * `pnpm mutate`: plants the mutants of all files of `src` and the listed faults, one at a time, runs the tests that
 * reach them until one fails, and writes RESULTS.md. What no test finds and nothing explains is an error.
 *
 * `pnpm mutate core`, `cluster` or `dashboard`: those of one package.
 * `--file FILE` (repeatable): only the mutants and the faults of a file of `src`, as `internal/slots.ts`.
 * `--only TEXT` (repeatable): only those whose name contains the text.
 * `--listed`: only the listed faults.
 * `--all`: runs all tests also with what is explained, which otherwise meets only the quick ones.
 * `--quick`: without the tests that take long, which only run for what others don't find.
 * `--resume FILE`: remembers what was found in FILE, and doesn't run that again; survivors again after any change.
 * With the first three, or with `--quick`, nothing is written.
 */
import { createHash } from "node:crypto"
import { writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { Bench, Examiner, isQuick, type Passed } from "./examiner.ts"
import { plant } from "./fault.ts"
import { Memo } from "./memo.ts"
import { type Package, packages } from "./packages.ts"
import { isOpen, type Outcome, report } from "./report.ts"

const { positionals, values: options } = parseArgs({
  allowPositionals: true,
  options: {
    file: { type: "string", multiple: true },
    only: { type: "string", multiple: true },
    listed: { type: "boolean", default: false },
    all: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    resume: { type: "string" }
  }
})

/** One process computes, and the machine may be busy. */
const Parallel = Math.max(1, availableParallelism() - 1)

const hashOf = (...texts: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  for (const text of texts) hash.update(`${text.length} ${text}`)
  return hash.digest("hex").slice(0, 16)
}

const memo = new Memo(options.resume)

/** A mutant or a fault. */
interface Task extends Omit<Outcome, "killedBy"> {
  readonly place: string
  /** What it is remembered by. */
  readonly key: string
  readonly examine: (examiner: Examiner, tests: ReadonlyArray<Passed>) => Promise<string | undefined>
}

const isChosen = ({ file, name }: Task): boolean =>
  (options.file?.includes(file) ?? true) && (options.only?.some((text) => name.includes(text)) ?? true)

/** Examines what is chosen of a package, and writes its results if that is all there is. */
const mutate = async (ofPackage: Package): Promise<ReadonlyArray<Outcome>> => {
  const bench = new Bench(ofPackage)
  const tests = ofPackage.readTests()
  const base = hashOf(ofPackage.name, ...bench.instrumented.values(), ...ofPackage.readShared().values())
  const everything = hashOf(base, ...tests.values())

  /** What the tests reach: of files that are as they were, as it was recorded. */
  const recorded = async (): Promise<ReadonlyArray<Passed>> => {
    const keyOf = (file: string): string => `record ${hashOf(base, tests.get(file) ?? "")}`
    const missing = [...tests.keys()].filter((file) => memo.get(keyOf(file)) === undefined)
    if (missing.length > 0) await bench.record(missing, (file, passed) => memo.set(keyOf(file), passed))
    return [...tests.keys()].flatMap((file) => memo.get(keyOf(file)) as ReadonlyArray<Passed>)
  }

  const reasons = new Map(
    Object.entries(ofPackage.explained).flatMap(([reason, mutants]) => mutants.map((name) => [name, reason]))
  )

  const mutants = bench.mutants.map((mutant): Task => ({
    ...mutant,
    place: `${ofPackage.name}/src/${mutant.file}:${mutant.line}`,
    key: `${ofPackage.name} ${mutant.name}`,
    equivalent: reasons.get(mutant.name),
    examine: (examiner, due) => examiner.examine(mutant, due)
  }))

  const listed = ofPackage.faults.map((fault): Task => {
    const planted = plant(fault, bench.sources.get(fault.file) ?? "")
    return {
      ...fault,
      place: `${ofPackage.name}/src/${fault.file}`,
      key: `${ofPackage.name} ${fault.file} ${fault.edit}`,
      equivalent: undefined,
      examine: (examiner, due) => examiner.examineFault(fault, planted, due)
    }
  })

  const examine = async (task: Task, examiner: Examiner, passed: ReadonlyArray<Passed>): Promise<Outcome> => {
    const { equivalent, file, key, name, place } = task
    const survivor = (whom: string): string => `survived ${whom} tests ${everything} ${key}`
    const wasQuick = memo.get(survivor("quick")) !== undefined
    const quick = options.quick || (equivalent !== undefined && !options.all)
    const known = memo.get(key) ?? memo.get(survivor(quick ? "quick" : "all"))
    if (known !== undefined) return { name, file, equivalent, killedBy: known === "" ? null : known as string }
    const since = performance.now()
    const due = passed.filter((test) => quick ? isQuick(test) : !(wasQuick && isQuick(test)))
    const killedBy = await task.examine(examiner, due) ?? null
    memo.set(killedBy === null ? survivor(quick ? "quick" : "all") : key, killedBy ?? "")
    const result = killedBy ?? (equivalent === undefined ? "SURVIVED" : "survived, as explained")
    console.log(`${place}: ${name}\n  ${((performance.now() - since) / 1000).toFixed(1)} s: ${result}`)
    return { name, file, equivalent, killedBy }
  }

  const examineAll = async (tasks: ReadonlyArray<Task>): Promise<ReadonlyArray<Outcome>> => {
    const passed = await recorded()
    const outcomes: Array<Outcome> = []
    let next = 0
    const lane = async (): Promise<void> => {
      const examiner = new Examiner(bench, await bench.start())
      for (let index = next++; index < tasks.length; index = next++) {
        outcomes[index] = await examine(tasks[index] as Task, examiner, passed)
      }
      examiner.close()
    }
    await Promise.all(Array.from({ length: Parallel }, lane))
    return outcomes
  }

  const chosenMutants = options.listed ? [] : mutants.filter(isChosen)
  const chosen = [...chosenMutants, ...listed.filter(isChosen)]
  if (chosen.length === 0) return []
  console.log(
    `${ofPackage.name}: ${chosenMutants.length} mutants, ${chosen.length - chosenMutants.length} listed faults`
  )
  const outcomes = await examineAll(chosen)
  if (!options.quick && chosen.length === mutants.length + listed.length) {
    writeFileSync(
      ofPackage.results,
      report(ofPackage.name, outcomes.slice(0, mutants.length), outcomes.slice(mutants.length))
    )
  }
  return outcomes
}

const unknown = positionals.filter((name) => packages.every((one) => one.name !== name))
if (unknown.length > 0) throw new Error(`no such package: ${unknown.join(", ")}`)
const outcomes: Array<Outcome> = []
for (const one of packages) {
  if (positionals.length === 0 || positionals.includes(one.name)) outcomes.push(...await mutate(one))
}
if (outcomes.length === 0) throw new Error("no fault has such a name or file")
const killed = outcomes.filter(({ killedBy }) => killedBy !== null).length
const open = outcomes.filter(isOpen)
console.log(`${killed} killed, ${outcomes.length - killed - open.length} survived as explained, ${open.length} open`)
for (const { name } of open) console.log(`SURVIVED  ${name}`)
for (const { equivalent, killedBy, name } of outcomes) {
  if (equivalent !== undefined && killedBy !== null) console.log(`needs no reason  ${name}`)
}
if (open.length > 0) process.exitCode = 1
