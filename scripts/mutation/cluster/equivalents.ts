/**
 * The mutants that no test can find, as in those of the core.
 */
export const explained: Readonly<Record<string, ReadonlyArray<string>>> = {
  "It only saves work: without it the same happens, more slowly.": [
    "internal/coordinator.ts Coordinator step: this.budget.next < this.sleepsUntil becomes this.budget.next <= this.sleepsUntil",
    "internal/coordinator.ts Coordinator step: this.budget.next < this.sleepsUntil becomes true",
    "internal/coordinator.ts Coordinator timing: Math.ceil(next - this.now) becomes next - this.now",
    "internal/coordinator.ts Coordinator timing: this.sleepsUntil = next becomes nothing",
    "internal/job-client.ts makeLanes connect: connections.set(sharding, connection) becomes nothing",
    "internal/job-client.ts makeLanes: connections.get(sharding) ?? connect(sharding) becomes connect(sharding)",
    "internal/member.ts Member join: true becomes false",
    "internal/member.ts Member obey: this.isNews becomes true",
    "internal/member.ts Member onDemand: this.isNews becomes true",
    "internal/member.ts Member setSize: return becomes nothing",
    "internal/member.ts Member setSize: size === this.size becomes false",
    "internal/member.ts Member watching: Math.ceil(left) becomes left",
    "node/sqlite.ts layerSqlite: true becomes false",
    "node/timings.ts: false becomes true"
  ],
  "Effect does the same with the value itself: `of` returns it, and an error that the protocol doesn't declare is a defect.":
    [
      "internal/coordinator.ts Coordinator resize: Effect.orDie(this.persist(size)) becomes this.persist(size)",
      "internal/coordinator.ts layer: BudgetEntity.of({ Open: ({ payload: { session, size } }) => coordinator.open(session, size), Report: ({ payload: { sessi … itall, Stats: () => coordinator.stats }) becomes { Open: ({ payload: { session, size } }) => coordinator.open(session, size), Report: ({ payload: { session, term, ...rep … aitall, Stats: () => coordinator.stats }",
      "internal/coordinator.ts layer: Effect.orDie(Term.begin(entityId, settings.lease)) becomes Term.begin(entityId, settings.lease)",
      "internal/member.ts Member make: Effect.fnUntraced(function*( settings: MemberSettings ): Effect.fn.Return<Member, never, Sharding.Sharding | Scope.Scope … context)), (member) => member.leave ) }) becomes function*( settings: MemberSettings ): Effect.fn.Return<Member, never, Sharding.Sharding | Scope.Scope> { const client = …  context)), (member) => member.leave ) }"
    ],
  "Without a size nobody has a lease, and none are rounded up to none.": [
    "internal/budget.ts Budget roundUp: 0 becomes 1",
    "internal/budget.ts Budget write: 0 becomes 1",
    "internal/budget.ts Budget write: size ?? 0 becomes size"
  ],
  "Without a size nobody has a lease: whether it grows or shrinks then, nobody has to hear of it first.": [
    "internal/coordinator.ts Coordinator resize: 0 becomes 1",
    "internal/coordinator.ts Coordinator resize: this.budget.size ?? 0 becomes this.budget.size"
  ],
  "Fibers happen to start in the order in which they were forked, which Effect doesn't promise.": [
    "internal/job-body.ts runBody: true becomes false"
  ],
  "The value is set before it is read, or is a number that only has to differ from others or to grow.": [
    "internal/budget.ts Budget turns: 0 becomes 1",
    "internal/member.ts Member answered: 0 becomes 1",
    "internal/member.ts Member claim: 0 becomes 1",
    "internal/member.ts Member heard: 0 becomes 1",
    "internal/member.ts Member isSizeGiven: false becomes true",
    "internal/member.ts Member lose: 0 becomes 1",
    "internal/member.ts Member mustReport: false becomes true",
    "internal/member.ts Member ownSize: 0 becomes 1",
    "internal/member.ts Member peak: 0 becomes 1",
    "internal/member.ts Member said: 0 becomes 1",
    "internal/member.ts Member size: 0 becomes 1",
    "internal/member.ts Member termNumber: 0 becomes 1",
    "internal/protocol.ts: 1 becomes 2",
    "internal/session.ts Session lastTurn: 0 becomes 1"
  ],
  "The two are never equal, or equal ones may be in either order.": [
    "internal/job-purge.ts purge before: 0 becomes 1",
    "internal/job-purge.ts purge before: 0 becomes 1 (2)"
  ],
  "A pool that closes waits for the end of the call, whatever that is.": [
    "internal/coordinator.ts Coordinator leave: Effect.ignore(this.persist()) becomes this.persist()"
  ],
  "It is a choice, and nothing is promised that depends on it.": [
    "ClusterGreenPool.ts layerTest: 16 becomes 17",
    "internal/budget.ts Budget grantUpTo: Math.max(session.peak, session.leased + count) becomes session.leased + count",
    "internal/coordinator.ts: 1000 becomes 1001 (2)",
    "internal/job-body.ts pauses: 100 becomes 101",
    "internal/job-body.ts pauses: 5 becomes 6",
    "internal/job-client.ts: 1000 becomes 1001",
    "internal/job-purge.ts: 500 becomes 501",
    "internal/member.ts Member watching: 0 becomes 1",
    "internal/term.ts Term confirm: 200 becomes 201",
    "node/processes.ts clientProtocol: 1000 becomes 1001",
    "node/processes.ts clientProtocol: 5500 becomes 5501",
    "node/timings.ts: 1 becomes 2",
    "node/timings.ts: 100 becomes 101",
    "node/timings.ts: 1500 becomes 1501",
    "node/timings.ts: 2 becomes 3",
    "node/timings.ts: 500 becomes 501",
    "node/timings.ts: 6 becomes 7"
  ],
  "What is granted in a term only grows, and orders that are late are ignored before.": [
    "internal/member.ts Member obey: Math.max(this.granted, order.granted) becomes order.granted"
  ],
  "The first order, which comes with the first word or with the answer to the first report, says the same.": [
    "internal/member.ts Member hear: 0 becomes 1",
    "internal/member.ts Member hear: this.setSize(word.size) becomes nothing",
    "internal/member.ts Member hear: word.size !== undefined && this.heard === 0 becomes false",
    "internal/member.ts Member hear: word.size !== undefined && this.heard === 0 becomes this.heard === 0"
  ]
}
