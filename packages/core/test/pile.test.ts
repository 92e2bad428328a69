import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Option, Scope, Stream } from "effect"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPile, GreenPool, InvalidPoolSize } from "../src/index.ts"
import { counters, expectEmpty } from "./support/counters.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { lengthsAround, openSizes, upTo } from "./support/sizes.ts"
import { until } from "./support/turns.ts"
import { World } from "./support/world.ts"

type Pile = GreenPile<number, string>

/** A pile on a shared pool of this size, in a world of its own. */
const setUp = (size: number) => {
  const world = new World()
  const pool = world.pool(size)
  const scope = Scope.makeUnsafe()
  const makePile = (scope: Scope.Scope): Pile =>
    world.get(Effect.orDie(Effect.provideService(GreenPile.make<number, string>(pool), Scope.Scope, scope)))
  return { world, pool, scope, makePile, pile: makePile(scope), jobs: new MapJobs() }
}

const spawnAll = (pile: Pile, jobs: MapJobs, items: ReadonlyArray<number>): Effect.Effect<void> =>
  Effect.forEach(items, (item) => pile.spawn(jobs.job(item)), { discard: true })

const isInterrupted = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  Exit.hasInterrupts(fiber.pollUnsafe() ?? Exit.void)

describe.each(openSizes)("a pile on a pool of size %i", (size) => {
  it.each(lengthsAround(size))(
    "gives the results in order of spawn, however the jobs end, for %i jobs",
    (length) => {
      const { jobs, pile, pool, world } = setUp(size)
      world.fork(spawnAll(pile, jobs, upTo(length)))
      while (jobs.ended.length < length) {
        world.run()
        jobs.finish(jobs.last)
        world.run()
      }
      for (const item of upTo(length)) expect(world.get(pile.next)).toEqual(Option.some(item))
      expect(world.get(pile.next)).toEqual(Option.none())
      expect(world.get(Stream.runCollect(pile.results))).toEqual([])
      expect(world.get(Stream.runCollect(pile.exits))).toEqual([])
      expect(jobs.most).toBe(Math.min(size, length))
      world.get(expectEmpty(pool))
    }
  )

  it.each<readonly [string, Effect.Effect<number, string>, Exit.Exit<unknown, string>]>([
    ["failure", Effect.fail("no"), Exit.fail("no")],
    ["defect", Effect.die("bug"), Exit.die("bug")],
    ["interruption", Effect.interrupt, Exit.interrupt(expect.anything() as number)]
  ])("gives a %s once, in its place, and goes on with the following one", (_, effect, exit) => {
    const { jobs, pile, world } = setUp(size)
    world.fork(Effect.forEach([jobs.job(0), effect, jobs.job(2)], (job) => pile.spawn(job)))
    jobs.finish(2, 0)
    world.run()
    expect(world.get(pile.next)).toEqual(Option.some(0))
    expect(world.get(Effect.exit(pile.next))).toEqual(exit)
    expect(world.get(pile.next)).toEqual(Option.some(2))
    expect(world.get(pile.next)).toEqual(Option.none())
  })

  it("ends results at the first failure or interruption, and gives the rest when it is run again", () => {
    const { jobs, pile, world } = setUp(size)
    world.fork(Effect.andThen(spawnAll(pile, jobs, upTo(3)), pile.spawn(Effect.interrupt)))
    jobs.fail(1)
    jobs.finish(0, 2)
    const read = () => {
      const values: Array<number> = []
      const exit = world.get(
        Effect.exit(Stream.runForEach(pile.results, (item) => Effect.sync(() => values.push(item))))
      )
      return { values, exit }
    }
    expect(read()).toEqual({ values: [0], exit: Exit.fail("failed 1") })
    expect(read()).toEqual({ values: [2], exit: Exit.interrupt(expect.anything() as number) })
    expect(read()).toEqual({ values: [], exit: Exit.void })
  })

  it("gives all exits with exits, defects and interruptions too, and never fails", () => {
    const { pile, world } = setUp(size)
    world.fork(Effect.forEach(
      [Effect.succeed(0), Effect.fail("1"), Effect.die("2"), Effect.interrupt, Effect.succeed(4)],
      (effect) => pile.spawn(effect)
    ))
    const exits = world.get(Stream.runCollect(pile.exits))
    expect(exits.slice(0, 3)).toEqual([Exit.succeed(0), Exit.fail("1"), Exit.die("2")])
    expect(exits.slice(3).map((exit) => Exit.hasInterrupts(exit))).toEqual([true, false])
    expect(exits[4]).toEqual(Exit.succeed(4))
  })

  it.each(["results", "exits"] as const)(
    "takes one at a time with %s: stopping early leaves the rest",
    (kind) => {
      const { jobs, pile, world } = setUp(size)
      world.fork(spawnAll(pile, jobs, upTo(5)))
      jobs.finish(...upTo(5))
      world.run()
      world.get(Stream.runDrain(Stream.take<unknown, string, never>(pile[kind], 2)))
      expect(world.get(pile.next)).toEqual(Option.some(2))
      expect(world.get(Stream.runHead(Stream.chunks(pile.results)))).toEqual(Option.some([3]))
      expect(world.get(pile.next)).toEqual(Option.some(4))
      expect(world.get(pile.next)).toEqual(Option.none())
    }
  )

  it("serves readers in the order in which they came, each with one result, as soon as it is there", () => {
    const { jobs, pile, world } = setUp(size)
    world.fork(spawnAll(pile, jobs, [0, 1, 2]))
    const readers = upTo(5).map(() => world.fork(pile.next))
    const exits = () => readers.map((reader) => reader.pollUnsafe())
    jobs.finish(2, 1)
    world.run()
    expect(exits()).toEqual(upTo(5).map(() => undefined))
    jobs.finish(0)
    world.run()
    expect(exits()).toEqual(
      [0, 1, 2].map((item) => Exit.succeed(Option.some(item))).concat(
        upTo(2).map(() => Exit.succeed(Option.none()))
      )
    )
  })

  it("counts a spawn that waits as outstanding, unless it is interrupted", () => {
    const { jobs, makePile, pile, pool, world } = setUp(size)
    world.get(spawnAll(makePile(Scope.makeUnsafe()), jobs, upTo(size)))
    const feeders = [9000, 9001, 9002].map((item) => world.fork(pile.spawn(jobs.job(item))))
    const readers = [0, 1, 2].map(() => world.fork(pile.next))
    const exits = () => readers.map((reader) => reader.pollUnsafe())
    world.run()
    feeders[1]?.interruptUnsafe()
    world.run()
    expect([world.get(pool.waiting), ...exits()]).toEqual([2, undefined, undefined, undefined])
    jobs.finish(9000, 9002, ...upTo(size))
    world.run()
    const results = [Option.some(9000), Option.some(9002), Option.none()]
    expect(exits()).toEqual(results.map((result) => Exit.succeed(result)))
    expect(jobs.started).not.toContain(9001)
    world.get(expectEmpty(pool))
  })

  it("gives none at once to a reader that waits for a spawn that is interrupted in the queue", () => {
    const { jobs, makePile, pile, world } = setUp(size)
    world.get(spawnAll(makePile(Scope.makeUnsafe()), jobs, upTo(size)))
    const feeder = world.fork(pile.spawn(jobs.job(9000)))
    const reader = world.fork(pile.next)
    world.run()
    feeder.interruptUnsafe()
    world.run()
    expect(reader.pollUnsafe()).toEqual(Exit.succeed(Option.none()))
  })
})

describe("closing the scope of a pile", () => {
  it("interrupts its jobs and its callers in the queue, nothing else, and waits for finalizers", () => {
    const { jobs, makePile, pile, pool, scope, world } = setUp(4)
    const finalizing = Latch.makeUnsafe()
    const other = makePile(Scope.makeUnsafe())
    world.get(pile.spawn(Effect.ensuring(jobs.job(0), finalizing.await)))
    world.get(other.spawn(jobs.job(1)))
    const others: Array<Fiber.Fiber<unknown, unknown>> = [
      world.fork(pool.run(jobs.job(2))),
      world.fork(Stream.runCollect(pool.imap(jobs.job, [3]))),
      world.fork(pool.run(jobs.job(4)))
    ]
    const feeder = world.fork(pile.spawn(jobs.job(5)))
    others.push(world.fork(pool.run(jobs.job(6))))
    world.run()
    const closing = world.fork(Scope.close(scope, Exit.void))
    world.run()
    expect([closing.pollUnsafe(), isInterrupted(feeder), jobs.interrupted]).toEqual([undefined, true, [0]])
    expect(world.get(counters(pool))).toEqual({ free: 0, running: 4, waiting: 2, borrowed: 0 })
    finalizing.openUnsafe()
    world.run()
    expect(closing.pollUnsafe()?._tag).toBe("Success")
    jobs.finish(1, 2, 3, 4, 6)
    expect(world.get(other.next)).toEqual(Option.some(1))
    world.run()
    expect(others.map((fiber) => fiber.pollUnsafe())).toEqual([2, [3], 4, 6].map((value) => Exit.succeed(value)))
    expect(jobs.started).toEqual([0, 1, 2, 3, 4, 6])
    world.get(expectEmpty(pool))
  })

  it("refuses further spawns with interruption, in an uninterruptible region or a finalizer too", () => {
    const { jobs, pile, pool, scope, world } = setUp(2)
    world.get(pile.spawn(Effect.onInterrupt(Effect.never, () => pile.spawn(jobs.job(1)))))
    world.run()
    world.get(Scope.close(scope, Exit.void))
    const plain = world.fork(pile.spawn(jobs.job(2)))
    const guarded = world.fork(Effect.uninterruptible(pile.spawn(jobs.job(3))))
    world.run()
    expect([isInterrupted(plain), isInterrupted(guarded)]).toEqual([true, true])
    expect(jobs.started).toEqual([])
    world.get(expectEmpty(pool))
  })

  it("ends readers that wait, also for a job that will never start", () => {
    const { jobs, pile, pool, scope, world } = setUp(1)
    world.get(pile.spawn(jobs.job(0)))
    const feeder = world.fork(pile.spawn(jobs.job(1)))
    const readers = [world.fork(pile.next), world.fork(pile.next), world.fork(Stream.runDrain(pile.results))]
    world.run()
    world.get(Scope.close(scope, Exit.void))
    for (const fiber of [feeder, ...readers]) expect(fiber.pollUnsafe()).toBeDefined()
    world.get(expectEmpty(pool))
  })

  it("inside one of the pile's own jobs does not wait for that job, also if the pile was made inside a job", () => {
    const { pool, world } = setUp(2)
    const closeFromInside = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pile = yield* GreenPile.make<void>(pool).pipe(Effect.provideService(Scope.Scope, scope), Effect.orDie)
      yield* pile.spawn(Scope.close(scope, Exit.void))
      return yield* Effect.exit(pile.next)
    })
    for (const caller of [world.fork(closeFromInside), world.fork(pool.run(closeFromInside))]) {
      world.run()
      expect(caller.pollUnsafe()?._tag).toBe("Success")
      world.get(expectEmpty(pool))
    }
  })
})

describe("closing the pool of a pile", () => {
  it("ends all that waits on the pile while its jobs are still finalizing, and waits for these", () => {
    const { pile, pool, world } = setUp(1)
    const finalizing = Latch.makeUnsafe()
    world.get(pile.spawn(Effect.onInterrupt(Effect.never, () => finalizing.await)))
    const fibers = [
      world.fork(pile.spawn(Effect.succeed(1))),
      world.fork(pile.next),
      world.fork(Stream.runDrain(pile.results)),
      world.fork(Stream.runDrain(pile.exits))
    ]
    world.run()
    const closing = world.fork(Scope.close(world.scope, Exit.void))
    world.run()
    expect([closing.pollUnsafe(), ...fibers.map(isInterrupted)]).toEqual([undefined, true, true, true, true])
    finalizing.openUnsafe()
    world.run()
    expect(closing.pollUnsafe()?._tag).toBe("Success")
    world.get(expectEmpty(pool))
  })

  it("waits for the jobs around the one that has closed the pile, which go on", () => {
    const { pile, pool, scope, world } = setUp(2)
    const [outer, inner] = [Latch.makeUnsafe(), Latch.makeUnsafe()]
    const closer = Effect.uninterruptible(Effect.andThen(Scope.close(scope, Exit.void), inner.await))
    const around = Effect.uninterruptible(Effect.andThen(pile.spawn(Effect.as(closer, 1)), outer.await))
    world.get(pile.spawn(Effect.as(around, 0)))
    world.run()
    outer.openUnsafe()
    world.run()
    expect(world.get(pool.running)).toBe(1)
    const closing = world.fork(Scope.close(world.scope, Exit.void))
    world.run()
    expect(closing.pollUnsafe()).toBeUndefined()
    inner.openUnsafe()
    world.run()
    expect(closing.pollUnsafe()?._tag).toBe("Success")
    world.get(expectEmpty(pool))
    expect(toInternal(pool).groups.size).toBe(0)
  })

  it("ends the next of a job that has closed the pile and goes on", () => {
    const { pile, pool, scope, world } = setUp(2)
    world.get(
      pile.spawn(Effect.uninterruptible(Effect.as(Effect.andThen(Scope.close(scope, Exit.void), pile.next), 0)))
    )
    world.run()
    expect(world.get(pool.running)).toBe(1)
    world.close()
    world.get(expectEmpty(pool))
  })

  it("from inside one of its jobs does not wait for that job, and accepts nothing after", () => {
    const { jobs, pile, pool, world } = setUp(2)
    const after: Array<Exit.Exit<void>> = []
    world.get(pile.spawn(Effect.uninterruptible(
      Effect.andThen(
        Scope.close(world.scope, Exit.void),
        Effect.flatMap(
          Effect.exit(pile.spawn(jobs.job(0))),
          (exit) => Effect.as(Effect.sync(() => after.push(exit)), 1)
        )
      )
    )))
    world.run()
    expect(after.map((exit) => Exit.hasInterrupts(exit))).toEqual([true])
    expect(jobs.started).toEqual([])
    world.get(expectEmpty(pool))
  })

  it("makes spawn, next, results and exits end with interruption, also in uninterruptible regions", () => {
    const { jobs, pile, world } = setUp(2)
    jobs.finish(0)
    world.get(pile.spawn(jobs.job(0)))
    world.close()
    const calls: ReadonlyArray<Effect.Effect<unknown, string>> = [
      pile.spawn(jobs.job(1)),
      pile.next,
      Stream.runDrain(pile.results),
      Stream.runDrain(pile.exits)
    ]
    for (const call of calls) {
      const plain = world.fork(call)
      const guarded = world.fork(Effect.uninterruptible(call))
      world.run()
      expect([isInterrupted(plain), isInterrupted(guarded)]).toEqual([true, true])
    }
    expect(jobs.started).toEqual([0])
  })
})

describe("GreenPile.make", () => {
  it.effect("makes a pool of its own of the given size, closed with the pile", () =>
    Effect.gen(function*() {
      const jobs = new MapJobs()
      const scope = yield* Scope.make()
      const pile = yield* Effect.provideService(GreenPile.make<number, string>(2), Scope.Scope, scope)
      yield* spawnAll(pile, jobs, [0, 1])
      const third = yield* Effect.forkChild(pile.spawn(jobs.job(2)), { startImmediately: true })
      jobs.finish(0)
      yield* Fiber.join(third)
      jobs.finish(2)
      expect(yield* pile.next).toEqual(Option.some(0))
      expect(jobs.most).toBe(2)
      yield* Scope.close(scope, Exit.void)
      expect(jobs.interrupted).toEqual([1])
      expect(Exit.hasInterrupts(yield* Effect.exit(pile.next))).toBe(true)
      expect(Exit.hasInterrupts(yield* Effect.exit(pile.spawn(jobs.job(3))))).toBe(true)
    }))

  it.effect("makes a pool of size 1000 when it is told nothing", () =>
    Effect.gen(function*() {
      const jobs = new MapJobs()
      const pile = yield* GreenPile.make<number, string>()
      const feeder = yield* Effect.forkChild(spawnAll(pile, jobs, upTo(1001)), { startImmediately: true })
      yield* until(() => jobs.started.length === 1000)
      expect(feeder.pollUnsafe()).toBeUndefined()
      jobs.finish(...upTo(1001))
      yield* Fiber.join(feeder)
      expect(jobs.most).toBe(1000)
    }))

  it.effect("takes size 0 as a paused pool", () =>
    Effect.gen(function*() {
      const pile = yield* GreenPile.make<number>(0)
      const feeder = yield* Effect.forkChild(pile.spawn(Effect.succeed(1)), { startImmediately: true })
      const reader = yield* Effect.forkChild(pile.next, { startImmediately: true })
      yield* Fiber.interrupt(feeder)
      expect(yield* Fiber.join(reader)).toEqual(Option.none())
    }))

  it.effect("fails with InvalidPoolSize for what is no size", () =>
    Effect.gen(function*() {
      for (const size of [-1, 1.5, NaN, Infinity, "3", null, {}, 2 ** 53]) {
        const error = yield* Effect.flip(GreenPile.make(size as number))
        expect(error).toBeInstanceOf(InvalidPoolSize)
        expect(error.message).toContain("a non-negative safe integer")
      }
    }))

  it.effect("shares a pool with other piles: one budget, each its own order", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 3 })
      const jobs = new MapJobs()
      const piles = yield* Effect.forEach(upTo(4), () => GreenPile.make<number, string>(pool))
      const feeders = yield* Effect.forEach(
        piles,
        (pile, index) => Effect.forkChild(spawnAll(pile, jobs, upTo(10).map((item) => index * 10 + item)))
      )
      yield* until(() => jobs.running.length === 3)
      jobs.finish(...upTo(40))
      yield* Effect.forEach(feeders, Fiber.join)
      const results = yield* Effect.forEach(piles, (pile) => Stream.runCollect(pile.results))
      expect(results.flat()).toEqual(upTo(40))
      expect(jobs.most).toBe(3)
    }))
})

describe("a job of a pile", () => {
  it.effect("that spawns into its own pile on a full pool borrows its slot, and both results come in order", () =>
    Effect.gen(function*() {
      const pile = yield* GreenPile.make<string>(1)
      yield* pile.spawn(Effect.as(pile.spawn(Effect.succeed("inner")), "outer"))
      expect(yield* Stream.runCollect(pile.results)).toEqual(["outer", "inner"])
    }))

  it("on a borrowed slot has ended when its spawn returns, and gives its result in its place", () => {
    const { pile, pool, world } = setUp(1)
    const events: Array<string> = []
    const inner = Effect.andThen(Effect.yieldNow, Effect.sync(() => events.push("job ends")))
    const fiber = world.fork(
      pool.run(Effect.andThen(pile.spawn(inner), Effect.sync(() => events.push("spawn returns"))))
    )
    world.run()
    expect(fiber.pollUnsafe()?._tag).toBe("Success")
    expect(events).toEqual(["job ends", "spawn returns"])
    expect(world.get(pile.next)).toEqual(Option.some(1))
    world.get(expectEmpty(pool))
  })
})
