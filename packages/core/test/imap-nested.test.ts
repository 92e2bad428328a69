import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Stream } from "effect"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { counters, expectEmpty } from "./support/counters.ts"
import { readMap } from "./support/map-reading.ts"
import { upTo } from "./support/sizes.ts"
import { World } from "./support/world.ts"

const verbs = ["imap", "imapUnordered"] as const

type Map = (job: () => Effect.Effect<number>, length: number) => Effect.Effect<number>

/** The sum of the results of a map. */
const summing = (pool: GreenPool, verb: typeof verbs[number]): Map => (job, length) =>
  Stream.runFold(pool[verb](job, upTo(length)), () => 0, (total, item) => total + item)

const one = () => Effect.as(Effect.yieldNow, 1)

/** The sum of the results of a pile of three such jobs. */
const pileOf = (pool: GreenPool, job: Effect.Effect<number>) =>
  Effect.scoped(Effect.gen(function*() {
    const pile = yield* GreenPile.make<number>(pool)
    for (const _ of upTo(3)) yield* pile.spawn(job)
    return yield* Stream.runFold(pile.results, () => 0, (total, item) => total + item)
  }))

const several = <A, E>(count: number, effect: Effect.Effect<A, E>) =>
  Effect.all(upTo(count).map(() => effect), { concurrency: "unbounded" })

/** Maps inside jobs, and the sum of all they give. */
const nestings: Record<
  string,
  (pool: GreenPool, map: Map, other: GreenPool, otherMap: Map) => [Effect.Effect<number>, number]
> = {
  "jobs of run": (pool, map) => [Effect.map(several(6, pool.run(map(one, 5))), (sums) => sums[5]!), 5],
  "fibers that spawned jobs fork": (pool, map) => [
    Effect.forEach(upTo(6), () => pool.spawn(Effect.flatMap(Effect.forkChild(map(one, 5)), Fiber.join))).pipe(
      Effect.flatMap(Effect.forEach((fiber) => Fiber.join(fiber))),
      Effect.map((sums) => sums[5]!)
    ),
    5
  ],
  "jobs of maps, three deep": (_, map) => [map(() => map(() => map(() => map(one, 3), 3), 3), 3), 81],
  "jobs of another pool, entered from a job of this one": (pool, map, other) => [
    Effect.map(several(3, pool.run(other.run(map(one, 4)))), (sums) => sums[2]!),
    4
  ],
  "jobs of a map, on another pool": (_, map, __, otherMap) => [map(() => otherMap(one, 3), 3), 9],
  "jobs of a pile": (pool, map) => [pileOf(pool, map(one, 4)), 12],
  "a job that pauses the pool": (pool, map) => [pool.run(Effect.andThen(Effect.orDie(pool.resize(0)), map(one, 5))), 5]
}

describe.each([1, 2, 3])("on a pool of size %i", (size) => {
  it.each(verbs.flatMap((verb) => Object.entries(nestings).map(([where, nesting]) => ({ verb, where, nesting }))))(
    "$verb ends in $where, with all its results",
    ({ nesting, verb }) => {
      const world = new World()
      const [pool, other] = [world.pool(size), world.pool(1)]
      const [effect, sum] = nesting(pool, summing(pool, verb), other, summing(other, verb))
      expect(world.get(effect)).toBe(sum)
      world.get(expectEmpty(pool))
      world.get(expectEmpty(other))
    }
  )

  it("a pile ends in a job of a map", () => {
    const { pool, world } = readMap(size)
    expect(world.get(Stream.runCollect(pool.imap(() => pileOf(pool, one()), upTo(3))))).toEqual([3, 3, 3])
    world.get(expectEmpty(pool))
  })

  it("a nested map works on as many items as there are slots, its job's own included", () => {
    const { jobs, pool, world } = readMap(size)
    const fiber = world.fork(pool.run(Stream.runDrain(pool.imap(jobs.job, upTo(100)))))
    world.run()
    // The free slots, and the one that is borrowed.
    expect(jobs.running).toEqual(upTo(size))
    expect(world.get(counters(pool))).toEqual({ free: 0, running: size, waiting: 0, borrowed: 1 })
    fiber.interruptUnsafe()
    world.run()
    expect(fiber.pollUnsafe()).toBeDefined()
    expect(jobs.running).toEqual([])
    world.get(expectEmpty(pool))
  })

  it("maps nested in each other hold no more slots than there are", () => {
    const { pool, world } = readMap(size)
    let running = 0
    let most = 0
    const leaf = Effect.acquireUseRelease(
      Effect.sync(() => most = Math.max(most, ++running)),
      () => Effect.yieldNow,
      () => Effect.sync(() => running--)
    )
    const inner = Stream.runDrain(pool.imap(() => leaf, upTo(4)))
    world.get(Stream.runDrain(pool.imap(() => inner, upTo(4))))
    expect(most).toBe(size)
  })

  it("a nested map that fails fails in its job alone", () => {
    const { pool, world } = readMap(size)
    const failing = Stream.runDrain(pool.imap((item) => item === 2 ? Effect.fail("nested") : Effect.void, upTo(5)))
    const exits = world.get(Stream.runCollect(pool.imapExit((item) => item === 1 ? failing : Effect.void, upTo(3))))
    expect(exits).toEqual([Exit.void, Exit.fail("nested"), Exit.void])
    world.get(expectEmpty(pool))
  })

  it("a nested pile's failing job fails where it is read, not where it is spawned", () => {
    const { pool, world } = readMap(size)
    const job = Effect.scoped(Effect.gen(function*() {
      const pile = yield* GreenPile.make<number, string>(pool)
      yield* pile.spawn(Effect.fail("first"))
      yield* pile.spawn(Effect.succeed(2))
      return [yield* Effect.flip(pile.next), yield* pile.next, yield* pile.next]
    }))
    expect(world.get(several(size, pool.run(job)))).toEqual(
      upTo(size).map(() => ["first", Option.some(2), Option.none()])
    )
    world.get(expectEmpty(pool))
  })
})

describe("depth is no limit", () => {
  it.each<[string, (pool: GreenPool, below: Effect.Effect<number>) => Effect.Effect<number>]>([
    ["maps in jobs of maps", (pool, below) => summing(pool, "imap")(() => below, 1)],
    ["piles in jobs of piles", (pool, below) =>
      Effect.scoped(Effect.gen(function*() {
        const pile = yield* GreenPile.make<number>(pool)
        yield* pile.spawn(below)
        return Option.getOrThrow(yield* pile.next)
      })).pipe(Effect.orDie)]
  ])("to %s", (_, around) => {
    const { pool, world } = readMap(2)
    const nested = (depth: number): Effect.Effect<number> =>
      depth === 0 ? Effect.succeed(0) : Effect.map(around(pool, Effect.suspend(() => nested(depth - 1))), (n) => n + 1)
    expect(world.get(nested(5000))).toBe(5000)
    world.get(expectEmpty(pool))
  })
})
