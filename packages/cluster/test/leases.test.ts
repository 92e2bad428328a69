/** Leases: what becomes of them when a process, the coordinator, or the wire between them fails. */
import { expect } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { Count, pass, running, start } from "./support/cluster.ts"
import { type Cluster, wired } from "./support/wire.ts"

/** Two members of a budget, of which the first has a wire that can be cut. */
const two = Effect.fnUntraced(function*(cluster: Cluster, size: number, onLeaseLost?: "finish") {
  const first = yield* cluster.member({ size, onLeaseLost })
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

// One is longer than three heartbeats, and one is shorter than one.
for (const lease of [15_000, 1200]) {
  wired(`leases of ${lease} ms go on as long as the process is heard, whether it is idle or busy`, function*(cluster) {
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
  }, { lease })
}

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
  for (const fiber of cutOff) expect(fiber.pollUnsafe()).toSatisfy(Exit.hasInterrupts)
  // When it is heard again, it is served.
  wire.mend()
  for (const fiber of late) fiber.interruptUnsafe()
  yield* pass(100, 30)
  expect(yield* Fiber.join(waiting!)).toBe("served")
  expect(count.most).toBe(2)
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

wired("a new coordinator hands out what is surely free, and the rest when leases have ended (C17)", function*(cluster) {
  const { first, occupy, second, watch, wire } = yield* two(cluster, 16)
  yield* occupy(3)
  yield* first.resize(8)
  yield* occupy(0, 8)
  wire.cut()
  yield* cluster.stop
  yield* cluster.start()
  // The size is kept. Three slots may be in use by the one that isn't heard, and its bound is no higher.
  expect(yield* watch(20)).toEqual(["3 5", "0 5", "0 8"])
  expect(yield* second.size).toBe(8)
})

wired("nobody starts beyond a size that has shrunk, also when the coordinator dies meanwhile", function*(cluster) {
  const { occupy, second, watch, wire } = yield* two(cluster, 4)
  const jobs = yield* occupy(2, 2)
  yield* occupy(0, 4)
  yield* second.resize(2)
  wire.cut()
  yield* cluster.stop
  yield* cluster.start()
  yield* pass(100)
  jobs[3]!.interruptUnsafe()
  // One of four jobs has ended, and the next one doesn't start.
  expect(yield* watch(10)).toEqual(["2 1"])
})

wired("a coordinator that was replaced answers nobody (C19)", function*(cluster) {
  const { occupy, watch, wire } = yield* two(cluster, 2)
  yield* occupy(2)
  wire.pin(yield* cluster.current)
  yield* cluster.start()
  yield* occupy(0, 2)
  expect(yield* watch(20)).toEqual(["2 0", "0 0", "0 2"])
})

wired("a shorter lease of a new coordinator shortens none that was given", function*(cluster) {
  const { first, occupy, watch, wire } = yield* two(cluster, 2)
  yield* occupy(2, 2)
  yield* pass(3000)
  yield* cluster.start({ lease: 4000 })
  yield* pass(100)
  expect((yield* first.clusterStats).members.every(({ running }) => running >= 0)).toBe(true)
  wire.cut()
  yield* pass(1000, 8)
  expect(yield* watch(12)).toEqual(["2 0", "0 0", "0 2"])
})

wired("with onLeaseLost: finish, jobs end beyond the limit, and new leases are for them first", function*(cluster) {
  const { first, occupy, watch, wire } = yield* two(cluster, 2, "finish")
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
