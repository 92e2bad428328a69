/**
 * Stands in for vitest in a worker, which runs the same tests over and over: collects the tests of the files that are
 * imported. What makes no difference to whether a test passes is left out, such as titles with names of properties.
 */
import { format } from "node:util"
import * as vitest from "vitest"

export * from "vitest"

/** What a test gets, as far as `@effect/vitest` uses it. */
export interface Context {
  readonly signal: AbortSignal
  readonly onTestFinished: (f: () => unknown) => void
}

export interface Test {
  readonly file: string
  /** The file and the titles. */
  readonly name: string
  readonly run: (context: Context) => unknown
}

type Body = (...args: Array<any>) => unknown

/** What follows a title. */
type Rest = readonly [body: Body, timeout?: unknown] | readonly [options: object, body: Body]

export const tests = new Map<string, Test>()

/** How often a name was given: some titles are the same. */
const times = new Map<string, number>()

let file = ""
let titles: ReadonlyArray<string> = []
/** How often `vi.resetModules` was called: modules that are imported afterwards are other copies. */
let copies = 0
export const copy = (): number => copies

/** Imports a test file, and collects its tests. */
export const collect = async (directory: string, name: string): Promise<void> => {
  file = name
  titles = []
  await import(`${directory}/${name}`)
}

const bodyOf = ([first, second]: Rest): Body => (typeof first === "function" ? first : second) as Body

const add = (title: string, run: Test["run"]): void => {
  const name = `${file}: ${[...titles, title].join(" > ")}`
  const time = (times.get(name) ?? 0) + 1
  times.set(name, time)
  const unique = time === 1 ? name : `${name} #${time}`
  tests.set(unique, { file, name: unique, run })
}

const listOf = (values: unknown): ReadonlyArray<unknown> => Array.isArray(values) ? values : [values]

const titleOf = (title: string, values: unknown): string => {
  const count = title.match(/%[sidfjo]/g)?.length ?? 0
  return format(title.replaceAll("%i", "%d"), ...listOf(values).slice(0, count))
}

export const describe = Object.assign(
  (title: string, ...rest: Rest): void => {
    titles = [...titles, title]
    bodyOf(rest)()
    titles = titles.slice(0, -1)
  },
  {
    each: (cases: ReadonlyArray<unknown>) => (title: string, body: Body): void => {
      for (const values of cases) describe(titleOf(title, values), () => body(...listOf(values)))
    }
  }
)

export const it = Object.assign(
  (title: string, ...rest: Rest): void => add(title, bodyOf(rest)),
  {
    // What they depend on is whether another program is there, which nobody would end when this process is killed.
    skipIf: () => (): void => {},
    runIf: () => (): void => {},
    each: (cases: ReadonlyArray<unknown>) => (title: string, ...rest: Rest): void => {
      for (const values of cases) add(titleOf(title, values), () => bodyOf(rest)(...listOf(values)))
    },
    for: (cases: ReadonlyArray<unknown>) => (title: string, ...rest: Rest): void => {
      for (const values of cases) add(titleOf(title, values), (context) => bodyOf(rest)(values, context))
    }
  }
)

export const vi = {
  ...vitest.vi,
  setConfig: (): void => {},
  resetModules: (): void => void copies++
}
