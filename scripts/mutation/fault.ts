/**
 * Faults to plant in the library, one edit each.
 */

export interface Fault {
  readonly name: string
  /** The path in `src`. */
  readonly file: string
  /** A text that is in the file once, with `[-what goes-]{+what comes+}` in it, as `git diff --word-diff` shows edits. */
  readonly edit: string
  /** The test files that are likely to find it: they run first. */
  readonly tests: ReadonlyArray<string>
}

/** The faults of one file: their edits, by their names. The names of the test files are without `.test.ts`. */
export const faultsOf = (file: string, tests: string, edits: Readonly<Record<string, string>>): ReadonlyArray<Fault> =>
  Object.entries(edits).map(([name, edit]) => ({
    name,
    file,
    edit,
    tests: tests.split(" ").map((test) => `${test}.test.ts`)
  }))

/** The file with the fault in it. Throws when its text isn't there exactly once. */
export const plant = ({ edit, file, name }: Fault, source: string): string => {
  const parts = /\[-(.*?)-\]|\{\+(.*?)\+\}/gs
  const [before, after] = [edit.replace(parts, "$1"), edit.replace(parts, "$2")]
  const matches = source.split(before).length - 1
  if (matches !== 1) throw new Error(`"${name}" matches ${matches} times in ${file}`)
  return source.replace(before, () => after)
}
