/**
 * Finds the test that fails with a fault.
 */
import type { Fault } from "./fault.ts"
import { instrument, mutantsOf, type Numbered } from "./mutants.ts"
import type { Package } from "./packages.ts"
import { Process } from "./process.ts"
import type { Due, Run } from "./worker.ts"

/** What a test does without any fault. */
export interface Passed {
  readonly test: string
  readonly seconds: number
  /** The mutants that it reaches. */
  readonly reached: ReadonlyArray<number>
}

/** Whether a test is run even with a fault that is thought to be found by none. */
export const isQuick = ({ seconds }: Passed): boolean => seconds < 0.01

/** The file of a test, which its name begins with. */
export const fileOf = (test: string): string => test.slice(0, test.indexOf(":"))

/** The sources, and all mutants of them in one instrumented copy. */
export class Bench {
  readonly #package: Package
  readonly sources: ReadonlyMap<string, string>
  readonly mutants: ReadonlyArray<Numbered>
  readonly instrumented: ReadonlyMap<string, string>

  constructor(ofPackage: Package) {
    this.#package = ofPackage
    this.sources = ofPackage.readSources()
    this.mutants = [...this.sources].flatMap(([file, text]) => mutantsOf(file, text))
      .map((mutant, index) => ({ ...mutant, number: index + 1 }))
    const mutantsIn = Map.groupBy(this.mutants, ({ file }) => file)
    this.instrumented = new Map(
      [...this.sources].map(([file, text]) => [file, instrument(text, mutantsIn.get(file) ?? [])])
    )
  }

  start(active = 0, files: ReadonlyArray<string> = [...this.#package.readTests().keys()]): Promise<Process> {
    return Process.start(this.#package, this.instrumented, files, this.mutants.length, active)
  }

  /** Starts a process in which one file is another one. */
  startWith(file: string, text: string, files: ReadonlyArray<string>): Promise<Process> {
    return Process.start(this.#package, new Map([...this.sources, [file, text]]), files)
  }

  /** Runs the tests of these files without a fault, and passes on what each file does. */
  async record(files: ReadonlyArray<string>, onPassed: (file: string, passed: ReadonlyArray<Passed>) => void) {
    const process = await this.start(0, files)
    if (process.tests.length === 0) throw new Error(`the tests do not load: ${process.output}`)
    for (const file of files) {
      const chosen = process.tests.filter((test) => fileOf(test) === file)
      const { runs } = await process.run(0, chosen.map((test) => ({ test, limit: 120_000 })))
      const failed = runs.find(({ failure }) => failure !== undefined)
      if (failed !== undefined) throw new Error(`without any fault a test fails: ${failed.test}\n${failed.failure}`)
      onPassed(file, runs.map(({ reached, seconds, test }) => ({ test, seconds, reached })))
    }
    process.kill()
  }
}

/** Examines one fault after the other. */
export class Examiner {
  readonly #bench: Bench
  readonly #loaded: ReadonlySet<number>
  #process: Process
  /** How many faults of a file a test has found: it is likely to find others. */
  readonly #finds = new Map<string, number>()

  /** With a process that the bench has started. */
  constructor(bench: Bench, process: Process) {
    this.#bench = bench
    this.#process = process
    this.#loaded = new Set(process.reached)
  }

  close(): void {
    this.#process.kill()
  }

  /** The test that fails with this mutant, if one does. */
  async examine({ file, number }: Numbered, tests: ReadonlyArray<Passed>): Promise<string | undefined> {
    const fresh = (files: ReadonlyArray<string>): Promise<Process> => this.#bench.start(number, files)
    if (this.#loaded.has(number)) return this.#examineFresh(fresh, file, number, this.#ofFile(file, tests))
    const reaching = tests.filter(({ reached }) => reached.includes(number))
    const due = this.#inOrder(file, reaching)
    if (!this.#process.alive) this.#process = await this.#bench.start()
    let outcome = await this.#process.run(number, due)
    if (outcome.spoiled) {
      this.#process = await this.#bench.start()
      outcome = await this.#process.run(number, due)
    }
    const { runs } = outcome
    const killedBy = this.#found(file, runs)
    if (killedBy !== undefined || runs.every(({ reached }) => reached.includes(number))) return killedBy
    // What is computed once for all tests was computed without it.
    return this.#examineFresh(fresh, file, number, reaching)
  }

  /** The same for a listed fault. */
  async examineFault(
    { file, tests: named }: Fault,
    planted: string,
    tests: ReadonlyArray<Passed>
  ): Promise<string | undefined> {
    const near = this.#ofFile(file, tests)
    const isNamed = ({ test }: Passed): boolean => named.includes(fileOf(test))
    const fresh = (files: ReadonlyArray<string>): Promise<Process> => this.#bench.startWith(file, planted, files)
    return await this.#examineFresh(fresh, file, 1, tests.filter(isNamed)) ??
      await this.#examineFresh(fresh, file, 1, near.filter((test) => !isNamed(test)))
  }

  /** Examines a fault in a process of its own, where it is there from the beginning. */
  async #examineFresh(
    start: (files: ReadonlyArray<string>) => Promise<Process>,
    file: string,
    number: number,
    tests: ReadonlyArray<Passed>
  ): Promise<string | undefined> {
    if (tests.length === 0) return undefined
    const process = await start([...new Set(tests.map(({ test }) => fileOf(test)))])
    const { runs } = await process.run(number, this.#inOrder(file, tests))
    process.kill()
    return process.tests.length === 0 ? "the modules do not load" : this.#found(file, runs)
  }

  /**
   * The tests that run anything in the file, beside what is run when it is loaded, which some test may do again; all, if
   * there is nothing else in it.
   */
  #ofFile(file: string, tests: ReadonlyArray<Passed>): ReadonlyArray<Passed> {
    const ofFile = this.#bench.mutants.filter((other) => other.file === file && !this.#loaded.has(other.number))
    const numbers = new Set(ofFile.map(({ number }) => number))
    const near = tests.filter(({ reached }) => reached.some((number) => numbers.has(number)))
    return near.length > 0 ? near : tests
  }

  /** The quickest first, and earlier those that have found faults of the file. */
  #inOrder(file: string, tests: ReadonlyArray<Passed>): ReadonlyArray<Due> {
    const cost = ({ seconds, test }: Passed): number => seconds / (1 + (this.#finds.get(`${file} ${test}`) ?? 0))
    return tests.toSorted((a, b) => cost(a) - cost(b)).map(({ seconds, test }) => ({
      test,
      limit: 500 + 10_000 * seconds
    }))
  }

  #found(file: string, runs: ReadonlyArray<Run>): string | undefined {
    const run = runs.find(({ failure }) => failure !== undefined)
    if (run === undefined) return undefined
    const key = `${file} ${run.test}`
    this.#finds.set(key, (this.#finds.get(key) ?? 0) + 1)
    return run.test
  }
}
