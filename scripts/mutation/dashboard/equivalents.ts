/**
 * The mutants that no test can find, as in those of the core.
 */
export const explained: Readonly<Record<string, ReadonlyArray<string>>> = {}
