/**
 * The mutants that no test can find, as in those of the core.
 */
export const explained: Readonly<Record<string, ReadonlyArray<string>>> = {
  "The value is set before it is read, or is a number that only has to differ from others or to grow.": [
    "internal/budget.ts Budget turns: 0 becomes 1",
    "internal/session.ts Session lastTurn: 0 becomes 1"
  ],
  "Without a size nobody has a lease, and none are rounded up to none.": [
    "internal/budget.ts Budget write: size ?? 0 becomes size",
    "internal/budget.ts Budget write: 0 becomes 1",
    "internal/budget.ts Budget roundUp: 0 becomes 1"
  ],
  "It is a choice, and nothing is promised that depends on it.": [
    "internal/budget.ts Budget grantUpTo: Math.max(session.peak, session.leased + count) becomes session.leased + count"
  ]
}
