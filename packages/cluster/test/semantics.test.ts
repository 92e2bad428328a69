/**
 * What a pool of a cluster does as the core's pools do, and what it does for all members: keys, lending, resizing,
 * `waitall`, closing.
 */
import { expect, it } from "@effect/vitest"
import { GreenPool, InvalidPoolSize, PoolFull } from "@greenpool/core"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, References, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ClusterGreenPool, type ClusterPool } from "../src/index.ts"
import { member, pass, ready, settle } from "./support/cluster.ts"

const live = Effect.provide(ClusterGreenPool.layerTest())

class Bounded extends GreenPool.Service<Bounded>()("test/Bounded", { maxWaiting: 1 }) {}

class Unbounded extends GreenPool.Service<Unbounded>()("test/Unbounded") {}

it.effect("the key GreenPool works unchanged, with all of its verbs", () =>
  Effect.gen(function*() {
    const job = Effect.succeed(1)
    expect(yield* job.pipe(GreenPool.run)).toBe(1)
    expect(yield* Stream.runCollect(GreenPool.imap((n: number) => Effect.succeed(n * n), [1, 2, 3]))).toEqual([1, 4, 9])
    expect((yield* GreenPool.runIfAvailable(job))._tag).toBe("Some")
    yield* GreenPool.spawnN(job)
    yield* GreenPool.waitall
    yield* GreenPool.resize(5)
    expect(yield* GreenPool.size).toBe(5)
  }).pipe(Effect.provide(ClusterGreenPool.layer({ name: "key", size: 2 })), live))

it.effect("keys of Service have the bounds of their type", () =>
  Effect.gen(function*() {
    yield* ready
    expect(yield* Unbounded.run(Effect.succeed(1))).toBe(1)
    for (let i = 0; i < 2; i++) {
      yield* Effect.forkChild(Bounded.run(Effect.never))
      yield* settle
    }
    const refused: PoolFull = yield* Effect.flip(Bounded.run(Effect.void)) as Effect.Effect<PoolFull, void, Bounded>
    expect(refused).toBeInstanceOf(PoolFull)
    expect(refused).toMatchObject({ reason: "QueueFull", pool: "bounded", size: 1, waiting: 1 })
  }).pipe(
    Effect.provide([
      ClusterGreenPool.layerFor(Bounded, { name: "bounded", size: 1, maxWaiting: 1 }),
      ClusterGreenPool.layerFor(Unbounded, { name: "unbounded" })
    ]),
    live
  ))

it.effect("wrong options are errors: a size, bounds without a key for them, adaptive, durations", () =>
  Effect.gen(function*() {
    const invalid = yield* Effect.flip(Effect.scoped(ClusterGreenPool.make({ name: "wrong", size: -1 })))
    expect(invalid).toBeInstanceOf(InvalidPoolSize)
    const defects = [
      Layer.build(ClusterGreenPool.layer({ name: "wrong", maxWaiting: 1 } as never)),
      ClusterGreenPool.make({ name: "wrong", adaptive: true } as never),
      ClusterGreenPool.make({ name: "wrong", heartbeat: 0 }),
      ClusterGreenPool.make({ name: "wrong", grace: Infinity }),
      ClusterGreenPool.make({ name: "wrong", onLeaseLost: "ignore" as never }),
      Layer.build(ClusterGreenPool.layerCoordinator({ lease: NaN }) as Layer.Layer<never>)
    ]
    for (const effect of defects) {
      const exit = yield* Effect.exit(Effect.scoped(effect as Effect.Effect<unknown, unknown, Scope.Scope>))
      expect(Exit.isFailure(exit) && Exit.hasDies(exit)).toBe(true)
    }
  }).pipe(live))

it.effect("nested jobs borrow at size 1, also while others want the slot (C11)", () =>
  Effect.gen(function*() {
    const pools = [yield* member({ size: 1 }), yield* member({ size: 1 })]
    const nested = (pool: ClusterPool) => pool.run(pool.run(pool.run(Effect.as(Effect.sleep(10), "deep"))))
    const runs = yield* Effect.forEach(pools, (pool) => Effect.forkChild(nested(pool)))
    yield* pass(10, 10)
    for (const run of runs) expect(yield* Fiber.join(run)).toBe("deep")
  }).pipe(live))

it.effect("when a shrink has returned, no member starts a job beyond the new size, until fewer run in all (C8)", () =>
  Effect.gen(function*() {
    const pools = yield* Effect.forEach([1, 2, 3], () => member({ size: 6 }))
    let running = 0
    const jobs: Array<Deferred.Deferred<void>> = []
    const start = (pool: ClusterPool) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        yield* Effect.forkChild(pool.run(Effect.suspend(() => {
          running++
          jobs.push(gate)
          return Effect.ensuring(Deferred.await(gate), Effect.sync(() => running--))
        })))
      })
    for (const pool of pools) yield* Effect.forEach([1, 2, 3, 4, 5, 6], () => start(pool))
    yield* pass(5, 20)
    expect(running).toBe(6)
    yield* pools[0]!.resize(2)
    // In the very next step, and ever after.
    for (let left = 5; left >= 2; left--) {
      yield* Deferred.succeed(jobs.shift()!, undefined)
      yield* settle
      expect(running).toBe(left)
    }
    yield* Deferred.succeed(jobs.shift()!, undefined)
    yield* pass(5, 20)
    expect(running).toBe(2)
    for (const pool of pools) expect(yield* pool.size).toBe(2)
    yield* pools[1]!.resize(0)
    for (const gate of jobs.splice(0)) yield* Deferred.succeed(gate, undefined)
    yield* pass(5, 20)
    expect(running).toBe(0)
    yield* pools[2]!.resize(4)
    yield* pass(5, 20)
    expect(running).toBe(4)
    expect(yield* Effect.flip(pools[0]!.resize(1.5))).toBeInstanceOf(InvalidPoolSize)
    expect(yield* pools[0]!.size).toBe(4)
  }).pipe(live))

it.effect("after a shrink a share is no right to start while jobs of others run beyond the size (C8)", () =>
  Effect.gen(function*() {
    const pools = [yield* member({ size: 4 }), yield* member({ size: 4 })]
    const gates = yield* Effect.forEach([1, 2], () => Deferred.make<void>())
    yield* Effect.forEach(gates, (gate) => Effect.forkChild(pools[0]!.run(Deferred.await(gate))))
    yield* Effect.forEach([1, 2], () => Effect.forkChild(pools[1]!.run(Effect.never)))
    yield* settle
    yield* Effect.forkChild(pools[0]!.run(Effect.never))
    yield* settle
    yield* pools[1]!.resize(2)
    for (const gate of gates) {
      yield* Deferred.succeed(gate, undefined)
      yield* pass(25)
    }
    expect(yield* Effect.forEach(pools, (pool) => pool.running)).toEqual([0, 2])
    expect(yield* pools[0]!.waiting).toBe(1)
  }).pipe(live))

it.effect("waitall waits for the jobs and the callers of all members, and not for what comes later (C9)", () =>
  Effect.gen(function*() {
    const pools = yield* Effect.forEach([1, 2, 3], () => member({ size: 2 }))
    const gates = yield* Effect.forEach([1, 2, 3], () => Deferred.make<void>())
    for (const [index, pool] of pools.entries()) yield* Effect.forkChild(pool.run(Deferred.await(gates[index]!)))
    yield* settle
    const idle = yield* Effect.forkChild(pools[0]!.waitall)
    for (const gate of gates) {
      yield* settle
      expect(idle.pollUnsafe()).toBeUndefined()
      yield* Deferred.succeed(gate, undefined)
      yield* pass(25)
    }
    yield* settle
    expect(idle.pollUnsafe()?._tag).toBe("Success")
    // Reusable, and it keeps no member from going on.
    yield* pools[1]!.run(Effect.void)
    yield* pools[2]!.waitall
    const inside = yield* Effect.exit(pools[0]!.run(pools[0]!.waitall))
    expect(Exit.hasDies(inside)).toBe(true)
  }).pipe(live))

it.effect("a member that closes gives everything back at once, and one that drains when its jobs have ended (C18)", () =>
  Effect.gen(function*() {
    const other = yield* member({ size: 2 })
    for (const onClose of ["interrupt", "drain"] as const) {
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(member({ size: 2, onClose }), scope)
      const gate = yield* Deferred.make<void>()
      const jobs = yield* Effect.forEach([1, 2], () => Effect.forkChild(pool.run(Deferred.await(gate))))
      yield* settle
      const waiting = yield* Effect.forEach([1, 2], () => Effect.forkChild(other.run(Effect.never)))
      yield* settle
      const close = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      // For many leases.
      yield* pass(1000, 40)
      expect(yield* other.running).toBe(onClose === "drain" ? 0 : 2)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      for (const job of jobs) expect((yield* Fiber.await(job))._tag).toBe(onClose === "drain" ? "Success" : "Failure")
      yield* Fiber.join(close)
      yield* settle
      expect(yield* other.running).toBe(2)
      for (const fiber of waiting) yield* Fiber.interrupt(fiber)
      // As on the core's pools.
      for (const use of [pool.run(Effect.void), pool.resize(1), pool.waitall, pool.clusterStats]) {
        expect(Exit.hasInterrupts(yield* Effect.exit(Effect.asVoid(use)))).toBe(true)
      }
      expect((yield* pool.stats).running).toBe(0)
    }
  }).pipe(live))

it.effect("a name that is opened with another size has the size of the budget, with one warning (C1)", () =>
  Effect.gen(function*() {
    const warnings: Array<unknown> = []
    const logger = Logger.make(({ fiber, message }) =>
      warnings.push([message, fiber.getRef(References.CurrentLogAnnotations)["pool"]])
    )
    const open = (size?: number) =>
      Effect.provide(member({ name: "sizes", ...size === undefined ? {} : { size } }), Logger.layer([logger]))
    const first = yield* open(5)
    const second = yield* open(7)
    const third = yield* open()
    yield* second.run(Effect.void)
    yield* pass(3000, 3)
    for (const pool of [first, second, third]) expect(yield* pool.size).toBe(5)
    expect(warnings.length).toBe(1)
    expect(String(warnings[0])).toMatch(/"sizes".*size 7.*size 5.*sizes$/)
  }).pipe(live))

it.effect("interrupting callers at any time loses no slot", () =>
  Effect.gen(function*() {
    const pools = [yield* member({ size: 2 }), yield* member({ size: 2 })]
    for (let turns = 0; turns < 12; turns++) {
      const fibers = yield* Effect.forEach(
        [0, 1, 0, 1, 0, 1],
        (index) => Effect.forkChild(pools[index]!.run(Effect.sleep(5)))
      )
      for (let turn = 0; turn < turns; turn++) yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
      for (const fiber of fibers) yield* Fiber.interrupt(fiber)
      const available = yield* Effect.forkChild(pools[0]!.runIfAvailable(Effect.void))
      yield* Fiber.interrupt(available)
    }
    yield* pass(25, 4)
    const stats = yield* pools[0]!.clusterStats
    expect(stats).toMatchObject({ running: 0, waiting: 0 })
    yield* Effect.forEach(pools, (pool) => pool.waitall)
    expect((yield* pools[0]!.clusterStats).leased).toBe(0)
    const run = yield* Effect.forkChild(Effect.all([pools[0]!.run(Effect.never), pools[0]!.run(Effect.never)], {
      concurrency: 2
    }))
    yield* settle
    expect(yield* pools[0]!.running).toBe(2)
    yield* Fiber.interrupt(run)
  }).pipe(live))

it.effect("clusterStats gives what was last heard of a member that doesn't answer in a second (C10)", () =>
  Effect.gen(function*() {
    const pool = yield* member({ size: 3 })
    yield* Effect.forkChild(pool.run(Effect.never))
    yield* settle
    const stats = yield* Effect.forkChild(pool.clusterStats)
    yield* settle
    yield* TestClock.adjust(1000)
    expect(yield* Fiber.join(stats)).toMatchObject({
      name: "test",
      runner: "localhost:34431",
      size: 3,
      running: 1,
      waiting: 0,
      members: [{ running: 1, waiting: 0 }]
    })
  }).pipe(live))
