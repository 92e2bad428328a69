/**
 * The mutants that no test can find, by the reason why the library does the same with them.
 */
interface Explained {
  readonly reason: string
  /** Their names: the file, the declaration around them, and what becomes what. */
  readonly mutants: ReadonlyArray<string>
}

export const explained: ReadonlyArray<Explained> = []
