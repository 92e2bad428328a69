/**
 * The mutants that no test can find, as in those of the core.
 */
export const explained: Readonly<Record<string, ReadonlyArray<string>>> = {
  "It only saves work: without it the same happens, more slowly.": [
    "internal/coordinator.ts Coordinator step: this.budget.next < this.sleepsUntil becomes true",
    "internal/coordinator.ts Coordinator step: this.budget.next < this.sleepsUntil becomes this.budget.next <= this.sleepsUntil",
    "internal/coordinator.ts Coordinator timing: this.sleepsUntil = next becomes nothing",
    "internal/coordinator.ts Coordinator timing: Math.ceil(next - this.now) becomes next - this.now",
    "internal/job-client.ts makeLanes connect: connections.set(sharding, connection) becomes nothing",
    "internal/job-client.ts makeLanes: connections.get(sharding) ?? connect(sharding) becomes connect(sharding)"
  ],
  "Effect does the same with the value itself: `of` returns it, and an error that the protocol doesn't declare is a defect.":
    [
      "internal/coordinator.ts Coordinator resize: Effect.orDie(this.persist(size)) becomes this.persist(size)",
      "internal/coordinator.ts layer: Effect.orDie(Term.begin(entityId, settings.lease)) becomes Term.begin(entityId, settings.lease)",
      "internal/coordinator.ts layer: BudgetEntity.of({ Open: ({ payload: { session, size } }) => coordinator.open(session, size), Report: ({ payload: { session, term, ...report } }) => coordinator.report(session, term, report), Leave: ({ payload: { session } }) => Effect.sync(() => coordinator.leave(session)), Ask: ({ payload: { session } }) => coordinator.ask(session), Resize: ({ payload: { session, size } }) => coordinator.resize(session, size), WaitAll: () => coordinator.waitall, Stats: () => coordinator.stats }) becomes { Open: ({ payload: { session, size } }) => coordinator.open(session, size), Report: ({ payload: { session, term, ...report } }) => coordinator.report(session, term, report), Leave: ({ payload: { session } }) => Effect.sync(() => coordinator.leave(session)), Ask: ({ payload: { session } }) => coordinator.ask(session), Resize: ({ payload: { session, size } }) => coordinator.resize(session, size), WaitAll: () => coordinator.waitall, Stats: () => coordinator.stats }"
    ],
  "Without a size nobody has a lease, and none are rounded up to none.": [
    "internal/budget.ts Budget write: size ?? 0 becomes size",
    "internal/budget.ts Budget write: 0 becomes 1",
    "internal/budget.ts Budget roundUp: 0 becomes 1"
  ],
  "Without a size nobody has a lease: whether it grows or shrinks then, nobody has to hear of it first.": [
    "internal/coordinator.ts Coordinator resize: this.budget.size ?? 0 becomes this.budget.size",
    "internal/coordinator.ts Coordinator resize: 0 becomes 1"
  ],
  "Fibers happen to start in the order in which they were forked, which Effect doesn't promise.": [
    "internal/job-body.ts runBody: true becomes false"
  ],
  "The value is set before it is read, or is a number that only has to differ from others or to grow.": [
    "internal/budget.ts Budget turns: 0 becomes 1",
    "internal/session.ts Session lastTurn: 0 becomes 1",
    "internal/protocol.ts: 1 becomes 2"
  ],
  "The two are never equal, or equal ones may be in either order.": [
    "internal/job-purge.ts purge before: 0 becomes 1",
    "internal/job-purge.ts purge before: 0 becomes 1 (2)"
  ],
  "A pool that closes waits for the end of the call, whatever that is.": [
    "internal/coordinator.ts Coordinator leave: Effect.ignore(this.persist()) becomes this.persist()"
  ],
  "It is a choice, and nothing is promised that depends on it.": [
    "internal/budget.ts Budget grantUpTo: Math.max(session.peak, session.leased + count) becomes session.leased + count",
    "internal/coordinator.ts: 1000 becomes 1001 (2)",
    "internal/job-body.ts pauses: 100 becomes 101",
    "internal/job-body.ts pauses: 5 becomes 6",
    "internal/job-client.ts: 1000 becomes 1001",
    "internal/job-purge.ts: 500 becomes 501",
    "internal/term.ts Term confirm: 200 becomes 201"
  ]
}
