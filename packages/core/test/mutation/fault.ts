/**
 * Faults to plant in the library: those of the lists, and those of `mutants`.
 */

/** A piece of a file, by its first character and the one behind its last. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface Fault {
  readonly name: string
  /** The path in `src`. */
  readonly file: string
  /** What becomes `replace`: a text that is in the file once, or a piece of the file. */
  readonly find: string | Span
  readonly replace: string
  /** The test files that are likely to find it: they run first. */
  readonly tests: ReadonlyArray<string>
  /** Why no test can find it: the library does the same with it. */
  readonly equivalent?: string
}

/** A fault as it is listed: `tests` if others are likelier than those of its list, `file` if it is in another one. */
export type Entry = Omit<Fault, "file" | "find" | "tests"> & {
  readonly find: string
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
