import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Latch, Option, Scope, Stream } from "effect"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPile, InvalidPoolSize } from "../src/index.ts"
import { expectEmpty, forkNow, isInterrupted, lengthsAround, openSizes, until, upTo, World } from "./support/index.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { testEffect } from "./support/test-effect.ts"

type Pile = GreenPile<number, string>

/** A pile on a shared pool of this size, in a world of its own. */
const setUp = (size: number) => {
  const world = new World()
  const pool = world.pool(size)
  const scope = Scope.makeUnsafe()
  const pile: Pile = world.get(Scope.provide(GreenPile.make<number, string>(pool), scope))
  return { world, pool, scope, pile, jobs: new MapJobs() }
}

const spawnAll = (pile: Pile, jobs: MapJobs, items: ReadonlyArray<number>): Effect.Effect<void> =>
  Effect.forEach(items, (item) => pile.spawn(jobs.job(item)), { discard: true })

type Exits = Effect.Effect<ReadonlyArray<Exit.Exit<unknown, string>>>

/** What `read` notes, and its failures, in order, until it ends; it says whether there may be more. */
const readOn = (read: (note: (item: number) => number) => Effect.Effect<boolean, string>): Exits =>
  Effect.gen(function*() {
    const exits: Array<Exit.Exit<unknown, string>> = []
    for (;;) {
      const exit = yield* Effect.exit(read((item) => exits.push(Exit.succeed(item))))
      if (Exit.isFailure(exit)) exits.push(exit)
      else if (!exit.value) return exits
    }
  })

/** Ways to read the exits of all that is outstanding. */
const readings: Record<string, (pile: Pile) => Exits> = {
  exits: (pile) => Stream.runCollect(pile.exits),
  next: ({ next }) =>
    readOn((note) => Effect.map(next, Option.match({ onNone: () => false, onSome: (item) => note(item) > 0 }))),
  "results, run again after each failure": ({ results }) =>
    readOn((note) => Effect.as(Stream.runForEach(results, (item) => Effect.sync(() => note(item))), false))
}

describe.each(openSizes)("a pile on a pool of size %i", (size) => {
  it.each(lengthsAround(size))("gives the results in order of spawn, however the jobs end, for %i jobs", (length) => {
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
  })

  it.each(Object.entries(readings))(
    "gives each exit once, in its place, and goes on with the following one, read by %s",
    (_, read) => {
      const { jobs, pile, world } = setUp(size)
      const ends = [jobs.job(0), Effect.fail("1"), Effect.die("2"), Effect.interrupt, jobs.job(4)]
      world.fork(Effect.forEach(ends, (job) => pile.spawn(job)))
      jobs.finish(4, 0)
      const interruption = Exit.interrupt(expect.anything() as number)
      expect(world.get(read(pile)))
        .toEqual([Exit.succeed(0), Exit.fail("1"), Exit.die("2"), interruption, Exit.succeed(4)])
      expect(world.get(pile.next)).toEqual(Option.none())
    }
  )

  it.each(["results", "exits"] as const)("takes one at a time with %s: stopping early leaves the rest", (kind) => {
    const { jobs, pile, world } = setUp(size)
    world.fork(spawnAll(pile, jobs, upTo(5)))
    jobs.finish(...upTo(5))
    world.run()
    world.get(Stream.runDrain(Stream.take<unknown, string, never>(pile[kind], 2)))
    expect(world.get(pile.next)).toEqual(Option.some(2))
    expect(world.get(Stream.runHead(Stream.chunks(pile.results)))).toEqual(Option.some([3]))
    expect(world.get(pile.next)).toEqual(Option.some(4))
    expect(world.get(pile.next)).toEqual(Option.none())
  })
})

/** Calls of a pile that wait. */
const calls: Record<string, (pile: Pile, job: Effect.Effect<number, string>) => Effect.Effect<unknown, string>> = {
  spawn: (pile, job) => pile.spawn(job),
  next: (pile) => pile.next,
  results: (pile) => Stream.runDrain(pile.results),
  exits: (pile) => Stream.runDrain(pile.exits)
}

it.each(["is interrupted", "has waited as long as it may"])("a reader of a job whose spawner %s gets none", (how) => {
  const { jobs, pile, pool, world } = setUp(1)
  world.fork(pool.run(Effect.never))
  const spawner = world.fork(pile.spawn(jobs.job(0), { maxWait: 10 }))
  const reader = world.fork(pile.next)
  world.run()
  expect(reader.pollUnsafe()).toBeUndefined()
  if (how === "is interrupted") spawner.interruptUnsafe()
  else world.clock.advance(10)
  world.run()
  expect(reader.pollUnsafe()).toEqual(Exit.succeed(Option.none()))
})

describe("closing a pile", () => {
  it.each([
    { what: "scope", refused: ["spawn"] },
    { what: "pool", refused: Object.keys(calls) }
  ])("by its $what ends all that waits on it, and refuses further $refused", ({ refused, what }) => {
    const { jobs, pile, pool, scope, world } = setUp(1)
    const finalizing = Latch.makeUnsafe()
    const finalizer = Effect.andThen(finalizing.await, Effect.exit(pile.spawn(jobs.job(1))))
    world.get(pile.spawn(Effect.ensuring(jobs.job(0), finalizer)))
    const waiting = Object.values(calls).map((call) => world.fork(call(pile, jobs.job(2))))
    world.run()
    const closing = world.fork(Scope.close(what === "pool" ? world.scope : scope, Exit.void))
    world.run()
    // While its job is still finalizing.
    expect(closing.pollUnsafe()).toBeUndefined()
    expect(waiting.map((fiber) => isInterrupted(fiber.pollUnsafe())))
      .toEqual(Object.keys(calls).map((call) => refused.includes(call)))
    finalizing.openUnsafe()
    world.run()
    expect(closing.pollUnsafe()).toEqual(Exit.void)
    for (const fiber of waiting) expect(fiber.pollUnsafe()).toBeDefined()
    for (const call of refused) {
      for (const region of [Effect.interruptible, Effect.uninterruptible]) {
        const fiber = world.fork(region(calls[call]!(pile, jobs.job(3))))
        world.run()
        expect(isInterrupted(fiber.pollUnsafe())).toBe(true)
      }
    }
    expect(jobs.started).toEqual([0])
    world.get(expectEmpty(pool))
  })

  it("inside one of its own jobs does not wait for that job, also if the pile was made inside a job", () => {
    const { pool, world } = setUp(2)
    const closeFromInside = Effect.flatMap(
      Scope.make(),
      (scope) =>
        Effect.flatMap(
          Scope.provide(GreenPile.make<void>(pool), scope),
          (pile) => Effect.andThen(pile.spawn(Scope.close(scope, Exit.void)), Effect.exit(pile.next))
        )
    )
    for (const caller of [closeFromInside, pool.run(closeFromInside)]) {
      world.get(caller)
      world.get(expectEmpty(pool))
    }
  })
})

it("closing the pool of a pile that one of its jobs has closed waits for the jobs around that one, which go on", () => {
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

describe("GreenPile.make", () => {
  testEffect.each([[0, 0], [2, 2], [undefined, 1000]] as const)(
    "makes a pool of its own, closed with the pile: with %s of size %i",
    function*([given, size]) {
      const jobs = new MapJobs()
      const scope = yield* Scope.make()
      const pile = yield* Scope.provide(GreenPile.make<number, string>(given), scope)
      const feeder = yield* forkNow(spawnAll(pile, jobs, upTo(size + 1)))
      yield* until(() => jobs.started.length >= size)
      expect([jobs.most, feeder.pollUnsafe()]).toEqual([size, undefined])
      yield* Scope.close(scope, Exit.void)
      expect([jobs.started, jobs.interrupted]).toEqual([upTo(size), upTo(size)])
      for (const call of [pile.next, pile.spawn(jobs.job(0))]) {
        expect(isInterrupted(yield* Effect.exit<unknown, string, never>(call))).toBe(true)
      }
    }
  )

  it.effect("fails with InvalidPoolSize for what is no size", () =>
    Effect.map(Effect.flip(GreenPile.make(-1)), (error) => expect(error).toEqual(new InvalidPoolSize({ value: "-1" }))))
})
