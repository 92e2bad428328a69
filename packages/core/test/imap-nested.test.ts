import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Stream } from "effect"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { CountedIterable } from "./support/counted-sources.ts"
import { counters, expectEmpty } from "./support/counters.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { upTo } from "./support/sizes.ts"
import { World } from "./support/world.ts"

const verbs = ["imap", "imapUnordered"] as const

const setUp = (size: number) => {
  const world = new World()
  return { world, pool: world.pool(size) }
}

/** The sum of the results of a map whose jobs yield. */
const sum = (pool: GreenPool, verb: "imap" | "imapUnordered", length: number): Effect.Effect<number> =>
  Stream.runFold(
    pool[verb]((item) => Effect.as(Effect.yieldNow, item), upTo(length)),
    () => 0,
    (total, item) => total + item
  )

describe.each([1, 2, 3])("on a pool of size %i", (size) => {
  describe.each(verbs)("%s inside a job", (verb) => {
    it("of run ends, with all its results", () => {
      const { pool, world } = setUp(size)
      const all = Effect.all(upTo(2 * size).map(() => pool.run(sum(pool, verb, 5))), { concurrency: "unbounded" })
      expect(world.get(all)).toEqual(upTo(2 * size).map(() => 10))
      world.get(expectEmpty(pool))
    })

    it("of spawn ends, also in a fiber that the job forked", () => {
      const { pool, world } = setUp(size)
      const job = Effect.flatMap(Effect.forkChild(sum(pool, verb, 5)), Fiber.join)
      const all = Effect.forEach(upTo(2 * size), () => pool.spawn(job)).pipe(
        Effect.flatMap(Effect.forEach((fiber) => Fiber.join(fiber)))
      )
      expect(world.get(all)).toEqual(upTo(2 * size).map(() => 10))
      world.get(expectEmpty(pool))
    })

    it("of a map ends, three deep", () => {
      const { pool, world } = setUp(size)
      const nested = (depth: number): Effect.Effect<number> =>
        depth === 0 ? Effect.as(Effect.yieldNow, 1) : Stream.runFold(
          pool[verb](() => nested(depth - 1), upTo(3)),
          () => 0,
          (total, count) => total + count
        )
      expect(world.get(nested(4))).toBe(81)
      world.get(expectEmpty(pool))
    })

    it("of another pool that was entered from a job of this one ends", () => {
      const { pool, world } = setUp(size)
      const other = world.pool(1)
      const job = other.run(sum(pool, verb, 4))
      const all = Effect.all(upTo(3).map(() => pool.run(job)), { concurrency: "unbounded" })
      expect(world.get(all)).toEqual([6, 6, 6])
      const maps = Stream.runCollect(pool.imap(() => sum(other, verb, 3), upTo(3)))
      expect(world.get(maps)).toEqual([3, 3, 3])
      world.get(expectEmpty(pool))
      world.get(expectEmpty(other))
    })

    it("of a pile ends, and so does a pile inside a job of the map", () => {
      const { pool, world } = setUp(size)
      const pileOf = (job: Effect.Effect<number>) =>
        Effect.scoped(Effect.gen(function*() {
          const pile = yield* GreenPile.make<number>(pool)
          for (let count = 0; count < 3; count++) yield* pile.spawn(job)
          return yield* Stream.runFold(pile.results, () => 0, (total, item) => total + item)
        }))
      expect(world.get(pileOf(sum(pool, verb, 4)))).toBe(18)
      expect(world.get(Stream.runCollect(pool[verb](() => pileOf(sum(pool, verb, 3)), upTo(3))))).toEqual([9, 9, 9])
      world.get(expectEmpty(pool))
    })

    it("goes on when the pool is paused meanwhile", () => {
      const { pool, world } = setUp(size)
      const job = Effect.andThen(Effect.orDie(pool.resize(0)), sum(pool, verb, 5))
      expect(world.get(pool.run(job))).toBe(10)
      expect(world.get(counters(pool))).toEqual({ free: 0, running: 0, waiting: 0, borrowed: 0 })
    })
  })

  it("a nested map works on as many items as there are slots, its job's own included", () => {
    const { pool, world } = setUp(size)
    const jobs = new MapJobs()
    const source = new CountedIterable()
    const fiber = world.fork(pool.run(Stream.runDrain(pool.imap(jobs.job, source))))
    world.run()
    // The free slots, and the one that is borrowed.
    expect(jobs.running).toEqual(upTo(size))
    expect(world.get(counters(pool))).toEqual({ free: 0, running: size, waiting: 0, borrowed: 1 })
    expect(source.taken).toBe(size)
    fiber.interruptUnsafe()
    world.run()
    expect(fiber.pollUnsafe()).toBeDefined()
    expect(jobs.running).toEqual([])
    expect(source.closed).toBe(1)
    world.get(expectEmpty(pool))
  })

  it("maps nested in each other hold no more slots than there are", () => {
    const { pool, world } = setUp(size)
    let running = 0
    let most = 0
    const leaf = Effect.acquireUseRelease(
      Effect.sync(() => {
        most = Math.max(most, ++running)
      }),
      () => Effect.yieldNow,
      () => Effect.sync(() => running--)
    )
    const inner = Stream.runDrain(pool.imap(() => leaf, upTo(4)))
    world.get(Stream.runDrain(pool.imap(() => inner, upTo(4))))
    expect(most).toBe(size)
    world.get(expectEmpty(pool))
  })

  it("a nested map that fails fails in its job alone", () => {
    const { pool, world } = setUp(size)
    const failing = Stream.runDrain(pool.imap((item) => item === 2 ? Effect.fail("nested") : Effect.void, upTo(5)))
    const exits = world.get(Stream.runCollect(pool.imapExit((item) => item === 1 ? failing : Effect.void, upTo(3))))
    expect(exits).toEqual([Exit.void, Exit.fail("nested"), Exit.void])
    world.get(expectEmpty(pool))
  })

  it("a nested pile's failing job fails where it is read, not where it is spawned", () => {
    const { pool, world } = setUp(size)
    const job = Effect.scoped(Effect.gen(function*() {
      const pile = yield* GreenPile.make<number, string>(pool)
      yield* pile.spawn(Effect.fail("first"))
      yield* pile.spawn(Effect.succeed(2))
      return [yield* Effect.flip(pile.next), yield* pile.next, yield* pile.next]
    }))
    expect(world.get(Effect.all(upTo(size).map(() => pool.run(job)), { concurrency: "unbounded" })))
      .toEqual(upTo(size).map(() => ["first", Option.some(2), Option.none()]))
    world.get(expectEmpty(pool))
  })

  it("waitall in a job of a nested map is a defect", () => {
    const { pool, world } = setUp(size)
    const exit = world.get(Effect.exit(pool.run(Stream.runDrain(pool.imap(() => pool.waitall, [1])))))
    expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
    world.get(expectEmpty(pool))
  })
})

describe("a paused pool", () => {
  it("has maps from outside wait until it grows, nested ones and all", () => {
    const { pool, world } = setUp(0)
    const fiber = world.fork(Stream.runCollect(pool.imap(() => sum(pool, "imap", 3), upTo(2))))
    world.run()
    expect(fiber.pollUnsafe()).toBeUndefined()
    expect(world.get(counters(pool))).toEqual({ free: 0, running: 0, waiting: 1, borrowed: 0 })
    world.get(pool.resize(1))
    world.run()
    expect(fiber.pollUnsafe()).toEqual(Exit.succeed([3, 3]))
    world.get(expectEmpty(pool))
  })
})

describe("depth", () => {
  it("is no limit to maps in jobs of maps", () => {
    const { pool, world } = setUp(2)
    const nested = (depth: number): Effect.Effect<number> =>
      depth === 0
        ? Effect.succeed(0)
        : Stream.runFold(pool.imap(() => nested(depth - 1), [1]), () => 0, (_, below) => below + 1)
    expect(world.get(nested(5000))).toBe(5000)
    world.get(expectEmpty(pool))
  })

  it("is no limit to piles in jobs of piles", () => {
    const { pool, world } = setUp(2)
    const nested = (depth: number): Effect.Effect<number> =>
      depth === 0 ? Effect.succeed(0) : Effect.scoped(Effect.gen(function*() {
        const pile = yield* GreenPile.make<number>(pool)
        yield* pile.spawn(nested(depth - 1))
        return 1 + Option.getOrThrow(yield* pile.next)
      })).pipe(Effect.orDie)
    expect(world.get(nested(5000))).toBe(5000)
    world.get(expectEmpty(pool))
  })
})
