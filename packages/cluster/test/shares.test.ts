/** Shares: what each member gets when more is wanted than there is, and who has to wait. */
import { expect, vi } from "@effect/vitest"
import { Deferred, Effect, Fiber, Latch, Stream } from "effect"
import { KeyValueStore } from "effect/persistence"
import type { ClusterPool } from "../src/index.ts"
import { Budget } from "../src/internal/budget.ts"
import { Count, member, members, pass, running, settle, start, test, three, two } from "./support/cluster.ts"
import { wired } from "./support/wire.ts"

/** Callers that run one job after the other, and how many have ended. */
const work = (pool: ClusterPool, callers: number, milliseconds: number) => {
  const count = new Count()
  const caller = Effect.forever(pool.run(count.of(Effect.sleep(milliseconds))))
  return Effect.as(
    Effect.andThen(Effect.forEach(Array.from({ length: callers }), () => Effect.forkChild(caller)), settle),
    count
  )
}

test("a late member gets its share of a budget that a greedy one has, as jobs end (C3, C4)", function*() {
  const pools = [yield* member({ size: 8 })]
  yield* work(pools[0]!, 1000, 100)
  yield* pass(100, 3)
  for (const callers of [1000, 1]) {
    pools.push(yield* member({ size: 8 }))
    yield* work(pools.at(-1)!, callers, 100)
  }
  yield* pass(50, 6)
  // One for the modest member, and three each for the others: the eighth goes round.
  const [greedy, late, modest] = yield* running(pools)
  expect([modest, ...[greedy, late].toSorted()]).toEqual([1, 3, 4])
})

test("at size 1 three members take turns, whatever the length of their jobs (C3)", function*() {
  for (const milliseconds of [5, 20, 75]) {
    const pools = yield* members(3, 1, `turns of ${milliseconds}`)
    const counts = yield* Effect.forEach(pools, (pool) => work(pool, 3, milliseconds))
    yield* pass(5, 240)
    const jobs = counts.map(({ ended }) => ended)
    expect(Math.max(...jobs) - Math.min(...jobs)).toBeLessThanOrEqual(Math.ceil(30 / milliseconds) + 1)
    // The slot is hardly ever idle.
    expect(jobs.reduce((total, one) => total + one, 0) * milliseconds).toBeGreaterThan(1000)
  }
})

test("within a member the order is strict (C3)", function*() {
  const orders = (yield* members(2, 2)).map((pool) => ({ pool, order: new Array<number>() }))
  for (let i = 0; i < 20; i++) {
    for (const { order, pool } of orders) {
      yield* Effect.forkChild(pool.run(Effect.andThen(Effect.sync(() => order.push(i)), Effect.sleep(7))))
    }
  }
  yield* pass(5, 60)
  for (const { order } of orders) expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i))
})

test("slots that nobody uses are taken back at once, for any kind of caller (C4, C5, C7)", function*() {
  const [idle, other, third] = yield* three(2)
  const gate = yield* Latch.make()
  yield* Effect.forEach([Effect.void, Effect.yieldNow], idle.run, { concurrency: 2 })
  expect(yield* idle.leased).toBe(2)
  // Two that ask at the same time get one each.
  for (
    const slot of yield* Effect.all([other, third].map((pool) => pool.spawnIfAvailable(gate.await)), { concurrency: 2 })
  ) {
    expect(slot._tag).toBe("Some")
  }
  yield* gate.open
  const [run] = yield* start(other, 1, Effect.succeed(2))
  expect(yield* Fiber.join(run!)).toBe(2)
  expect((yield* idle.leased) + (yield* other.leased)).toBeLessThanOrEqual(2)
})

test("…IfAvailable never waits for a job, and takes no place of who waits (C7)", function*() {
  const [first, second] = yield* two(2)
  const isRefused = Effect.map(first.runIfAvailable(Effect.void), ({ _tag }) => _tag === "None")
  yield* first.run(Effect.void)
  const busy = yield* first.spawn(Effect.never)
  expect((yield* second.spawnIfAvailable(Effect.never))._tag).toBe("Some")
  expect((yield* second.runIfAvailable(Effect.void))._tag).toBe("None")
  expect(yield* isRefused).toBe(true)
  const [waiting] = yield* start(second, 1)
  yield* Fiber.interrupt(busy)
  // Until it is given back, the slot is this member's.
  yield* settle
  expect(yield* isRefused).toBe(true)
  expect(waiting!.pollUnsafe()).toBeUndefined()
  expect(yield* second.running).toBe(2)
  // Data-last, with options.
  expect((yield* Effect.void.pipe(first.runIfAvailable({ key: "a" })))._tag).toBe("None")
})

wired("a slot is granted when that is written, and nobody looks for that meanwhile", function*(cluster) {
  const disk = yield* Latch.make()
  cluster.disk.access = disk.await
  const { pool } = yield* cluster.member({ size: 2 })
  using asks = vi.spyOn(Budget.prototype, "grantIfFree")
  const asked = yield* Effect.forkChild(pool.spawnIfAvailable(Effect.never))
  yield* pass(1000)
  expect([asked.pollUnsafe(), asks.mock.calls.length]).toEqual([undefined, 1])
  cluster.disk.access = Effect.fail(
    new KeyValueStore.KeyValueStoreError({ method: "set", message: "The disk is full" })
  )
  yield* disk.open
  yield* pass(100)
  expect(yield* Fiber.join(asked)).toMatchObject({ _tag: "Some" })
  const [run] = yield* start(pool, 1, Effect.void)
  yield* pass(1000, 5)
  expect(run!.pollUnsafe()).toBeUndefined()
  cluster.disk.access = Effect.void
  yield* pass(1000)
  expect(run!.pollUnsafe()?._tag).toBe("Success")
})

wired("what is wanted while something else is being written is written next", function*(cluster) {
  const disk = yield* Latch.make()
  cluster.disk.access = disk.await
  const pools = [(yield* cluster.member({ size: 2 })).pool, (yield* cluster.member({ size: 2 })).pool]
  for (const pool of pools) yield* start(pool, 1)
  yield* disk.open
  yield* settle
  expect(yield* running(pools)).toEqual([1, 1])
})

wired(
  "callers wait for a coordinator, of …IfAvailable at most a heartbeat, behind others never",
  function*(cluster) {
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
    yield* cluster.stop
    const { pool: other, wire } = yield* cluster.member({ size: 2 })
    yield* start(other, 1)
    yield* pass(1000, 20)
    expect([yield* other.running, yield* other.waiting]).toEqual([0, 1])
    const refused = yield* Effect.forkChild(other.runIfAvailable(Effect.void))
    yield* settle
    expect([refused.pollUnsafe()?._tag, wire.sent.length]).toEqual(["Success", 0])
    // The first report is lost.
    const { Report } = wire.client
    let reports = 0
    Object.assign(wire.client, {
      Report: (report: never) => reports++ === 0 ? Effect.fail("lost") : Report(report)
    })
    yield* cluster.start()
    yield* pass(100)
    expect([yield* other.running, yield* other.waiting]).toEqual([1, 0])
  }
)

test("a slot that has not been used for a heartbeat is given back, and none that is in use (C5)", function*() {
  const pool = yield* member({ size: 8 })
  const gate = yield* Deferred.make<void>()
  const jobs = yield* start(pool, 8, Deferred.await(gate))
  yield* Deferred.succeed(gate, undefined)
  yield* Fiber.awaitAll(jobs)
  yield* pass(3000)
  expect(yield* pool.leased).toBe(8)
  yield* start(pool, 1)
  for (let heartbeat = 0; heartbeat < 2; heartbeat++) {
    yield* pass(3000)
    expect(yield* pool.leased).toBe(1)
  }
})

wired("a call that gives up while it waits for answers takes no more warm slots away (C5)", function*({ member }) {
  const [{ pool: first }, { pool: second, wire }] = [yield* member({ size: 1 }), yield* member({ size: 1 })]
  for (const wait of [Effect.timeoutOption(first.waitall, 3000), first.runIfAvailable(Effect.void)]) {
    yield* second.run(Effect.void)
    expect(yield* second.leased).toBe(1)
    wire.cut()
    const call = yield* Effect.forkChild(wait)
    yield* pass(3000)
    expect((yield* Fiber.join(call))._tag).toBe("None")
    wire.mend()
    yield* pass(100)
    yield* second.run(Effect.void)
    yield* settle
    expect(yield* second.leased).toBe(1)
  }
})

wired("a map that is alone has all slots after a few messages (C6, C12)", function*(cluster) {
  const { pool, wire } = yield* cluster.member({ size: 64 })
  const before = wire.sent.length
  yield* Effect.forkChild(Stream.runDrain(pool.imap(() => Effect.never, Array.from({ length: 100 }))))
  yield* settle
  yield* settle
  expect(yield* pool.running).toBe(64)
  expect(wire.sent.length - before).toBeLessThanOrEqual(8)
})

wired("jobs on warm slots start in the same step, and are reported by heartbeats only (C5, C6)", function*(cluster) {
  const { pool, wire } = yield* cluster.member({ size: 4 })
  const many = Effect.forEach(Array.from({ length: 1000 }, () => Effect.yieldNow), pool.run, { concurrency: 10 })
  yield* many
  yield* settle
  const before = wire.sent.length
  const atOnce = yield* Effect.forkChild(pool.run(pool.run(Effect.void)), { startImmediately: true })
  expect(atOnce.pollUnsafe()?._tag).toBe("Success")
  yield* Effect.repeat(Effect.andThen(many, pass(1000)), { times: 5 })
  expect(wire.sent.length - before).toBeLessThanOrEqual(2)
})
