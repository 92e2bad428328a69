import { describe, expect, it } from "@effect/vitest"
import { type Context, Deferred, Effect, Exit, Fiber, Latch, Stream } from "effect"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { counters, expectEmpty, expectWorking } from "./support/counters.ts"
import { atRest, forkNow, later, makePool, Stage, testEffect, testLive, World } from "./support/index.ts"

/** A pool, and jobs by name. */
const setUp = (size: number) => Effect.map(makePool(size), (pool) => ({ pool, stage: new Stage() }))

const slow = <A>(value: A) => Effect.as(Effect.yieldNow, value)

/** Ways to use the pool inside one of its own jobs, and what they give. */
const nestings: Record<string, (pool: GreenPool, other: GreenPool) => readonly [Effect.Effect<unknown>, unknown]> = {
  "runs nested jobs from its own fiber": (pool) => [pool.run(pool.run(pool.run(Effect.succeed(3)))), 3],
  "runs nested jobs from fibers that it forked": (pool) => [
    Effect.forEach([1, 2, 3, 4, 5], (n) => pool.run(slow(n)), { concurrency: "unbounded" }),
    [1, 2, 3, 4, 5]
  ],
  "spawns nested jobs and joins them": (pool) => [
    Effect.flatMap(pool.spawn(Effect.flatMap(pool.spawn(slow("grandchild")), Fiber.join)), Fiber.join),
    "grandchild"
  ],
  "runs nested jobs that come back through another pool's job": (pool, other) => [
    other.run(pool.run(other.run(Effect.flatMap(pool.spawn(other.run(Effect.succeed("back"))), Fiber.join)))),
    "back"
  ],
  "runs a nested map": (pool) => [
    Stream.runCollect(pool.imap((n) => pool.run(slow(n * 2)), [1, 2, 3, 4])),
    [2, 4, 6, 8]
  ],
  "runs a nested pile": (pool) => [
    Effect.scoped(Effect.gen(function*() {
      const pile = yield* Effect.orDie(GreenPile.make<number>(pool))
      for (const n of [1, 2, 3]) yield* pile.spawn(pool.run(slow(n)))
      return yield* Stream.runCollect(pile.results)
    })),
    [1, 2, 3]
  ]
}

describe.each([1, 2, 3, 1000])("a job of a full pool of size %i", (size) => {
  testEffect.each(Object.entries(nestings))("%s without deadlock", function*([, nesting]) {
    const [pool, other] = [yield* makePool(size), yield* makePool(1)]
    for (let slot = 1; slot < size; slot++) yield* pool.spawn(Effect.never)
    const [job, expected] = nesting(pool, other)
    expect(yield* pool.run(job)).toEqual(expected)
    expect(yield* counters(pool)).toEqual({ free: 1, running: size - 1, waiting: 0, borrowed: 0 })
    yield* expectEmpty(other)
  })
})

testEffect("spawn on a borrowed slot returns after the next borrower in the queue has begun", function*() {
  const pool = yield* makePool(1)
  const gate = yield* Deferred.make<void>()
  const order: Array<string> = []
  const note = (what: string) => Effect.sync(() => order.push(what))
  yield* pool.run(Effect.gen(function*() {
    const spawner = yield* forkNow(Effect.andThen(pool.spawn(Deferred.await(gate)), note("spawner")))
    const waiter = yield* forkNow(pool.run(note("next")))
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.awaitAll([spawner, waiter])
  }))
  expect(order).toEqual(["next", "spawner"])
})

describe("a fiber that has outlived its job", () => {
  testEffect("is outside again after it has used the context of a job that runs", function*() {
    const { pool, stage } = yield* setUp(2)
    const inside = yield* Deferred.make<Context.Context<never>>()
    const tell = Effect.flatMap(Effect.context<never>(), (context) => Deferred.succeed(inside, context))
    yield* pool.spawn(Effect.andThen(tell, stage.job("holder")))
    const orphan = yield* pool.run(Effect.forkDetach(Effect.gen(function*() {
      yield* stage.gate("job ended").await
      yield* pool.run(Effect.void)
      yield* Effect.provideContext(pool.run(Effect.void), yield* Deferred.await(inside))
      yield* pool.waitall
    })))
    yield* stage.finish("job ended")
    yield* atRest
    expect(orphan.pollUnsafe()).toBeUndefined()
    yield* stage.finish("holder")
    yield* Fiber.join(orphan)
  })

  testLive("uses the pool at no cost that grows with the jobs that run", function*() {
    const jobs = 8000
    const time = Effect.fnUntraced(function*(pool: GreenPool) {
      const start = process.cpuUsage()
      for (let job = 0; job < jobs; job++) yield* pool.spawnN(Effect.never)
      const { system, user } = process.cpuUsage(start)
      return user + system
    })
    const gate = yield* Latch.make()
    const daemon = yield* Effect.flatMap(
      makePool(jobs + 1),
      (pool) => pool.run(Effect.forkDetach(Effect.andThen(gate.await, time(pool))))
    )
    const outside = yield* Effect.flatMap(makePool(jobs + 1), time)
    yield* gate.open
    // quadratic would be more than ten times as much
    expect((yield* Fiber.join(daemon)) / outside).toBeLessThan(5)
  })

  testEffect("knows its own jobs, one inside the other, in a context that is older than they are", function*() {
    const pool = yield* makePool(1)
    const old = yield* pool.run(Effect.context<never>())
    const inOld = <A, E>(effect: Effect.Effect<A, E>) => Effect.provideContext(effect, old)
    const nested = (depth: number): Effect.Effect<number> =>
      inOld(depth === 0 ? pool.running : pool.run(Effect.suspend(() => nested(depth - 1))))
    // Its first call in such a context is inside two jobs of its own.
    expect(yield* pool.run(pool.run(inOld(pool.run(pool.running))))).toBe(1)
    for (let round = 0; round < 2; round++) {
      expect(yield* nested(3)).toBe(1)
      expect(yield* pool.run(inOld(Effect.andThen(pool.run(Effect.void), pool.run(pool.running))))).toBe(1)
      expect(Exit.isSuccess(yield* Effect.exit(inOld(pool.waitall)))).toBe(true)
    }
    yield* expectEmpty(pool)
  })
})

const depth = 15_000

type Nest = (pool: GreenPool, below: Effect.Effect<number>) => Effect.Effect<number>

testLive.each<[string, size: number, Nest]>([
  ["run inside run", 1, (pool, below) => pool.run(below)],
  ["run in fibers that jobs fork", 1, (pool, below) => Effect.flatMap(Effect.forkChild(pool.run(below)), Fiber.join)],
  ...[1, 3, depth * 2].map((size): [string, number, Nest] => [
    `spawn inside spawn on a pool of size ${size}`,
    size,
    (pool, below) => Effect.flatMap(pool.spawn(below), Fiber.join)
  ])
])("depth is no limit for %s", function*([, size, nest]) {
  const pool = yield* makePool(size)
  const nested = (level: number): Effect.Effect<number> =>
    level === depth
      ? Effect.succeed(0)
      : Effect.map(nest(pool, Effect.suspend(() => nested(level + 1))), (count) => count + 1)
  expect(yield* nested(0)).toBe(depth)
  yield* pool.waitall
  expect((yield* pool.stats).succeeded).toBe(depth)
  yield* expectEmpty(pool)
})

it("a nested caller whose job ends while it is on its way into the pool borrows nothing of it", () => {
  const operations = 40
  for (let delay = 0; delay < operations; delay++) {
    const world = new World()
    const pool = world.pool(1)
    const stage = new Stage()
    let inside = 0
    let most = 0
    const alone = Effect.acquireUseRelease(
      Effect.sync(() => most = Math.max(most, ++inside)),
      () => Effect.andThen(Effect.yieldNow, Effect.yieldNow),
      () => Effect.sync(() => inside--)
    )
    // Ends the job around it, and yields at some step on its way.
    const caller = Effect.andThen(stage.finish("around"), later(delay, pool.run(alone)))
    world.fork(pool.run(Effect.andThen(Effect.forkDetach(caller), stage.job("around"))), operations)
    world.fork(pool.run(alone))
    world.run()
    expect(most).toBe(1)
    world.get(expectWorking(pool))
    world.close()
  }
})

describe("a map that was begun outside and is read inside a job of a full pool", () => {
  testEffect("has its items and its source inside the job as well", function*() {
    const pool = yield* makePool(1)
    const source = Stream.fromEffectRepeat(pool.run(Effect.succeed("item")))
    const pull = yield* Stream.toPull(pool.imap(Effect.succeed, source))
    for (const read of [pool.run(pull), pull, pool.run(pull)]) expect(yield* read).toEqual(["item"])
  })

  testEffect("goes on behind what a reader outside has read before", function*() {
    const pool = yield* makePool(1)
    const pull = yield* Stream.toPull(pool.imap((item: number) => slow(item), [1, 2, 3]))
    const first = yield* forkNow(pull)
    const second = yield* forkNow(pool.run(Effect.andThen(Fiber.join(first), pull)))
    expect([yield* Fiber.join(first), yield* Fiber.join(second)]).toEqual([[1], [2]])
  })
})
