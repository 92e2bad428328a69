/**
 * What a pool of a cluster does as the core's pools do, and what it does for all members: keys, lending, resizing,
 * `waitall`, closing, what is seen of the budget.
 */
import { expect, it } from "@effect/vitest"
import { GreenPool, InvalidPoolSize, PoolFull, type PoolStats } from "@greenpool/core"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger, References, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { budgetOf, ClusterGreenPool } from "../src/index.ts"
import { Count, member, members, pass, ready, settle, start, test, two } from "./support/cluster.ts"

class Bounded extends GreenPool.Service<Bounded>()("test/Bounded", { maxWaiting: 1 }) {}

class Unbounded extends GreenPool.Service<Unbounded>()("test/Unbounded") {}

it.effect("the key GreenPool works unchanged with its verbs, and keys of Service with the bounds of their type", () =>
  Effect.gen(function*() {
    let runs = 0
    const job = Effect.sync(() => ++runs && 1)
    for (const times of [1, 2]) {
      expect([yield* GreenPool.runIfAvailable(job), runs]).toMatchObject([{ value: 1 }, times])
    }
    const keys = Effect.map(GreenPool.keys, (all) => all.map(({ key }) => key))
    expect(yield* keys.pipe((yield* GreenPool).runIfAvailable({ key: "a" }))).toMatchObject({ value: ["a"] })
    expect(yield* job.pipe(GreenPool.run)).toBe(1)
    expect(yield* Stream.runCollect(GreenPool.imap((n: number) => Effect.succeed(n * n), [1, 2, 3]))).toEqual([1, 4, 9])
    yield* GreenPool.spawnN(job)
    yield* GreenPool.waitall
    yield* GreenPool.resize(5)
    expect(yield* GreenPool.size).toBe(5)

    expect(yield* Unbounded.run(job)).toBe(1)
    for (let i = 0; i < 2; i++) yield* Effect.andThen(Effect.forkChild(Bounded.run(Effect.never)), settle)
    const refused: PoolFull = yield* Effect.flip(Bounded.run(Effect.void)) as Effect.Effect<PoolFull, void, Bounded>
    expect(refused).toBeInstanceOf(PoolFull)
    expect(refused).toMatchObject({ reason: "QueueFull", pool: "bounded", size: 1, waiting: 1 })
  }).pipe(
    Effect.provide([
      ClusterGreenPool.layer({ name: "key", size: 2 }),
      ClusterGreenPool.layerFor(Bounded, { name: "bounded", size: 1, maxWaiting: 1 }),
      ClusterGreenPool.layerFor(Unbounded, { name: "unbounded" })
    ]),
    Effect.provide(ClusterGreenPool.layerTest())
  ))

test("wrong options are errors: a size, bounds without a key for them, adaptive, durations", function*() {
  const name = "wrong"
  const invalid = yield* Effect.flip(Effect.scoped(ClusterGreenPool.make({ name, size: -1 })))
  expect(invalid).toBeInstanceOf(InvalidPoolSize)
  for (
    const [effect, message] of [
      [Layer.build(ClusterGreenPool.layer({ name, maxWaiting: 1 } as never)), "use layerFor"],
      [Layer.build(ClusterGreenPool.layer({ name, maxWait: 1 } as never)), "use layerFor"],
      [ClusterGreenPool.make({ name, adaptive: true } as never), "`adaptive` isn't allowed"],
      [ClusterGreenPool.make({ name, heartbeat: 0 }), "Invalid heartbeat"],
      [ClusterGreenPool.make({ name, grace: Infinity }), "Invalid grace"],
      [ClusterGreenPool.make({ name, onLeaseLost: "ignore" as never }), "Invalid onLeaseLost"],
      [Layer.build(ClusterGreenPool.layerCoordinator({ lease: NaN })), "Invalid lease"],
      [Layer.build(ClusterGreenPool.layerCoordinator({ reclaimAfter: 0 })), "Invalid reclaimAfter"]
    ] as const
  ) {
    const exit = yield* Effect.exit(Effect.scoped(effect as Effect.Effect<unknown, unknown, Scope.Scope>))
    expect(exit).toSatisfy(Exit.hasDies)
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain(message)
  }
  yield* Effect.scoped(ClusterGreenPool.make({ name, adaptive: false }))
})

test("nested jobs borrow at size 1, also while others want the slot (C11)", function*() {
  const deep = Effect.as(Effect.sleep(10), "deep")
  const runs = yield* Effect.forEach(yield* two(1), (pool) => Effect.forkChild(pool.run(pool.run(pool.run(deep)))))
  yield* pass(10, 10)
  for (const run of runs) expect(yield* Fiber.join(run)).toBe("deep")
})

test("when a shrink has returned, no member starts a job until fewer than the new size run in all (C8)", function*() {
  const pools = yield* members(3, 6)
  const count = new Count()
  const gates: Array<Deferred.Deferred<void>> = []
  const job = count.of(Effect.suspend(() => {
    const gate = Deferred.makeUnsafe<void>()
    gates.push(gate)
    return Deferred.await(gate)
  }))
  const end = Effect.suspend(() => Deferred.succeed(gates.shift()!, undefined))
  for (const pool of pools) yield* start(pool, 6, job)
  yield* pass(5, 20)
  expect(count.running).toBe(6)
  yield* pools[0]!.resize(2)
  // In the very next step, and ever after.
  for (let left = 5; left >= 2; left--) {
    yield* Effect.andThen(end, settle)
    expect(count.running).toBe(left)
  }
  yield* Effect.andThen(end, pass(5, 20))
  expect(count.running).toBe(2)
  for (const pool of pools) expect(yield* pool.size).toBe(2)
  yield* pools[1]!.resize(0)
  yield* Effect.andThen(Effect.andThen(end, end), pass(5, 20))
  expect(count.running).toBe(0)
  yield* pools[2]!.resize(4)
  yield* pass(5, 20)
  expect(count.running).toBe(4)
  expect(yield* Effect.flip(pools[0]!.resize(1.5))).toBeInstanceOf(InvalidPoolSize)
  expect(yield* pools[0]!.size).toBe(4)
})

test("waitall waits for the jobs and the callers of all members, and not for what comes later (C9)", function*() {
  const pools = yield* members(3, 2)
  const gates = pools.map(() => Deferred.makeUnsafe<void>())
  for (const [index, pool] of pools.entries()) yield* start(pool, 1, Deferred.await(gates[index]!))
  const idle = yield* Effect.forkChild(pools[0]!.waitall)
  for (const gate of gates) {
    yield* settle
    expect(idle.pollUnsafe()).toBeUndefined()
    yield* Effect.andThen(Deferred.succeed(gate, undefined), pass(25))
  }
  expect(idle.pollUnsafe()?._tag).toBe("Success")
  // Reusable, and it keeps no member from going on.
  yield* pools[1]!.run(Effect.void)
  yield* pools[2]!.waitall
  expect(yield* Effect.exit(pools[0]!.run(pools[0]!.waitall))).toSatisfy(Exit.hasDies)
})

for (const [onClose, meanwhile, end] of [["interrupt", 2, "Failure"], ["drain", 0, "Success"]] as const) {
  test(`a member that closes by ${onClose} gives back what it has when its jobs have ended (C18)`, function*() {
    const other = yield* member({ size: 2 })
    const scope = yield* Scope.make()
    const pool = yield* Scope.provide(member({ size: 2, onClose }), scope)
    const gate = yield* Deferred.make<void>()
    const jobs = yield* start(pool, 2, Deferred.await(gate))
    yield* start(other, 2)
    const close = yield* Effect.forkChild(Scope.close(scope, Exit.void))
    // For many leases.
    yield* pass(1000, 40)
    expect(yield* other.running).toBe(meanwhile)
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    for (const job of jobs) expect(job.pollUnsafe()?._tag).toBe(end)
    yield* Fiber.join(close)
    yield* settle
    expect(yield* other.running).toBe(2)
    // As on the core's pools.
    for (const use of [pool.run(Effect.void), pool.resize(1), pool.waitall, pool.clusterStats]) {
      expect(yield* Effect.exit<unknown, unknown, never>(use)).toSatisfy(Exit.hasInterrupts)
    }
    expect((yield* pool.stats).running).toBe(0)
  })
}

test("a name that is opened with another size has the size of the budget, with one warning (C1)", function*() {
  const warnings: Array<unknown> = []
  const logger = Logger.make(({ fiber, message }) =>
    warnings.push([message, fiber.getRef(References.CurrentLogAnnotations)["pool"]])
  )
  const pools = yield* Effect.forEach([{ size: 5 }, { size: 7 }, {}], (size) => member({ name: "sizes", ...size }))
    .pipe(Effect.provide(Logger.layer([logger])))
  yield* pools[1]!.run(Effect.void)
  yield* pass(3000, 3)
  for (const pool of pools) expect(yield* pool.size).toBe(5)
  expect(warnings.length).toBe(1)
  expect(String(warnings[0])).toMatch(/"sizes".*size 7.*size 5.*sizes$/)
})

test("clusterStats gives what was last heard of a member that doesn't answer in a second (C10)", function*() {
  const pool = yield* member({ size: 3 })
  yield* start(pool, 1)
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
})

test("a budget is shown with the jobs, callers and processes of all its pools, and can be resized", function*() {
  yield* ready
  // One of them has neither jobs nor callers.
  const pools = yield* members(3, 2)
  const budget = budgetOf(pools[0]!)
  const seen: Array<PoolStats> = []
  yield* Effect.forkScoped(Stream.runForEach(budget.changes, (stats) => Effect.sync(() => seen.push(stats))))
  for (const pool of pools.slice(1)) yield* start(pool, 4)
  yield* pass("1 second", 3)
  const soon = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.flatMap(Effect.forkChild(effect), (fiber) => Effect.andThen(pass("1 second"), Fiber.join(fiber)))
  const name = "test (cluster)"
  expect(yield* soon(budget.stats)).toMatchObject({ name, size: 2, running: 2, free: 0, waiting: 6 })
  expect((yield* soon(budget.keys)).map(({ running, waiting }) => [running, waiting])).toEqual([
    [0, 0],
    [2, 2],
    [0, 4]
  ])
  yield* soon(budget.resize(4))
  yield* pass("1 second", 2)
  expect(seen.at(-1)).toMatchObject({ size: 4, running: 4, waiting: 4 })
  // Of which the jobs see nothing: they go on.
  yield* soon(budget.resize(3))
  yield* pass("1 second", 2)
  expect(seen.at(-1)).toMatchObject({ size: 3, running: 4, waiting: 4 })
  // No state is emitted twice.
  expect(new Set(seen.map((state) => JSON.stringify(state))).size).toBe(seen.length)
})
