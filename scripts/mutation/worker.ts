/**
 * The process in which tests run: it imports all of them once, and then runs them as it is told, mutant by mutant.
 */
import { once } from "node:events"
import { enableCompileCache, flushCompileCache, registerHooks } from "node:module"
import { inspect } from "node:util"
import type { Context, Test } from "./collect.ts"

/** What the process is to run: the sources by their URL, and the mutant that is there from the beginning. */
export interface Start {
  readonly sources: Readonly<Record<string, string>>
  readonly mutants: number
  readonly active: number
  readonly directory: string
  readonly files: ReadonlyArray<string>
}

/** A test and the milliseconds that it may take. */
export interface Due {
  readonly test: string
  readonly limit: number
}

/** Runs these tests, up to the first that fails when there is a mutant. */
export interface Command {
  readonly mutant: number
  readonly due: ReadonlyArray<Due>
}

export interface Run {
  readonly test: string
  readonly failure: string | undefined
  readonly seconds: number
  readonly reached: ReadonlyArray<number>
}

export type Message =
  | { readonly type: "ready"; readonly tests: ReadonlyArray<string>; readonly reached: ReadonlyArray<number> }
  /** Sent before each test, so that it is known which one doesn't end. */
  | { readonly type: "running"; readonly due: Due }
  | { readonly type: "ran"; readonly run: Run }
  /** The tests that were due have passed, or the last one has failed. */
  | { readonly type: "done" }
  /** A test fails without the mutant, too: what an earlier mutant has left behind. */
  | { readonly type: "spoiled" }

const { clearTimeout, setImmediate, setTimeout } = globalThis

const tell = (message: Message): void => void process.send?.(message)

// Processes are killed, so that Node would write nothing by itself.
enableCompileCache()
const [start] = await once(process, "message") as [Start]

let active = start.active
const hits = new Uint8Array(start.mutants + 1)
Object.assign(globalThis, {
  // Some assertions ask for the path of the test.
  __vitest_worker__: {},
  __mutant: (number: number): boolean => {
    hits[number] = 1
    return number === active
  }
})
/** The mutants that were reached: with one that is switched on, only whether it was. */
const reached = (): ReadonlyArray<number> =>
  (active === 0 ? [...hits.keys()] : [active]).filter((number) => hits[number] === 1)

const stub = new URL("collect.ts", import.meta.url).href
const { collect, copy, tests } = await import("./collect.ts")
registerHooks({
  resolve: (specifier, context, next) => {
    if (specifier === "vitest") return { url: stub, shortCircuit: true }
    const resolved = next(specifier, context)
    const isOurs = resolved.url.split("?")[0] as string in start.sources
    return isOurs && copy() > 0 ? { ...resolved, url: `${resolved.url}?${copy()}` } : resolved
  },
  load: (url, context, next) => {
    const source = start.sources[url.split("?")[0] as string]
    return source === undefined ? next(url, context) : { format: "module-typescript", source, shortCircuit: true }
  }
})

/** What has gone wrong outside of any test. */
const errors: Array<unknown> = []
for (const event of ["uncaughtException", "unhandledRejection"]) {
  // A test that listens itself deals with it.
  process.on(event, (error) => process.listenerCount(event) > 1 ? undefined : errors.push(error))
}

const TooLate = "does not end"

/** Runs a test, and says what is wrong. */
const failureOf = async ({ run }: Test, limit: number): Promise<string | undefined> => {
  errors.length = 0
  const abort = new AbortController()
  const finalizers: Array<() => unknown> = []
  const context: Context = { signal: abort.signal, onTestFinished: (f) => void finalizers.push(f) }
  const overdue = Promise.withResolvers<void>()
  const timer = setTimeout(() => {
    errors.push(TooLate)
    overdue.resolve()
  }, limit)
  try {
    await Promise.race([run(context), overdue.promise])
  } catch (error) {
    errors.push(error)
  }
  clearTimeout(timer)
  abort.abort()
  // The tasks of the test that are left may throw.
  await new Promise((resolve) => setImmediate(resolve))
  return errors.length === 0 ? undefined : inspect(errors[0])
}

try {
  for (const file of start.files) await collect(start.directory, file)
} catch (error) {
  console.error(error)
  process.exit(1)
}
flushCompileCache()
tell({ type: "ready", tests: [...tests.keys()], reached: reached() })

/** Whether other mutants were here before. */
let isUsed = false

const follow = async ({ due: all, mutant }: Command): Promise<void> => {
  for (const due of all) {
    const test = tests.get(due.test)
    if (test === undefined) throw new Error(`no such test: ${due.test}`)
    tell({ type: "running", due })
    hits.fill(0)
    active = mutant
    const since = performance.now()
    const failure = await failureOf(test, due.limit)
    const seconds = (performance.now() - since) / 1000
    const run = { test: due.test, failure, seconds, reached: reached() }
    if (mutant !== 0 && failure !== undefined) {
      const fails = async (number: number): Promise<boolean> => {
        active = number
        tell({ type: "running", due })
        return await failureOf(test, due.limit) !== undefined
      }
      // What an earlier mutant has left behind may be the reason; or the machine was busy.
      if (isUsed && (await fails(0) || !await fails(mutant))) return tell({ type: "spoiled" })
      if (!isUsed && failure.includes(TooLate) && !await fails(mutant)) continue
    }
    tell({ type: "ran", run })
    if (mutant !== 0 && failure !== undefined) break
  }
  active = 0
  isUsed ||= mutant !== 0
  tell({ type: "done" })
}

process.on("message", (command: Command) => void follow(command))
