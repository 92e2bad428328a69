import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Latch, Option, Scope, Stream } from "effect"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPile, GreenPool, InvalidPoolSize } from "../src/index.ts"
import { makeStorage, runWith } from "./support/async-storage.ts"
import { counters, expectEmpty } from "./support/counters.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { lengthsAround, openSizes, sizes, upTo } from "./support/sizes.ts"
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
      expect(jobs.most).toBe(Math.min(size, length))
      world.get(expectEmpty(pool))
    }
  )

  it("waits in spawn for a slot of the pool", () => {
    const { jobs, pile, pool, world } = setUp(size)
    const feeder = world.fork(spawnAll(pile, jobs, upTo(size + 2)))
    world.run()
    expect(feeder.pollUnsafe()).toBeUndefined()
    expect(jobs.started).toEqual(upTo(size))
    expect(world.get(counters(pool))).toEqual({ free: 0, running: size, waiting: 1, borrowed: 0 })
    jobs.finish(...upTo(size + 2))
    world.run()
    expect(feeder.pollUnsafe()).toEqual(Exit.void)
  })

  it("gives a result to a reader that waits as soon as its job has ended", () => {
    const { jobs, pile, world } = setUp(size + 1)
    world.get(spawnAll(pile, jobs, upTo(size + 1)))
    const reader = world.fork(pile.next)
    jobs.finish(...upTo(size + 1).slice(1))
    world.run()
    expect(reader.pollUnsafe()).toBeUndefined()
    jobs.finish(0)
    world.run()
    expect(reader.pollUnsafe()).toEqual(Exit.succeed(Option.some(0)))
  })

  it("gives a failure in its place, and goes on with the following one", () => {
    const { jobs, pile, world } = setUp(size)
    world.fork(spawnAll(pile, jobs, [0, 1, 2]))
    jobs.fail(1)
    jobs.finish(2, 0)
    world.run()
    expect(world.get(pile.next)).toEqual(Option.some(0))
    expect(world.get(Effect.flip(pile.next))).toBe("failed 1")
    expect(world.get(pile.next)).toEqual(Option.some(2))
    expect(world.get(pile.next)).toEqual(Option.none())
  })

  it("ends results at the first failure, and gives the rest when it is run again", () => {
    const { jobs, pile, world } = setUp(size)
    world.fork(spawnAll(pile, jobs, upTo(5)))
    jobs.fail(1)
    jobs.fail(3)
    jobs.finish(0, 2, 4)
    const read = () => {
      const values: Array<number> = []
      const exit = world.get(
        Effect.exit(Stream.runForEach(pile.results, (item) => Effect.sync(() => values.push(item))))
      )
      return { values, exit }
    }
    expect(read()).toEqual({ values: [0], exit: Exit.fail("failed 1") })
    expect(read()).toEqual({ values: [2], exit: Exit.fail("failed 3") })
    expect(read()).toEqual({ values: [4], exit: Exit.void })
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

  it("gives the interruption of a job once, in its place, and goes on with the following one", () => {
    const { jobs, pile, world } = setUp(size)
    world.fork(Effect.andThen(pile.spawn(Effect.interrupt), spawnAll(pile, jobs, [1, 2])))
    jobs.finish(1, 2)
    world.run()
    expect(Exit.hasInterrupts(world.get(Effect.exit(pile.next)))).toBe(true)
    expect(world.get(Effect.exit(pile.next))).toEqual(Exit.succeed(Option.some(1)))
    expect(world.get(Effect.exit(pile.next))).toEqual(Exit.succeed(Option.some(2)))
  })

  it("ends results at the interruption of a job, and gives the rest when it is run again", () => {
    const { jobs, pile, world } = setUp(size)
    world.fork(Effect.andThen(pile.spawn(Effect.interrupt), spawnAll(pile, jobs, [1, 2])))
    jobs.finish(1, 2)
    expect(Exit.hasInterrupts(world.get(Effect.exit(Stream.runCollect(pile.results))))).toBe(true)
    expect(world.get(Effect.exit(Stream.runCollect(pile.results)))).toEqual(Exit.succeed([1, 2]))
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

  it("is fed while it is read: results waits for what is outstanding, and ends when nothing is", () => {
    const { jobs, pile, world } = setUp(size)
    world.fork(spawnAll(pile, jobs, upTo(3 * size)))
    const reader = world.fork(Stream.runCollect(pile.results))
    for (const item of upTo(3 * size)) {
      world.run()
      expect(reader.pollUnsafe()).toBeUndefined()
      jobs.finish(item)
    }
    world.run()
    expect(reader.pollUnsafe()).toEqual(Exit.succeed(upTo(3 * size)))
  })

  it("loses nothing when a waiting next is interrupted, and serves who waits after it", () => {
    const { jobs, pile, world } = setUp(size)
    world.get(pile.spawn(jobs.job(0)))
    const first = world.fork(pile.next)
    const second = world.fork(pile.next)
    world.run()
    first.interruptUnsafe()
    jobs.finish(0)
    world.run()
    expect(isInterrupted(first)).toBe(true)
    expect(second.pollUnsafe()).toEqual(Exit.succeed(Option.some(0)))
  })

  it("loses nothing when a next is interrupted that was given its result and has not gone on", () => {
    const { jobs, pile, world } = setUp(size)
    world.fork(spawnAll(pile, jobs, [0, 1]))
    const reader = world.fork(pile.next)
    world.run()
    jobs.finish(0, 1)
    reader.interruptUnsafe()
    world.run()
    expect(isInterrupted(reader)).toBe(true)
    expect(world.get(pile.next)).toEqual(Option.some(0))
    expect(world.get(pile.next)).toEqual(Option.some(1))
  })

  it("serves readers in the order in which they came, each with one result", () => {
    const { jobs, pile, world } = setUp(size)
    world.fork(spawnAll(pile, jobs, [0, 1, 2]))
    const readers = upTo(5).map(() => world.fork(pile.next))
    jobs.finish(2, 1, 0)
    world.run()
    expect(readers.map((reader) => reader.pollUnsafe())).toEqual([
      Exit.succeed(Option.some(0)),
      Exit.succeed(Option.some(1)),
      Exit.succeed(Option.some(2)),
      Exit.succeed(Option.none()),
      Exit.succeed(Option.none())
    ])
  })

  it("counts a spawn that waits for its slot as outstanding: next waits for it", () => {
    const { jobs, makePile, pile, pool, world } = setUp(size)
    const others = makePile(Scope.makeUnsafe())
    world.get(spawnAll(others, jobs, upTo(size)))
    world.fork(pile.spawn(jobs.job(9000)))
    const reader = world.fork(pile.next)
    world.run()
    expect(world.get(pool.waiting)).toBe(1)
    expect(reader.pollUnsafe()).toBeUndefined()
    jobs.finish(0, 9000)
    world.run()
    expect(reader.pollUnsafe()).toEqual(Exit.succeed(Option.some(9000)))
  })

  it("drops a spawn that is interrupted while it waits, and who waits for it gets none", () => {
    const { jobs, makePile, pile, pool, world } = setUp(size)
    const others = makePile(Scope.makeUnsafe())
    world.get(spawnAll(others, jobs, upTo(size)))
    const feeders = [9000, 9001, 9002].map((item) => world.fork(pile.spawn(jobs.job(item))))
    const readers = [0, 1, 2].map(() => world.fork(pile.next))
    world.run()
    feeders[1]?.interruptUnsafe()
    world.run()
    expect(world.get(pool.waiting)).toBe(2)
    jobs.finish(9000, 9002, ...upTo(size))
    world.run()
    expect(readers.map((reader) => reader.pollUnsafe())).toEqual([
      Exit.succeed(Option.some(9000)),
      Exit.succeed(Option.some(9002)),
      Exit.succeed(Option.none())
    ])
    expect(jobs.started).not.toContain(9001)
    world.get(expectEmpty(pool))
  })

  it("gives none at once to who waits for a spawn that is interrupted in the queue", () => {
    const { jobs, makePile, pile, world } = setUp(size)
    world.get(spawnAll(makePile(Scope.makeUnsafe()), jobs, upTo(size)))
    const feeder = world.fork(pile.spawn(jobs.job(9000)))
    const reader = world.fork(pile.next)
    world.run()
    expect(reader.pollUnsafe()).toBeUndefined()
    feeder.interruptUnsafe()
    world.run()
    expect(reader.pollUnsafe()).toEqual(Exit.succeed(Option.none()))
  })

  it("keeps the job of a spawn that has returned when its feeder is interrupted", () => {
    const { jobs, pile, world } = setUp(size)
    const feeder = world.fork(Effect.andThen(pile.spawn(jobs.job(0)), Effect.never))
    world.run()
    feeder.interruptUnsafe()
    world.run()
    expect(jobs.running).toEqual([0])
    jobs.finish(0)
    expect(world.get(pile.next)).toEqual(Option.some(0))
  })

  it("is fed and read from any number of fibers, each result going to one reader", () => {
    const { pile, pool, world } = setUp(size)
    const feeders = upTo(4).map((feeder) =>
      world.fork(Effect.forEach(upTo(5), (item) => pile.spawn(Effect.as(Effect.yieldNow, feeder * 5 + item))))
    )
    const readers = upTo(3).map(() => world.fork(Stream.runCollect(pile.results)))
    world.run()
    for (const feeder of feeders) expect(feeder.pollUnsafe()?._tag).toBe("Success")
    const shares = readers.map((reader) => Effect.runSync(reader.pollUnsafe() ?? Exit.die("the reader does not end")))
    for (const share of shares) expect(share).not.toEqual([])
    expect(shares.flat().toSorted((a, b) => a - b)).toEqual(upTo(20))
    world.get(expectEmpty(pool))
  })

  it("keeps the results of all jobs until they are read, in order", () => {
    const { pile, pool, world } = setUp(size)
    world.get(Effect.forEach(upTo(5000), (item) => pile.spawn(Effect.succeed(item))))
    world.get(expectEmpty(pool))
    expect(world.get(Stream.runCollect(pile.results))).toEqual(upTo(5000))
  })

  it("counts its jobs as the pool's, and waitall waits for them but not for unread results", () => {
    const { jobs, pile, pool, world } = setUp(size)
    world.get(pile.spawn(jobs.job(0)))
    const idle = world.fork(pool.waitall)
    world.run()
    expect(idle.pollUnsafe()).toBeUndefined()
    expect(world.get(pool.running)).toBe(1)
    jobs.finish(0)
    world.run()
    expect(idle.pollUnsafe()).toEqual(Exit.void)
    expect(world.get(pool.stats)).toMatchObject({ started: 1, succeeded: 1 })
  })
})

describe.each(sizes)("a pile without jobs on a pool of size %i", (size) => {
  it("gives none at once, and empty streams", () => {
    const { pile, world } = setUp(size)
    expect(world.get(pile.next)).toEqual(Option.none())
    expect(world.get(Stream.runCollect(pile.results))).toEqual([])
    expect(world.get(Stream.runCollect(pile.exits))).toEqual([])
  })
})

describe("closing the scope of a pile", () => {
  it("interrupts what it started and waits for its finalizers", () => {
    const { pile, pool, scope, world } = setUp(3)
    const finalizing = Latch.makeUnsafe()
    const ended: Array<number> = []
    world.get(
      Effect.forEach([0, 1], (item) =>
        pile.spawn(Effect.onInterrupt(Effect.never, () =>
          Effect.andThen(
            finalizing.await,
            Effect.sync(() => ended.push(item))
          ))))
    )
    const closing = world.fork(Scope.close(scope, Exit.void))
    world.run()
    expect(closing.pollUnsafe()).toBeUndefined()
    expect(world.get(pool.running)).toBe(2)
    finalizing.openUnsafe()
    world.run()
    expect(closing.pollUnsafe()?._tag).toBe("Success")
    expect(ended).toEqual([0, 1])
    world.get(expectEmpty(pool))
  })

  it("interrupts who waits in its spawn, and nobody else in the queue", () => {
    const { jobs, pile, pool, scope, world } = setUp(1)
    world.get(pool.spawn(jobs.job(0)))
    const before = world.fork(pool.run(jobs.job(1)))
    const feeder = world.fork(pile.spawn(jobs.job(2)))
    const after = world.fork(pool.run(jobs.job(3)))
    world.run()
    expect(world.get(pool.waiting)).toBe(3)
    world.get(Scope.close(scope, Exit.void))
    expect(isInterrupted(feeder)).toBe(true)
    expect(world.get(pool.waiting)).toBe(2)
    jobs.finish(0, 1, 3)
    world.run()
    expect(before.pollUnsafe()).toEqual(Exit.succeed(1))
    expect(after.pollUnsafe()).toEqual(Exit.succeed(3))
    expect(jobs.started).toEqual([0, 1, 3])
  })

  it("touches only its own jobs: other piles, maps and jobs of the pool go on", () => {
    const { jobs, makePile, pile, pool, scope, world } = setUp(4)
    const other = makePile(Scope.makeUnsafe())
    world.get(pile.spawn(jobs.job(0)))
    world.get(other.spawn(jobs.job(1)))
    const run = world.fork(pool.run(jobs.job(2)))
    const mapped = world.fork(Stream.runCollect(pool.imap(jobs.job, [3])))
    world.run()
    world.get(Scope.close(scope, Exit.void))
    expect(jobs.interrupted).toEqual([0])
    expect(jobs.running).toEqual([1, 2, 3])
    jobs.finish(1, 2, 3)
    expect(world.get(other.next)).toEqual(Option.some(1))
    expect(run.pollUnsafe()).toEqual(Exit.succeed(2))
    expect(mapped.pollUnsafe()).toEqual(Exit.succeed([3]))
    world.get(expectEmpty(pool))
  })

  it("refuses further spawns with interruption, also in an uninterruptible region", () => {
    const { jobs, pile, pool, scope, world } = setUp(1)
    world.get(Scope.close(scope, Exit.void))
    const plain = world.fork(pile.spawn(jobs.job(0)))
    const guarded = world.fork(Effect.uninterruptible(pile.spawn(jobs.job(1))))
    world.run()
    expect([isInterrupted(plain), isInterrupted(guarded)]).toEqual([true, true])
    expect(jobs.started).toEqual([])
    world.get(expectEmpty(pool))
  })

  it("refuses what its jobs spawn into it from their finalizers", () => {
    const { jobs, pile, pool, scope, world } = setUp(2)
    world.get(pile.spawn(Effect.onInterrupt(Effect.never, () => pile.spawn(jobs.job(1)))))
    world.run()
    const closing = world.fork(Scope.close(scope, Exit.void))
    world.run()
    expect(closing.pollUnsafe()?._tag).toBe("Success")
    expect(jobs.started).toEqual([])
    world.get(expectEmpty(pool))
  })

  it("ends a reader that waits", () => {
    const { jobs, pile, scope, world } = setUp(1)
    world.get(pile.spawn(jobs.job(0)))
    const readers = [world.fork(pile.next), world.fork(pile.next), world.fork(Stream.runDrain(pile.results))]
    world.run()
    world.get(Scope.close(scope, Exit.void))
    for (const reader of readers) expect(reader.pollUnsafe()).toBeDefined()
  })

  it("inside one of the pile's own jobs does not wait for that job", () => {
    const { pile, pool, scope, world } = setUp(2)
    world.get(pile.spawn(Effect.as(Scope.close(scope, Exit.void), 1)))
    world.run()
    world.get(expectEmpty(pool))
  })

  it("that was made inside a job, by one of its own jobs, does not wait for that job", () => {
    const { pool, world } = setUp(2)
    const caller = world.fork(pool.run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pile = yield* GreenPile.make<void>(pool).pipe(Effect.provideService(Scope.Scope, scope), Effect.orDie)
      yield* pile.spawn(Scope.close(scope, Exit.void))
      return yield* Effect.exit(pile.next)
    })))
    world.run()
    expect(caller.pollUnsafe()?._tag).toBe("Success")
    world.get(expectEmpty(pool))
  })

  it("gives all slots back at once to those who wait", () => {
    const { jobs, pile, pool, scope, world } = setUp(2)
    world.get(spawnAll(pile, jobs, [0, 1]))
    const waiting = [2, 3].map((item) => world.fork(pool.run(jobs.job(item))))
    world.get(Scope.close(scope, Exit.void))
    expect(jobs.running).toEqual([2, 3])
    jobs.finish(2, 3)
    world.run()
    expect(waiting.map((fiber) => fiber.pollUnsafe())).toEqual([Exit.succeed(2), Exit.succeed(3)])
    world.get(expectEmpty(pool))
  })
})

describe("closing the pool of a pile", () => {
  it("waits for the finalizers of its jobs", () => {
    const { pile, pool, world } = setUp(2)
    const finalizing = Latch.makeUnsafe()
    world.get(pile.spawn(Effect.onInterrupt(Effect.never, () => finalizing.await)))
    world.run()
    const closing = world.fork(Scope.close(world.scope, Exit.void))
    world.run()
    expect(closing.pollUnsafe()).toBeUndefined()
    finalizing.openUnsafe()
    world.run()
    expect(closing.pollUnsafe()?._tag).toBe("Success")
    world.get(expectEmpty(pool))
  })

  it("waits for the jobs around who has closed the pile, which go on", () => {
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

  it("ends who waits in next at once, while its jobs are still finalizing", () => {
    const { pile, world } = setUp(2)
    const finalizing = Latch.makeUnsafe()
    world.get(pile.spawn(Effect.onInterrupt(Effect.never, () => finalizing.await)))
    const readers = [world.fork(pile.next), world.fork(Stream.runDrain(pile.results))]
    world.run()
    const closing = world.fork(Scope.close(world.scope, Exit.void))
    world.run()
    expect(closing.pollUnsafe()).toBeUndefined()
    expect(readers.map(isInterrupted)).toEqual([true, true])
    finalizing.openUnsafe()
    world.run()
    expect(closing.pollUnsafe()?._tag).toBe("Success")
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

  it("interrupts its jobs, who waits in its spawn and who waits in next", () => {
    const { jobs, pile, world } = setUp(1)
    world.get(pile.spawn(jobs.job(0)))
    const fibers = [world.fork(pile.spawn(jobs.job(1))), world.fork(pile.next), world.fork(Stream.runDrain(pile.exits))]
    world.run()
    world.close()
    expect(fibers.map(isInterrupted)).toEqual([true, true, true])
    expect(jobs.interrupted).toEqual([0])
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

  it("does not need the piles to be closed, before or after", () => {
    const { jobs, makePile, pile, scope, world } = setUp(2)
    const early = Scope.makeUnsafe()
    world.get(makePile(early).spawn(jobs.job(0)))
    world.get(pile.spawn(jobs.job(1)))
    world.get(Scope.close(early, Exit.void))
    world.close()
    world.get(Scope.close(scope, Exit.void))
    expect(jobs.interrupted).toEqual([0, 1])
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

  it.effect.each([-1, 1.5, NaN, Infinity, "3", null, {}, 2 ** 53])(
    "fails with InvalidPoolSize for %s",
    (size) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(GreenPile.make(size as number))
        expect(error).toBeInstanceOf(InvalidPoolSize)
        expect(error.message).toContain("a non-negative safe integer")
      })
  )

  it.effect("shares a pool with other piles: one budget, each its own order", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 3 })
      let running = 0
      let most = 0
      const job = (item: number) =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            most = Math.max(most, ++running)
          }),
          () => Effect.as(Effect.yieldNow, item),
          () => Effect.sync(() => running--)
        )
      const piles = yield* Effect.forEach(upTo(4), () => GreenPile.make<number>(pool))
      yield* Effect.forEach(
        piles,
        (pile, index) => Effect.forEach(upTo(10), (item) => pile.spawn(job(index * 10 + item))),
        { concurrency: "unbounded" }
      )
      const results = yield* Effect.forEach(piles, (pile) => Stream.runCollect(pile.results))
      expect(results.flat()).toEqual(upTo(40))
      expect(most).toBe(3)
    }))
})

describe("a job of a pile", () => {
  class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}

  it.effect("has the services of its spawner, also when it had to wait", () =>
    Effect.gen(function*() {
      const pile = yield* GreenPile.make<string>(1)
      const job = Effect.andThen(Effect.yieldNow, Tenant)
      yield* Effect.forEach(
        ["a", "b", "c"],
        (tenant) => Effect.provideService(pile.spawn(job), Tenant, tenant),
        { concurrency: "unbounded" }
      )
      expect(yield* Stream.runCollect(pile.results)).toEqual(["a", "b", "c"])
    }))

  it.live(
    "has the asynchronous storage of its spawner, also when it had to wait",
    () =>
      Effect.gen(function*() {
        const storage = yield* makeStorage<string>()
        const pile = yield* GreenPile.make<string | undefined>(1)
        const job = Effect.andThen(Effect.promise(() => Promise.resolve()), Effect.sync(() => storage.getStore()))
        yield* Effect.all(
          ["a", "b", "c"].map((tenant) => Effect.promise(() => runWith(storage, tenant, pile.spawn(job)))),
          { concurrency: "unbounded" }
        )
        expect(yield* Stream.runCollect(pile.results)).toEqual(["a", "b", "c"])
      })
  )

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

  it.effect("that never ends holds up next until its fiber is interrupted", () =>
    Effect.gen(function*() {
      const pile = yield* GreenPile.make<string>(2)
      const fiber = yield* Deferred.make<Fiber.Fiber<unknown, unknown>>()
      yield* pile.spawn(Effect.withFiber((self) => Effect.andThen(Deferred.succeed(fiber, self), Effect.never)))
      yield* pile.spawn(Effect.succeed("second"))
      yield* Fiber.interrupt(yield* Deferred.await(fiber))
      const exit = yield* Effect.exit(pile.next)
      expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
      expect(yield* pile.next).toEqual(Option.some("second"))
    }))
})
