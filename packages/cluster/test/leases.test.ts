/**
 * Leases: what becomes of them when a process, the coordinator, or the wire between them fails.
 */
import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import type { CoordinatorOptions } from "../src/index.ts"
import { pass, settle } from "./support/cluster.ts"
import { Cluster, type Wired } from "./support/wire.ts"

/** How many jobs each member runs, over time: each state once, in steps of a tenth of a second. */
const watch = (members: ReadonlyArray<Wired>, seconds: number): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function*() {
    const states: Array<string> = []
    for (let tenth = 0; tenth < seconds * 10; tenth++) {
      const state = (yield* Effect.forEach(members, ({ pool }) => pool.running)).join(" ")
      if (states.at(-1) !== state) states.push(state)
      yield* pass(100)
    }
    return states
  })

/** A cluster with two members. */
const two = Effect.fnUntraced(function*(size: number, options?: CoordinatorOptions) {
  const cluster = yield* Cluster.make(options)
  return { cluster, members: [yield* cluster.member({ size }), yield* cluster.member({ size })] }
})

/** Starts jobs that never end by themselves. */
const occupy = ({ pool }: Wired, jobs: number): Effect.Effect<ReadonlyArray<Fiber.Fiber<never>>> =>
  Effect.tap(
    Effect.forEach(Array.from({ length: jobs }), () => Effect.forkChild(pool.run(Effect.never))),
    () => settle
  )

it.effect("leases of a process that is heard go on for ever, whether it is idle or busy", () =>
  Effect.gen(function*() {
    const cluster = yield* Cluster.make()
    const { pool } = yield* cluster.member({ size: 2 })
    const gate = yield* Deferred.make<void>()
    const jobs = yield* Effect.forkChild(
      Effect.all([pool.run(Deferred.await(gate)), pool.run(Deferred.await(gate))], { concurrency: 2 })
    )
    yield* pass(1000, 60)
    expect(yield* pool.running).toBe(2)
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(jobs)
    const busy = yield* Effect.forkChild(Effect.forever(pool.run(Effect.sleep(100))))
    yield* pass(1000, 30)
    expect(busy.pollUnsafe()).toBeUndefined()
    expect(yield* pool.running).toBe(1)
  }))

it.effect("a process that is cut off stops its jobs before the coordinator gives its slots away (C13, C16)", () =>
  Effect.gen(function*() {
    const cluster = yield* Cluster.make()
    const { pool, wire } = yield* cluster.member({ size: 2 })
    const other = yield* cluster.member({ size: 2 })
    let running = 0
    let most = 0
    const job = Effect.sync(() => most = Math.max(most, ++running)).pipe(
      Effect.andThen(Effect.never),
      // Finalizers may take almost as long as the grace.
      Effect.ensuring(Effect.andThen(Effect.sleep(900), Effect.sync(() => running--)))
    )
    const cutOff = [yield* Effect.forkChild(pool.run(job)), yield* Effect.forkChild(pool.run(job))]
    yield* settle
    const waiting = yield* Effect.forkChild(pool.run(Effect.succeed("served")))
    const late = [yield* Effect.forkChild(other.pool.run(job)), yield* Effect.forkChild(other.pool.run(job))]
    yield* pass(100)
    const runs = [yield* pool.running, yield* other.pool.running]
    wire.cut()
    const steps: Array<string> = []
    for (let tenth = 1; tenth <= 180; tenth++) {
      yield* pass(100)
      const step = `${yield* pool.running} ${yield* other.pool.running}`
      if (steps.at(-1) !== step) steps.push(step)
    }
    const exits = cutOff.map((fiber) => fiber.pollUnsafe())
    const isWaiting = waiting.pollUnsafe() === undefined
    // When it is heard again, it is served.
    wire.mend()
    for (const fiber of late) fiber.interruptUnsafe()
    yield* pass(100, 30)
    expect({ most, runs, steps, isWaiting }).toEqual({
      most: 2,
      runs: [2, 0],
      steps: ["2 0", "0 0", "0 2"],
      isWaiting: true
    })
    expect(exits.every((exit) => exit !== undefined && Exit.hasInterrupts(exit))).toBe(true)
    expect(yield* Fiber.join(waiting)).toBe("served")
  }))

it.effect("a process whose connection has closed has no slots when it doesn't connect again (C14)", () =>
  Effect.gen(function*() {
    const cluster = yield* Cluster.make()
    const dead = yield* cluster.member({ size: 2 })
    const other = yield* cluster.member({ size: 2 })
    yield* occupy(dead, 2)
    yield* occupy(other, 2)
    dead.wire.cut()
    yield* dead.wire.resetThere
    yield* pass(1900)
    expect(yield* other.pool.running).toBe(0)
    yield* pass(100)
    expect(yield* other.pool.running).toBe(2)
    dead.wire.mend()
    yield* pass(1000, 5)
    expect(yield* dead.pool.running).toBe(0)
  }))

it.effect("a process that connects again in time keeps its jobs (C14)", () =>
  Effect.gen(function*() {
    const { members } = yield* two(2)
    yield* occupy(members[0]!, 2)
    yield* occupy(members[1]!, 1)
    // Its own side of the connection closes; the other side closes after the new one has opened.
    const resetThere = yield* members[0]!.wire.resetHere
    yield* pass(100)
    yield* resetThere
    expect(yield* watch(members, 20)).toEqual(["2 0"])
  }))

it.effect("where only the coordinator's side closes, a long reclaimAfter keeps jobs, and a short one stops them", () =>
  Effect.gen(function*() {
    for (
      const { reclaimAfter, states } of [{ reclaimAfter: 15_000, states: ["2 0"] }, {
        reclaimAfter: 2000,
        // Beyond the limit until the next heartbeat.
        states: ["2 0", "2 2", "0 2"]
      }]
    ) {
      const { members } = yield* two(2, { reclaimAfter })
      yield* occupy(members[0]!, 2)
      yield* occupy(members[1]!, 2)
      yield* pass(500)
      yield* members[0]!.wire.resetThere
      expect(yield* watch(members, 20)).toEqual(states)
    }
  }))

it.effect("jobs go on when the coordinator dies, from job to job, and the next one counts what they have (C17)", () =>
  Effect.gen(function*() {
    const { cluster, members } = yield* two(4)
    let running = 0
    let most = 0
    let ended = 0
    const job = Effect.sync(() => most = Math.max(most, ++running)).pipe(
      Effect.andThen(Effect.sleep(100)),
      Effect.ensuring(Effect.sync(() => {
        running--
        ended++
      }))
    )
    for (const { pool } of members) {
      for (let i = 0; i < 1000; i++) yield* Effect.forkChild(pool.run(job))
    }
    yield* pass(100, 10)
    yield* cluster.stop
    const before = ended
    yield* pass(100, 50)
    expect(ended - before).toBeGreaterThan(195)
    yield* cluster.start()
    yield* pass(100, 50)
    expect({ most, running }).toEqual({ most: 4, running: 4 })
    const stats = yield* members[0]!.pool.clusterStats
    expect(stats.term).toMatch(/^2-/)
    expect(stats).toMatchObject({ size: 4, leased: 4 })
  }))

it.effect("a new coordinator hands out what is surely free at once, and the rest when the leases have ended (C17)", () =>
  Effect.gen(function*() {
    const { cluster, members } = yield* two(16)
    yield* occupy(members[0]!, 3)
    yield* members[0]!.pool.resize(8)
    yield* occupy(members[1]!, 8)
    members[0]!.wire.cut()
    yield* cluster.stop
    yield* cluster.start()
    // The size is kept. Three slots may be in use by the one that isn't heard, and its bound is no higher.
    expect(yield* watch(members, 20)).toEqual(["3 5", "0 5", "0 8"])
    expect(yield* members[1]!.pool.size).toBe(8)
  }))

it.effect("nobody starts beyond a size that has shrunk, also when the coordinator dies before all have heard", () =>
  Effect.gen(function*() {
    const { cluster, members } = yield* two(4)
    const jobs = [...yield* occupy(members[0]!, 2), ...yield* occupy(members[1]!, 2)]
    yield* occupy(members[0]!, 4)
    yield* members[0]!.pool.resize(2)
    members[1]!.wire.cut()
    yield* cluster.stop
    yield* cluster.start()
    yield* pass(100)
    jobs[0]!.interruptUnsafe()
    // One of four jobs has ended, and the next one doesn't start.
    expect(yield* watch(members, 10)).toEqual(["1 2"])
  }))

it.effect("a coordinator that was replaced answers nobody (C19)", () =>
  Effect.gen(function*() {
    const { cluster, members } = yield* two(2)
    yield* occupy(members[0]!, 2)
    members[0]!.wire.pin(yield* cluster.current)
    yield* cluster.start()
    yield* occupy(members[1]!, 2)
    expect(yield* watch(members, 20)).toEqual(["2 0", "0 0", "0 2"])
  }))

it.effect("a shorter lease of a new coordinator shortens none that was given", () =>
  Effect.gen(function*() {
    const { cluster, members } = yield* two(2)
    yield* occupy(members[0]!, 2)
    yield* occupy(members[1]!, 2)
    yield* pass(3000)
    yield* cluster.start({ lease: 4000 })
    yield* pass(100)
    expect((yield* members[0]!.pool.clusterStats).members.every(({ running }) => running >= 0)).toBe(true)
    members[0]!.wire.cut()
    yield* pass(1000, 8)
    expect(yield* members[0]!.pool.running).toBe(2)
    expect(yield* watch(members, 12)).toEqual(["2 0", "0 0", "0 2"])
  }))

it.effect("a lease that is shorter than the heartbeat is renewed in time", () =>
  Effect.gen(function*() {
    const cluster = yield* Cluster.make({ lease: 1200 })
    const members = [yield* cluster.member({ size: 2 })]
    yield* occupy(members[0]!, 2)
    expect(yield* watch(members, 10)).toEqual(["2"])
  }))

it.effect("with onLeaseLost: finish, jobs end beyond the limit, and new leases are for them first", () =>
  Effect.gen(function*() {
    const cluster = yield* Cluster.make()
    const gate = yield* Deferred.make<void>()
    const pool = yield* cluster.member({ size: 2, onLeaseLost: "finish" })
    const other = yield* cluster.member({ size: 2 })
    const jobs = [1, 2].map(() => Effect.forkChild(pool.pool.run(Deferred.await(gate))))
    const fibers = yield* Effect.all(jobs)
    yield* settle
    const waiting = yield* Effect.forkChild(pool.pool.run(Effect.never))
    yield* occupy(other, 2)
    pool.wire.cut()
    expect(yield* watch([pool, other], 20)).toEqual(["2 0", "2 2"])
    pool.wire.mend()
    yield* pass(1000, 5)
    expect([yield* pool.pool.running, yield* pool.pool.waiting]).toEqual([2, 1])
    yield* Deferred.succeed(gate, undefined)
    for (const fiber of fibers) yield* Fiber.join(fiber)
    yield* pass(1000, 5)
    expect([yield* pool.pool.running, waiting.pollUnsafe()]).toEqual([0, undefined])
  }))
