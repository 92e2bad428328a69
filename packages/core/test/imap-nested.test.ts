import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { expectEmpty } from "./support/counters.ts"
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

const total = <E>(sums: Effect.Effect<ReadonlyArray<number>, E>) =>
  Effect.map(sums, (all) => all.reduce((sum, one) => sum + one, 0))

/** Maps inside jobs, and the sum of all they give. */
const nestings: Record<
  string,
  (pool: GreenPool, map: Map, other: GreenPool, otherMap: Map) => [Effect.Effect<number>, number]
> = {
  "jobs of run": (pool, map) => [total(several(6, pool.run(map(one, 5)))), 30],
  "fibers that spawned jobs fork": (pool, map) => [
    total(
      Effect.forEach(upTo(6), () => pool.spawn(Effect.flatMap(Effect.forkChild(map(one, 5)), Fiber.join))).pipe(
        Effect.flatMap(Effect.forEach((fiber) => Fiber.join(fiber)))
      )
    ),
    30
  ],
  "jobs of maps, three deep": (_, map) => [map(() => map(() => map(() => map(one, 3), 3), 3), 3), 81],
  "jobs of another pool, entered from a job of this one": (pool, map, other) => [
    total(several(3, pool.run(other.run(map(one, 4))))),
    12
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
