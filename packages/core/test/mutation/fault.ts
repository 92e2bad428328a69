/**
 * Faults to plant in the library, one exact replacement each.
 */

export interface Fault {
  readonly name: string
  /** The path in `src`. */
  readonly file: string
  /** What becomes `replace`: a text that is in the file once. */
  readonly find: string
  readonly replace: string
  /** The test files that are likely to find it: they run first. */
  readonly tests: ReadonlyArray<string>
  /** Why no test can find it: the library does the same with it. */
  readonly equivalent?: string
}

/** A fault as it is listed: `tests` if others are likelier than those of its list, `file` if it is in another one. */
export type Entry = Omit<Fault, "file" | "tests"> & {
  readonly file?: string
  readonly tests?: ReadonlyArray<string>
}

/** The faults of one file. */
export const faultsOf = (
  file: string,
  tests: ReadonlyArray<string>,
  entries: ReadonlyArray<Entry>
): ReadonlyArray<Fault> =>
  entries.map((entry) => ({ file, ...entry, tests: (entry.tests ?? tests).map((name) => `${name}.test.ts`) }))

/** The file with the fault in it. Throws when its text isn't there exactly once. */
export const plant = ({ file, find, name, replace }: Fault, source: string): string => {
  const matches = source.split(find).length - 1
  if (matches !== 1) throw new Error(`"${name}" matches ${matches} times in ${file}`)
  return source.replace(find, () => replace)
}
