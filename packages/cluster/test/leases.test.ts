/** Leases: what becomes of them when a process, the coordinator, or the wire between them fails. */
import { expect, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, flow, Latch, Stream } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import type { ClusterGreenPoolOptions } from "../src/index.ts"
import { milliseconds } from "../src/internal/duration.ts"
import { Term } from "../src/internal/term.ts"
import { toMillis } from "../src/internal/time.ts"
import { Count, pass, running, settle, start } from "./support/cluster.ts"
import { randomOf } from "./support/random.ts"
import { type Cluster, wired } from "./support/wire.ts"

/** Two members of a budget, of which the first has a wire that can be cut. */
const two = Effect.fnUntraced(function*(cluster: Cluster, size: number, options?: Partial<ClusterGreenPoolOptions>) {
  const first = yield* cluster.member({ size, ...options })
  const second = yield* cluster.member({ size })
  const pools = [first.pool, second.pool]
  /** How many jobs each of them runs, over time: each state once. */
  const watch = Effect.fnUntraced(function*(seconds: number) {
    const states: Array<string> = []
    for (let tenth = 0; tenth < seconds * 10; tenth++) {
      const state = (yield* running(pools)).join(" ")
      if (states.at(-1) !== state) states.push(state)
      yield* pass(100)
    }
    return states
  })
  /** Starts jobs that never end by themselves. */
  const occupy = (...jobs: ReadonlyArray<number>) =>
    Effect.map(Effect.forEach(jobs, (count, index) => start(pools[index]!, count)), (fibers) => fibers.flat())
  return { first: first.pool, second: second.pool, wire: first.wire, pools, watch, occupy }
})

/** The clock of the test, but for the clock on the wall, which is so many milliseconds ahead. */
const withWall = Effect.map(Clock.Clock, (clock) => {
  const wall = { ahead: 0 }
  const currentTimeMillisUnsafe = () => clock.currentTimeMillisUnsafe() + wall.ahead
  const currentTimeNanosUnsafe = () => clock.currentTimeNanosUnsafe() + BigInt(wall.ahead) * 1_000_000n
  const set = Effect.provideService(Clock.Clock, {
    ...clock,
    currentTimeMillisUnsafe,
    currentTimeNanosUnsafe,
    currentTimeMillis: Effect.sync(currentTimeMillisUnsafe),
    currentTimeNanos: Effect.sync(currentTimeNanosUnsafe)
  })
  return { set, wall }
})

// One is longer than three heartbeats, and one is shorter than one.
for (const lease of ["15 seconds", 1200] as const) {
  wired(
    `leases of ${lease} (ms) go on as long as the process is heard, whether it is idle or busy`,
    function*(cluster) {
      const { pool } = yield* cluster.member({ size: 2 })
      const gate = yield* Deferred.make<void>()
      const jobs = yield* start(pool, 2, Deferred.await(gate))
      yield* pass(1000, 60)
      expect(yield* pool.running).toBe(2)
      yield* Deferred.succeed(gate, undefined)
      for (const job of jobs) yield* Fiber.join(job)
      const busy = yield* Effect.forkChild(Effect.forever(pool.run(Effect.sleep(100))))
      yield* pass(1000, 30)
      expect([busy.pollUnsafe(), yield* pool.running]).toEqual([undefined, 1])
    },
    { lease }
  )
}

it("durations are milliseconds, and one that isn't finite and above 0 is refused as it was given", () => {
  expect(() => milliseconds("lease", "0 seconds")).toThrow(/^Invalid lease "0 seconds": it is a finite/)
  expect(toMillis(1_500_000n)).toBe(1.5)
})

wired("a process that is cut off stops its jobs before others get its slots (C13, C16)", function*(cluster) {
  const { first, second, watch, wire } = yield* two(cluster, 2)
  const count = new Count()
  // Finalizers may take almost as long as the grace.
  const job = count.of(Effect.ensuring(Effect.never, Effect.sleep(900)))
  const cutOff = yield* start(first, 2, job)
  const [waiting] = yield* start(first, 1, Effect.succeed("served"))
  const late = yield* start(second, 2, job)
  yield* pass(100)
  wire.cut()
  expect(yield* watch(18)).toEqual(["2 0", "0 0", "0 2"])
  expect(waiting!.pollUnsafe()).toBeUndefined()
  // Until then there is nothing to do.
  const before = performance.eventLoopUtilization()
  yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 50)))
  expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.5)
  for (const fiber of cutOff) expect(fiber.pollUnsafe()).toSatisfy(Exit.hasInterrupts)
  // When it is heard again, it is served.
  wire.mend()
  for (const fiber of late) fiber.interruptUnsafe()
  yield* pass(100, 30)
  expect(yield* Fiber.join(waiting!)).toBe("served")
  expect(count.most).toBe(2)
})

wired("an answer that comes when the leases have been given up revives none of them (C13)", function*(cluster) {
  const { first, second, wire } = yield* two(cluster, 2)
  const count = new Count()
  for (const pool of [first, second]) yield* start(pool, 4, count.of(Effect.never))
  yield* pass(100)
  wire.cut()
  yield* pass(100, 143)
  expect(yield* first.running).toBe(0)
  wire.mend()
  yield* pass(100, 50)
  expect(count).toMatchObject({ most: 2, running: 2 })
})

wired("an answer of a new coordinator extends no lease that it hasn't counted (C17)", function*(cluster) {
  const { occupy, watch, wire } = yield* two(cluster, 2)
  yield* occupy(2, 2)
  const { Report } = wire.client
  const cut = Effect.sync(wire.cut)
  Object.assign(wire.client, { Open: () => Stream.never, Report: flow(Report, Effect.tap(cut)) })
  yield* yield* wire.resetHere
  yield* cluster.start()
  expect(yield* watch(20)).toEqual(["2 0", "0 0", "0 2"])
})

wired("a process that connects again in time keeps its jobs (C14)", function*(cluster) {
  const { occupy, watch, wire } = yield* two(cluster, 2)
  yield* occupy(2, 1)
  // Its own side of the connection closes; the other side closes after the new one has opened.
  const resetThere = yield* wire.resetHere
  yield* pass(100)
  yield* resetThere
  expect(yield* watch(20)).toEqual(["2 0"])
})

// With a short one, jobs run beyond the limit until the next heartbeat.
for (
  const [effect, reclaimAfter, ...states] of [["keeps", 15_000, "2 0"], ["stops", 2000, "2 0", "2 2", "0 2"]] as const
) {
  wired(
    `where only the coordinator's side closes, reclaimAfter: ${reclaimAfter} ${effect} jobs (C14)`,
    function*(cluster) {
      const { occupy, watch, wire } = yield* two(cluster, 2)
      yield* occupy(2, 2)
      yield* pass(500)
      yield* wire.resetThere
      expect(yield* watch(20)).toEqual(states)
    },
    { reclaimAfter }
  )
}

wired("jobs go on when the coordinator dies, and the next one counts what they have (C17)", function*(cluster) {
  const { first, second } = yield* two(cluster, 4)
  const count = new Count()
  for (const pool of [first, second]) yield* start(pool, 1000, count.of(Effect.sleep(100)))
  yield* pass(100, 10)
  yield* cluster.stop
  const before = count.ended
  yield* pass(100, 50)
  expect(count.ended - before).toBeGreaterThan(195)
  yield* cluster.start()
  yield* pass(100, 50)
  expect(count).toMatchObject({ most: 4, running: 4 })
  const stats = yield* first.clusterStats
  expect(stats.term).toMatch(/^2-/)
  expect(stats).toMatchObject({ size: 4, leased: 4 })
})

wired("leases end when they would if the clock on the wall were not set on or back (C13)", function*(cluster) {
  const { set, wall } = yield* withWall
  yield* set(cluster.start())
  const { occupy, watch, wire } = yield* set(two(cluster, 1))
  yield* occupy(1)
  yield* occupy(0, 1)
  for (const hours of [1, -1]) {
    wall.ahead = hours * 3_600_000
    expect(yield* watch(20)).toEqual(["1 0"])
  }
  wire.cut()
  wall.ahead = -7_200_000
  expect(yield* watch(20)).toEqual(["1 0", "0 0", "0 1"])
})

wired("a new coordinator hands out what is surely free, and the rest when leases have ended (C17)", function*(cluster) {
  const { first, occupy, second, watch, wire } = yield* two(cluster, 16)
  yield* occupy(3)
  yield* first.resize(8)
  yield* occupy(0, 8)
  wire.cut()
  yield* cluster.stop
  // The lease of those that aren't heard counts from when its term has begun, however long that takes.
  cluster.disk.access = Effect.sleep(1000)
  const began = yield* Effect.forkChild(cluster.start({ lease: 18_000 }))
  yield* pass(1000, 2)
  yield* Fiber.join(began)
  cluster.disk.access = Effect.void
  yield* pass(100)
  const stats = yield* Effect.forkChild(second.clusterStats)
  // The size is kept. Three slots are in use by the one that isn't heard; it may have six by what is written.
  expect(yield* watch(18)).toEqual(["3 5", "0 5"])
  expect(yield* watch(1)).toEqual(["0 5", "0 8"])
  expect(yield* second.size).toBe(8)
  expect((yield* Fiber.join(stats)).leased).toBe(6 + 5)
})

wired("nobody starts beyond a size that has shrunk, also when the coordinator dies meanwhile", function*(cluster) {
  const { occupy, second, watch, wire } = yield* two(cluster, 4)
  const jobs = yield* occupy(2, 2)
  yield* occupy(0, 4)
  // It returns when all have heard of it.
  wire.cut()
  const shrink = yield* Effect.forkChild(second.resize(2))
  yield* pass(100)
  expect(shrink.pollUnsafe()).toBeUndefined()
  wire.mend()
  yield* Fiber.join(shrink)
  wire.cut()
  yield* cluster.stop
  yield* cluster.start()
  yield* pass(100)
  jobs[3]!.interruptUnsafe()
  // One of four jobs has ended, and the next one doesn't start.
  expect(yield* watch(10)).toEqual(["2 1"])
})

wired(
  "a lease that is to be given back serves nobody, where orders arrive and reports do not (C8)",
  function*(cluster) {
    const { occupy, second, watch, wire } = yield* two(cluster, 4)
    const [job, next] = yield* occupy(2, 2)
    yield* occupy(2)
    yield* second.resize(2)
    // The report of the job's end is never answered, so that of the next one isn't sent.
    Object.assign(wire.client, { Report: () => Effect.never })
    job!.interruptUnsafe()
    yield* pass(100)
    next!.interruptUnsafe()
    yield* pass(100)
    // One that doesn't answer within a second is shown as it was last heard (C10).
    const stats = yield* Effect.forkChild(second.clusterStats)
    expect(yield* watch(1)).toEqual(["0 2"])
    expect(stats.pollUnsafe()).toMatchObject({ _tag: "Success", value: { size: 2, leased: 4, running: 4 } })
  }
)

/** A store of which each call first waits for this. */
const delayed = (store: KeyValueStore.KeyValueStore, wait: Effect.Effect<void, KeyValueStore.KeyValueStoreError>) => ({
  ...store,
  get: (key: string) => Effect.andThen(wait, store.get(key)),
  set: (key: string, value: string | Uint8Array) => Effect.andThen(wait, store.set(key, value)),
  remove: (key: string) => Effect.andThen(wait, store.remove(key)),
  keys: Effect.andThen(wait, store.keys)
})

it.effect("of terms that begin at the same time, each that may grant leaves what it has written (C17, C19)", () =>
  Effect.gen(function*() {
    const below = randomOf(1)
    const memory = yield* KeyValueStore.KeyValueStore
    // Now and then a call takes longer than all others together.
    const wait = Effect.suspend(() => Effect.repeat(Effect.yieldNow, { times: below(6) === 0 ? 60 : below(4) }))
    const begin = (store: KeyValueStore.KeyValueStore) =>
      Effect.provideService(Term.begin("a", 1000), KeyValueStore.KeyValueStore, store)
    for (let round = 0; round < 200; round++) {
      yield* memory.clear
      yield* (yield* begin(memory)).write({ size: 4, isOver: false, bounds: { before: 1 } })
      const expected: Record<string, number> = { before: 1 }
      const contender = (name: string) =>
        Effect.gen(function*() {
          const term = yield* begin(delayed(memory, wait))
          yield* term.write({ ...term.inherited, bounds: { ...term.inherited.bounds, [name]: 1 } })
          expected[name] = 1
        })
      const fibers = [yield* Effect.forkChild(contender("one")), yield* Effect.forkChild(contender("other"))]
      yield* Effect.repeat(Effect.yieldNow, { times: 500 })
      const { inherited } = yield* begin(memory)
      expect([round, inherited.bounds]).toMatchObject([round, expected])
      // A call of one that has been replaced doesn't end. None fails.
      const exits = fibers.flatMap((fiber) => fiber.pollUnsafe()?._tag ?? [])
      expect(new Set(exits)).toEqual(new Set(["Success"]))
      yield* Fiber.interruptAll(fibers)
    }
  }).pipe(Effect.provide(KeyValueStore.layerMemory)))

it.effect("a first term takes over nothing, and while its store can't be read it answers nobody (C19)", () =>
  Effect.gen(function*() {
    let read: Effect.Effect<void, KeyValueStore.KeyValueStoreError> = Effect.void
    const store = delayed(yield* KeyValueStore.KeyValueStore, Effect.suspend(() => read))
    yield* TestClock.adjust(1)
    const { set, wall } = yield* withWall
    const term = yield* set(Effect.provideService(Term.begin("a", 3000), KeyValueStore.KeyValueStore, store))
    const inherited = { size: undefined, isOver: false, bounds: {} }
    expect(term).toMatchObject({ number: 1, inherited, inheritedLease: 0 })
    read = Effect.fail(new KeyValueStore.KeyValueStoreError({ method: "get", message: "The disk is gone" }))
    // For a thirtieth of the lease it needs no other look.
    yield* TestClock.adjust(100)
    yield* term.confirm
    yield* TestClock.adjust(1)
    wall.ahead = -3_600_000
    const answer = yield* Effect.forkChild(term.confirm)
    yield* pass(1000)
    expect(answer.pollUnsafe()).toBeUndefined()
    read = Effect.void
    yield* pass(1000)
    expect(answer.pollUnsafe()).toEqual(Exit.void)
    // A look is as old as its start: the second begins another one.
    read = Effect.sleep(101)
    yield* TestClock.adjust(101)
    for (let look = 0; look < 2; look++) {
      const slow = yield* Effect.forkChild(term.confirm)
      yield* settle
      expect(slow.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust(101)
      yield* Fiber.join(slow)
    }
  }).pipe(Effect.provide(KeyValueStore.layerMemory)))

it.effect("a term takes over what all terms before have written, also those that did not end well (C17)", () =>
  Effect.gen(function*() {
    const store = yield* KeyValueStore.KeyValueStore
    const budget = "greenpool/a%2Fb/term"
    yield* store.set(budget, "10-b")
    for (
      const [id, state] of [
        ["10-b", { size: 5, lease: 1000, bounds: { a: 1, b: 3 } }],
        ["9-a", { size: 4, isOver: true, lease: 9000, bounds: { a: 2, c: 1 } }],
        ["11-c", { lease: 500, bounds: { d: 0 } }]
      ] as const
    ) yield* store.set(`${budget}/${id}`, JSON.stringify(state))
    const inherited = { size: 5, isOver: true, bounds: { a: 2, b: 3, c: 1, d: 0 } }
    for (const number of [11, 12]) {
      expect(yield* Term.begin("a/b", 2000)).toMatchObject({ number, inherited, inheritedLease: 9000 })
      // The pointer, and the state of this term.
      expect((yield* store.keys).length).toBe(2)
    }
  }).pipe(Effect.provide(KeyValueStore.layerMemory)))

wired("a size isn't undone by what was to be written before it, and is a defect where it can't be", function*(cluster) {
  const { first, occupy, second } = yield* two(cluster, 2)
  const disk = yield* Latch.make()
  cluster.disk.access = disk.await
  yield* occupy(1)
  cluster.disk.access = Effect.void
  const resize = yield* Effect.forkChild(first.resize(3))
  yield* settle
  expect(resize.pollUnsafe()).toBeUndefined()
  yield* disk.open
  yield* Fiber.join(resize)
  // Other calls are not concerned.
  const idle = yield* Effect.forkChild(second.waitall)
  yield* settle
  cluster.disk.access = Effect.fail(new KeyValueStore.KeyValueStoreError({ method: "set", message: "Full" }))
  expect(yield* Effect.exit(first.resize(4))).toSatisfy(Exit.hasDies)
  yield* settle
  expect(idle.pollUnsafe()).toBeUndefined()
  cluster.disk.access = Effect.void
  yield* cluster.stop
  yield* cluster.start()
  yield* pass(100)
  expect([yield* first.size, yield* second.size]).toEqual([3, 3])
})

wired("a report of an earlier term that reaches the next coordinator counts nothing", function*(cluster) {
  const { occupy, watch } = yield* two(cluster, 4)
  for (const job of (yield* occupy(4)).slice(2)) job.interruptUnsafe()
  yield* occupy(0, 2)
  yield* cluster.stop
  // Each member sends its heartbeat, which waits for a coordinator.
  yield* pass(3000)
  yield* cluster.start()
  yield* pass(100)
  yield* occupy(4)
  expect(yield* watch(5)).toEqual(["2 2"])
})

wired("a coordinator that was replaced answers nobody (C19)", function*(cluster) {
  const { first, occupy, watch, wire } = yield* two(cluster, 2, { grace: 1 })
  yield* occupy(2)
  wire.pin(yield* cluster.current)
  // What the one before has told a member counts, not what the new one would.
  yield* cluster.start({ lease: 4000 })
  yield* occupy(0, 2)
  // For a moment it hasn't looked whether it was replaced, and still answers.
  yield* pass(400)
  yield* Effect.forkChild(first.clusterStats)
  expect(yield* watch(20)).toEqual(["2 0", "0 0", "0 2"])
})

wired("waitall waits for callers that are in line where nobody has heard of it (C9)", function*(cluster) {
  const { first, second, wire } = yield* two(cluster, 1)
  yield* second.resize(0)
  wire.cut()
  const [caller] = yield* start(first, 1, Effect.void)
  const idle = yield* Effect.forkChild(second.waitall)
  for (const change of [Effect.sync(wire.mend), second.resize(1)]) {
    yield* pass(100)
    expect(idle.pollUnsafe()).toBeUndefined()
    yield* change
  }
  yield* Fiber.join(idle)
  expect(caller!.pollUnsafe()?._tag).toBe("Success")
})

wired("a shorter lease of a new coordinator shortens none that was given", function*(cluster) {
  const { first, occupy, watch, wire } = yield* two(cluster, 2)
  yield* occupy(2, 2)
  yield* pass(3000)
  yield* cluster.start({ lease: 4000 })
  yield* pass(100)
  expect((yield* first.clusterStats).members.every(({ running }) => running >= 0)).toBe(true)
  wire.cut()
  yield* pass(1000, 12)
  expect(yield* watch(12)).toEqual(["2 0", "0 0", "0 2"])
})

wired("with onLeaseLost: finish, jobs end beyond the limit, and new leases are for them first", function*(cluster) {
  const { first, occupy, watch, wire } = yield* two(cluster, 2, { onLeaseLost: "finish" })
  const gate = yield* Deferred.make<void>()
  const jobs = yield* start(first, 2, Deferred.await(gate))
  const [waiting] = yield* occupy(1, 2)
  wire.cut()
  expect(yield* watch(20)).toEqual(["2 0", "2 2"])
  wire.mend()
  yield* pass(1000, 5)
  expect([yield* first.running, yield* first.waiting]).toEqual([2, 1])
  yield* Deferred.succeed(gate, undefined)
  for (const job of jobs) yield* Fiber.join(job)
  yield* pass(1000, 5)
  expect([yield* first.running, waiting!.pollUnsafe()]).toEqual([0, undefined])
})
