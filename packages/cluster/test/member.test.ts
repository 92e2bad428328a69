/** A member alone: its times to the millisecond, and what it makes of each word of a coordinator. */
import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Latch, Logger, Option, Queue, Scope, Stream } from "effect"
import { Sharding } from "effect/cluster"
import { ClusterGreenPool, type ClusterGreenPoolOptions, type ClusterPool } from "../src/index.ts"
import type { Word } from "../src/internal/protocol.ts"
import type { Order, Report } from "../src/internal/session.ts"
import { pass, settle, start } from "./support/cluster.ts"
import { wired } from "./support/wire.ts"

for (
  const { grace, heartbeat, lease, stops } of [
    { heartbeat: 3000, stops: 14_000 },
    { grace: 400, heartbeat: 3000, stops: 14_600 },
    { lease: 2400, heartbeat: 600, stops: 1800 }
  ]
) {
  wired(`reports come every ${heartbeat} ms, and jobs stop ${stops} ms after the last that was answered`, function*(
    { member }
  ) {
    const { pool, wire } = yield* member({ size: 1, grace })
    // The first report is answered, too.
    yield* pass(heartbeat)
    expect(wire.sent.length).toBe(2)
    yield* start(pool, 1)
    const reports = wire.sent.length
    yield* pass(heartbeat - 1)
    expect(wire.sent.length).toBe(reports)
    wire.cut()
    // One that isn't answered within a heartbeat is sent again.
    for (const [milliseconds, more] of [[1, 1], [heartbeat + 49, 1], [1, 2]] as const) {
      yield* pass(milliseconds)
      expect(wire.sent.length).toBe(reports + more)
    }
    // However late its answer comes, it is from the sending on that leases last.
    yield* pass(100)
    wire.mend()
    yield* settle
    wire.cut()
    yield* pass(stops - 101)
    expect(yield* pool.running).toBe(1)
    yield* pass(1)
    expect(yield* pool.running).toBe(0)
  }, { lease })
}

wired(
  "2 s after its connection has closed the slots of a process are free, which it learns at its heartbeat",
  function*(
    { member }
  ) {
    const [{ pool, wire }, { pool: other }] = [yield* member({ size: 1 }), yield* member({ size: 1 })]
    yield* start(pool, 1)
    yield* start(other, 1)
    yield* wire.resetThere
    for (const [milliseconds, ...running] of [[1999, 1, 0], [1, 1, 1], [999, 1, 1], [1, 0, 1]] as const) {
      yield* pass(milliseconds)
      expect([yield* pool.running, yield* other.running]).toEqual(running)
    }
  }
)

wired("a call that its coordinator has interrupted is made again, and one that fails is a defect", function*(
  { member }
) {
  const { pool, wire } = yield* member({ size: 1 })
  const { Resize } = wire.client
  let calls = 0
  Object.assign(wire.client, {
    Resize: (payload: never) => calls++ === 0 ? Effect.interrupt : Resize(payload),
    WaitAll: () => Effect.fail("the storage is gone")
  })
  const resize = yield* Effect.forkChild(pool.resize(3))
  yield* pass(49)
  expect([calls, resize.pollUnsafe()]).toEqual([1, undefined])
  yield* pass(1)
  expect([calls, resize.pollUnsafe()?._tag, yield* pool.size]).toEqual([2, "Success", 3])
  expect(yield* Effect.exit(pool.waitall)).toSatisfy(Exit.hasDies)
})

wired("a process that loses its session without any leases is served when it is heard again", function*({ member }) {
  const [cut, reset] = [yield* member({ size: 2 }), yield* member({ size: 2 })]
  cut.wire.cut()
  yield* reset.wire.resetThere
  yield* pass(3000, 4)
  const [early] = yield* start(cut.pool, 1, Effect.void)
  yield* pass(3000)
  cut.wire.mend()
  const [late] = yield* start(reset.pool, 1, Effect.void)
  yield* pass(100)
  expect([early!.pollUnsafe(), late!.pollUnsafe()]).toEqual([Exit.void, Exit.void])
})

wired("a pool that loses leases says how many, and what becomes of its jobs, but not its size again", function*(
  { member }
) {
  const warnings: Array<unknown> = []
  const logger = Logger.make(({ message }) => warnings.push(String(message)))
  const make = (options: Partial<ClusterGreenPoolOptions>) =>
    Effect.provide(member({ size: 3, ...options }), Logger.layer([logger]))
  const [idle, cut, busy] = yield* Effect.all([
    make({ name: "idle" }),
    make({ name: "cut" }),
    make({ name: "busy", onLeaseLost: "finish" })
  ])
  yield* start(cut.pool, 1)
  yield* start(busy.pool, 2)
  yield* idle.pool.resize(4)
  const late = yield* make({ name: "late", size: 5 })
  for (const { wire } of [idle, cut, busy, late]) wire.cut()
  yield* pass(15_000)
  for (const { wire } of [idle, cut, busy, late]) wire.mend()
  yield* pass(100)
  const heard = "the coordinator was not heard in time"
  expect(warnings.toSorted()).toEqual([
    `Pool "busy" has lost its 2 leases: ${heard}. 2 jobs go on beyond the limit; callers in the queue wait`,
    `Pool "cut" has lost its 1 leases: ${heard}. 1 jobs are interrupted; callers in the queue wait`,
    `Pool "late" was opened with size 5, but the budget of that name has size 4, which holds. Change it with resize`
  ])
})

wired("what a pool gives back when it closes is free also for a coordinator that takes over then (C18)", function*(
  cluster
) {
  const scope = yield* Scope.make()
  const { pool, wire } = yield* Scope.provide(cluster.member({ size: 2 }), scope)
  const { pool: other } = yield* cluster.member({ size: 2 })
  const { client } = yield* cluster.current
  Object.assign(wire.client, { Leave: client.Leave })
  yield* start(pool, 2)
  yield* start(other, 2)
  cluster.disk.access = Effect.sleep(100)
  const close = yield* Effect.forkChild(Scope.close(scope, Exit.void))
  yield* Effect.raceFirst(Fiber.join(close), pass(1000))
  yield* cluster.stop
  cluster.disk.access = Effect.void
  yield* cluster.start()
  yield* pass(100, 3)
  expect(yield* other.running).toBe(2)
})

/** A member whose coordinator is the test. */
const faked = Effect.fnUntraced(function*() {
  const words = yield* Queue.unbounded<Word>()
  const reports: Array<Report> = []
  const counts = { asks: 0, resizes: 0 }
  const known = (term: string): Word => ({
    term,
    termNumber: parseInt(term),
    lease: 15_000,
    status: "known",
    connected: true
  })
  const answer = Deferred.makeUnsafe<Word>()
  const client = {
    Open: () => Stream.fromQueue(words),
    Report: ({ session: _, term, ...report }: Report & { readonly session: string; readonly term: string }) =>
      Effect.sync(() => {
        reports.push(report)
        return known(term)
      }),
    Ask: () => {
      counts.asks++
      return Deferred.await(answer)
    },
    Resize: () => Effect.sync(() => counts.resizes++),
    Stats: () => Effect.never,
    Leave: () => Effect.never
  }
  const scope = yield* Scope.make()
  const pool = yield* (ClusterGreenPool.make({ name: "test", size: 4 }) as Effect.Effect<
    ClusterPool,
    never,
    Scope.Scope | Sharding.Sharding
  >).pipe(
    Effect.provideService(Sharding.Sharding, { makeClient: () => Effect.succeed(() => client) } as never),
    Scope.provide(scope)
  )
  /** Says something, and returns what the member has then. */
  const say = (term: string, order?: Omit<Order, "size"> & { readonly size?: number }, more?: Partial<Word>) =>
    Effect.andThen(
      Effect.suspend(() => {
        Queue.offerUnsafe(words, {
          ...known(term),
          ...(order === undefined ? undefined : { order: { size: 4, ...order } }),
          ...more
        })
        return settle
      }),
      state
    )
  /** Leases, jobs, and how many reports there were. */
  const state = Effect.map(Effect.all([pool.leased, pool.running]), (counts) => [...counts, reports.length])
  return { answer, client, counts, known, pool, reports, say, scope, state }
})

it.effect("a member obeys each order once, reports news only, and uses no lease that it has given back", () =>
  Effect.gen(function*() {
    const { pool, reports, say, state } = yield* faked()
    const gate = yield* Deferred.make<void>()
    yield* start(pool, 2)
    yield* start(pool, 1, Deferred.await(gate))
    const [fourth] = yield* start(pool, 1)
    expect(yield* say("1-a", { number: 1, granted: 0, keep: 2, answer: 0 })).toEqual([0, 0, 1])
    // One beyond what may be kept: it is for one job.
    expect(yield* say("1-a", { number: 2, granted: 3, keep: 2, answer: 0 })).toEqual([3, 3, 1])
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    expect([yield* state, reports.at(-1)]).toEqual([
      [2, 2, 2],
      { number: 2, claim: 0, returned: 1, wanted: 3, running: 2, waiting: 1, heard: 2 }
    ])
    fourth!.interruptUnsafe()
    yield* settle
    expect([yield* state, reports.at(-1)?.wanted]).toEqual([[2, 2, 3], 2])
    // What is no news in the end.
    const brief = yield* Effect.forkChild(pool.run(Effect.never), { startImmediately: true })
    brief.interruptUnsafe()
    yield* settle
    expect(yield* state).toEqual([2, 2, 3])
    // One that comes when nobody wants it any more.
    expect(yield* say("1-a", { number: 3, granted: 4, keep: 3, answer: 0 })).toEqual([2, 2, 4])
    for (const number of [3, 2]) {
      expect(yield* say("1-a", { number, granted: 9, keep: 3, answer: 0 })).toEqual([2, 2, 4])
    }
    yield* start(pool, 1)
    expect([yield* state, reports.at(-1)?.wanted]).toEqual([[2, 2, 5], 3])
    // More than the size is no news.
    yield* start(pool, 1)
    yield* start(pool, 5)
    expect([yield* state, reports.at(-1)?.wanted]).toEqual([[2, 2, 6], 4])
    // Of two orders the first wants an answer.
    for (const number of [4, 5]) {
      yield* say("1-a", { number, granted: 4, keep: 0, size: 0, answer: 4 }, { size: 0 })
      expect([yield* state, reports.at(-1)]).toMatchObject([[2, 2, 7], { wanted: 1, running: 2, waiting: 7 }])
    }
    yield* say("1-a", undefined, { size: 9 })
    expect(yield* pool.size).toBe(0)
  }))

it.effect("a member counts anew for each coordinator, and listens to none that was replaced, while it has leases", () =>
  Effect.gen(function*() {
    const { answer, counts, known, pool, reports, say, state } = yield* faked()
    yield* start(pool, 2)
    expect(yield* say("1-a", { number: 1, granted: 4, keep: 3, answer: 0 })).toEqual([2, 2, 1])
    // Two began at the same time, of which one has lost.
    expect(yield* say("1-b")).toEqual([2, 2, 2])
    expect(reports.at(-1)).toMatchObject({ claim: 2, returned: 0, heard: 0 })
    expect(yield* say("1-b", { number: 1, granted: 2, answer: 1 })).toEqual([2, 2, 3])
    expect(reports.at(-1)).toMatchObject({ claim: 2, returned: 0, heard: 1 })
    expect(yield* say("2-c")).toEqual([2, 2, 4])
    expect(yield* say("1-b", { number: 9, granted: 9, answer: 9 })).toEqual([2, 2, 4])
    // It has no leases any more, and the store was lost.
    expect(yield* say("2-c", undefined, { status: "gone" })).toEqual([0, 0, 4])
    yield* pass(50)
    const asked = yield* Effect.forkChild(pool.runIfAvailable(Effect.succeed(1)))
    yield* settle
    expect(counts.asks).toBe(0)
    expect(yield* say("1-d")).toEqual([0, 0, 5])
    expect(counts.asks).toBe(1)
    yield* Deferred.succeed(answer, { ...known("1-d"), order: { number: 1, granted: 4, size: 4, answer: 0 } })
    yield* settle
    expect(asked.pollUnsafe()).toMatchObject({ value: { value: 1 } })
    // A slot that the process has is taken without asking for one.
    expect(yield* pool.runIfAvailable(Effect.succeed(2))).toMatchObject({ value: 2 })
    expect(yield* Effect.map(pool.spawnIfAvailable(Effect.void), Option.isSome)).toBe(true)
    yield* settle
    expect(counts.asks).toBe(1)
    // As many stay as were in use at a time since the last heartbeat.
    for (const [leased, reports] of [[2, 6], [1, 7]] as const) {
      yield* pass(3000)
      yield* pool.run(Effect.void)
      expect(yield* state).toEqual([leased, 0, reports])
    }
  }))

it.effect("what happens while a report is under way is in the next one", () =>
  Effect.gen(function*() {
    const { client, pool, reports, say } = yield* faked()
    const { Report } = client
    const wire = yield* Latch.make()
    Object.assign(client, { Report: (report: never) => Effect.tap(Report(report), () => wire.await) })
    expect(yield* say("1-a", { number: 1, granted: 0, answer: 0 })).toEqual([0, 0, 1])
    for (
      const [happens, next] of [
        [start(pool, 1), { number: 2, wanted: 1, heard: 1 }],
        [say("1-a", { number: 2, granted: 0, answer: 2 }), { number: 3, wanted: 1, heard: 2 }]
      ] as const
    ) {
      yield* happens
      expect(reports.length).toBe(next.number - 1)
      yield* wire.open
      yield* wire.close
      yield* settle
      expect(reports.at(-1)).toMatchObject(next)
    }
  }))

it.effect("leases are extended by the answer to a report, and by nothing else that is said (C13)", () =>
  Effect.gen(function*() {
    const { answer, client, known, pool, say, state } = yield* faked()
    yield* start(pool, 1)
    yield* say("1-a", { number: 1, granted: 1, answer: 0 })
    Object.assign(client, { Report: () => Effect.never })
    yield* pass(13_000)
    yield* Effect.forkChild(pool.runIfAvailable(Effect.void))
    yield* settle
    yield* Deferred.succeed(answer, known("1-a"))
    expect(yield* say("1-a", { number: 2, granted: 1, answer: 0 })).toEqual([1, 1, 1])
    for (const [milliseconds, leased] of [[999, 1], [1, 0]] as const) {
      yield* pass(milliseconds)
      expect(yield* state).toEqual([leased, leased, 1])
    }
  }))

it.effect("what a session that was lost is answered counts nothing for the next one", () =>
  Effect.gen(function*() {
    const { answer, client, known, pool, say, state } = yield* faked()
    const { Report } = client
    // A report and a question are under way when it is lost.
    Object.assign(client, { Report: () => Deferred.await(answer) })
    yield* start(pool, 1)
    expect(yield* say("1-a", { number: 1, granted: 1, answer: 0 })).toEqual([1, 1, 0])
    yield* Effect.forkChild(pool.runIfAvailable(Effect.never))
    yield* settle
    expect(yield* say("1-a", undefined, { status: "gone" })).toEqual([0, 0, 0])
    Object.assign(client, { Report })
    yield* Deferred.succeed(answer, { ...known("1-a"), order: { number: 9, granted: 4, size: 4, answer: 0 } })
    yield* settle
    expect(yield* state).toEqual([0, 0, 0])
    yield* pass(50)
    expect(yield* say("1-a", { number: 1, granted: 2, answer: 0 })).toEqual([2, 0, 1])
  }))

it.effect("a pool that has closed calls and hears nobody, and waits a second for the coordinator to hear of it", () =>
  Effect.gen(function*() {
    const { answer, counts, known, pool, say, scope, state } = yield* faked()
    yield* start(pool, 1)
    expect(yield* say("1-a", { number: 1, granted: 1, answer: 0 })).toEqual([1, 1, 1])
    yield* Effect.forkChild(pool.runIfAvailable(Effect.void))
    const stats = yield* Effect.forkChild(pool.clusterStats)
    yield* settle
    const close = yield* Effect.forkChild(Scope.close(scope, Exit.void))
    yield* settle
    yield* Deferred.succeed(answer, { ...known("1-a"), status: "gone" as const })
    yield* settle
    expect(stats.pollUnsafe()).toSatisfy(Exit.hasInterrupts)
    expect(yield* Effect.exit(pool.resize(1))).toSatisfy(Exit.hasInterrupts)
    expect([yield* state, counts]).toEqual([[1, 0, 1], { asks: 1, resizes: 0 }])
    yield* pass(999)
    expect(close.pollUnsafe()).toBeUndefined()
    yield* pass(1)
    expect(close.pollUnsafe()?._tag).toBe("Success")
  }))
