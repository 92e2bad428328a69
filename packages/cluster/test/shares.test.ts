/**
 * Shares: what each member gets when more is wanted than there is, and who has to wait.
 */
import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { ClusterGreenPool, type ClusterPool } from "../src/index.ts"
import { member, pass, settle } from "./support/cluster.ts"
import { Cluster } from "./support/wire.ts"

/** Callers that run one job after the other, and how many have ended. */
const work = (pool: ClusterPool, callers: number, milliseconds: number) =>
  Effect.gen(function*() {
    const done = { jobs: 0 }
    const job = Effect.andThen(Effect.sleep(milliseconds), Effect.sync(() => done.jobs++))
    for (let i = 0; i < callers; i++) yield* Effect.forkChild(Effect.forever(pool.run(job)))
    yield* settle
    return done
  })

const running = (pools: ReadonlyArray<ClusterPool>) => Effect.forEach(pools, (pool) => pool.running)

it.effect("a late member gets its share of a budget that a greedy one has, as jobs end (C3, C4)", () =>
  Effect.gen(function*() {
    const greedy = yield* member({ size: 8 })
    yield* work(greedy, 1000, 100)
    yield* pass(100, 3)
    const late = yield* member({ size: 8 })
    yield* work(late, 1000, 100)
    const modest = yield* member({ size: 8 })
    yield* work(modest, 1, 100)
    yield* pass(50, 6)
    const [first, second, third] = yield* running([greedy, late, modest])
    // One for the modest member, and three each for the others: the eighth goes round.
    expect(third).toBe(1)
    expect([first, second].toSorted()).toEqual([3, 4])
  }).pipe(Effect.provide(ClusterGreenPool.layerTest())))

it.effect("at size 1 three members take turns, whatever the length of their jobs (C3)", () =>
  Effect.gen(function*() {
    for (const milliseconds of [5, 20, 75]) {
      const pools = yield* Effect.forEach([1, 2, 3], () => member({ size: 1, name: `turns of ${milliseconds}` }))
      const done = yield* Effect.forEach(pools, (pool) => work(pool, 3, milliseconds))
      yield* pass(5, 240)
      const jobs = done.map(({ jobs }) => jobs)
      const sum = jobs.reduce((total, one) => total + one, 0)
      expect(Math.max(...jobs) - Math.min(...jobs)).toBeLessThanOrEqual(Math.ceil(30 / milliseconds) + 1)
      // The slot is hardly ever idle.
      expect(sum * milliseconds).toBeGreaterThan(1000)
    }
  }).pipe(Effect.provide(ClusterGreenPool.layerTest())))

it.effect("ten members share, and all of them together have all slots", () =>
  Effect.gen(function*() {
    const pools = yield* Effect.forEach(Array.from({ length: 10 }), () => member({ size: 25 }))
    const done = yield* Effect.forEach(pools, (pool) => work(pool, 20, 50))
    yield* pass(50, 40)
    expect((yield* running(pools)).toSorted()).toEqual([2, 2, 2, 2, 2, 3, 3, 3, 3, 3])
    const jobs = done.map(({ jobs }) => jobs)
    // 2.5 slots each, 20 jobs a second and slot, but for the start.
    expect(Math.min(...jobs)).toBeGreaterThan(85)
    expect(Math.max(...jobs)).toBeLessThan(115)
  }).pipe(Effect.provide(ClusterGreenPool.layerTest())))

it.effect("within a member the order is strict (C3)", () =>
  Effect.gen(function*() {
    const pools = [yield* member({ size: 2 }), yield* member({ size: 2 })]
    const order: Array<Array<number>> = [[], []]
    for (let i = 0; i < 20; i++) {
      for (const [index, pool] of pools.entries()) {
        yield* Effect.forkChild(pool.run(Effect.andThen(Effect.sync(() => order[index]!.push(i)), Effect.sleep(7))))
      }
    }
    yield* pass(5, 60)
    expect(order).toEqual([1, 2].map(() => Array.from({ length: 20 }, (_, i) => i)))
  }).pipe(Effect.provide(ClusterGreenPool.layerTest())))

it.effect("slots that nobody uses are taken back at once, for any kind of caller (C4, C5, C7)", () =>
  Effect.gen(function*() {
    const idle = yield* member({ size: 2 })
    yield* Effect.forEach([Effect.void, Effect.yieldNow], idle.run, { concurrency: 2 })
    expect(yield* idle.leased).toBe(2)
    const other = yield* member({ size: 2 })
    expect(yield* other.runIfAvailable(Effect.succeed(1))).toMatchObject({ _tag: "Some" })
    const run = yield* Effect.forkChild(other.run(Effect.succeed(2)))
    yield* settle
    expect(yield* Fiber.join(run)).toBe(2)
    const leases = [yield* idle.leased, yield* other.leased]
    expect(leases[0]! + leases[1]!).toBeLessThanOrEqual(2)
  }).pipe(Effect.provide(ClusterGreenPool.layerTest())))

it.effect("…IfAvailable never waits for a job, and takes no place of who waits (C7)", () =>
  Effect.gen(function*() {
    const pools = [yield* member({ size: 2 }), yield* member({ size: 2 })]
    yield* pools[0]!.run(Effect.void)
    const busy = yield* pools[0]!.spawn(Effect.never)
    const fiber = yield* pools[1]!.spawnIfAvailable(Effect.never)
    expect(fiber._tag).toBe("Some")
    expect((yield* pools[1]!.runIfAvailable(Effect.void))._tag).toBe("None")
    expect((yield* pools[0]!.runIfAvailable(Effect.void))._tag).toBe("None")
    const waiting = yield* Effect.forkChild(pools[1]!.run(Effect.never))
    yield* settle
    yield* Fiber.interrupt(busy)
    // Until it is given back, the slot is this member's.
    yield* settle
    expect((yield* pools[0]!.runIfAvailable(Effect.void))._tag).toBe("None")
    expect(waiting.pollUnsafe()).toBeUndefined()
    expect(yield* pools[1]!.running).toBe(2)
    // Data-last, with options.
    expect((yield* Effect.void.pipe(pools[0]!.runIfAvailable({ key: "a" })))._tag).toBe("None")
  }).pipe(Effect.provide(ClusterGreenPool.layerTest())))

it.effect("…IfAvailable waits for a coordinator no longer than a heartbeat", () =>
  Effect.gen(function*() {
    const cluster = yield* Cluster.make()
    yield* cluster.stop
    const { pool } = yield* cluster.member({ size: 2 })
    const asked = yield* Effect.forkChild(pool.runIfAvailable(Effect.void))
    yield* pass(1000, 3)
    expect(yield* Fiber.join(asked)).toMatchObject({ _tag: "None" })
    const found = yield* Effect.forkChild(pool.runIfAvailable(Effect.void))
    yield* settle
    yield* cluster.start()
    yield* pass(100)
    expect(yield* Fiber.join(found)).toMatchObject({ _tag: "Some" })
  }))

it.effect("a slot that has not been used for a heartbeat is given back (C5)", () =>
  Effect.gen(function*() {
    const pool = yield* member({ size: 8 })
    const gate = yield* Deferred.make<void>()
    const jobs = yield* Effect.forkChild(
      Effect.all(Array.from({ length: 8 }, () => pool.run(Deferred.await(gate))), { concurrency: 8 })
    )
    yield* settle
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(jobs)
    expect(yield* pool.leased).toBe(8)
    yield* pass(3000)
    expect(yield* pool.leased).toBe(8)
    yield* pass(3000)
    expect(yield* pool.leased).toBe(0)
  }).pipe(Effect.provide(ClusterGreenPool.layerTest())))

it.effect("a map that is alone has all slots after a few messages (C6, C12)", () =>
  Effect.gen(function*() {
    const cluster = yield* Cluster.make()
    const { pool, wire } = yield* cluster.member({ size: 64 })
    const before = wire.sent.length
    yield* Effect.forkChild(Stream.runDrain(pool.imap(() => Effect.never, Array.from({ length: 100 }))))
    yield* settle
    yield* settle
    expect(yield* pool.running).toBe(64)
    expect(wire.sent.length - before).toBeLessThanOrEqual(8)
  }))

it.effect("jobs on warm slots send no reports but heartbeats (C5, C6)", () =>
  Effect.gen(function*() {
    const cluster = yield* Cluster.make()
    const { pool, wire } = yield* cluster.member({ size: 4 })
    yield* Effect.forEach(Array.from({ length: 1000 }, () => Effect.yieldNow), pool.run, { concurrency: 10 })
    yield* settle
    const before = wire.sent.length
    for (let second = 0; second < 6; second++) {
      yield* Effect.forEach(Array.from({ length: 1000 }, () => Effect.yieldNow), pool.run, { concurrency: 10 })
      yield* pass(1000)
    }
    // What the queue holds beyond the slots may be news once.
    expect(wire.sent.length - before).toBeLessThanOrEqual(4)
  }))
