import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { expectEmpty, upTo, World } from "./support/index.ts"

const verbs = ["imap", "imapUnordered"] as const

type Sum = Effect.Effect<number>

/** The sum of the results of a map over so many items. */
type Map = (job: Sum, length: number) => Sum

const mapOn = (pool: GreenPool, verb: typeof verbs[number]): Map => (job, length) =>
  Stream.runSum(pool[verb](() => job, upTo(length)))

/** The sum of the results of a pile of so many jobs. */
const pileOf = (pool: GreenPool, job: Sum, length: number): Sum =>
  Effect.scoped(Effect.gen(function*() {
    const pile = yield* GreenPile.make<number>(pool)
    for (const _ of upTo(length)) yield* pile.spawn(job)
    return yield* Stream.runSum(pile.results)
  }))

const one = Effect.as(Effect.yieldNow, 1)

/** The sum of what six of them give. */
const six = (sum: Sum): Sum =>
  Effect.map(Effect.all(upTo(6).map(() => sum), { concurrency: "unbounded" }), (sums) => sums.reduce((a, b) => a + b))

/** Maps inside jobs, and the sum of all they give. */
const nestings: Record<string, (pool: GreenPool, map: Map, other: GreenPool, otherMap: Map) => readonly [Sum, number]> =
  {
    "jobs of run": (pool, map) => [six(pool.run(map(one, 5))), 30],
    "fibers that spawned jobs fork": (pool, map) => {
      const job = Effect.flatMap(Effect.forkChild(map(one, 5)), Fiber.join)
      return [six(Effect.flatMap(pool.spawn(job), Fiber.join)), 30]
    },
    "jobs of maps, three deep": (_, map) => [map(map(map(map(one, 3), 3), 3), 3), 81],
    "jobs of another pool, entered from a job of this one": (pool, map, other) => [
      six(pool.run(other.run(map(one, 4)))),
      24
    ],
    "jobs of a map, on another pool": (_, map, __, otherMap) => [map(otherMap(one, 3), 3), 9],
    "jobs of a pile": (pool, map) => [pileOf(pool, map(one, 4), 3), 12],
    "a job that pauses the pool": (pool, map) => [
      pool.run(Effect.andThen(Effect.orDie(pool.resize(0)), map(one, 5))),
      5
    ]
  }

describe.each([1, 2, 3].flatMap((size) => verbs.map((verb) => ({ size, verb }))))(
  "on a pool of size $size, $verb",
  ({ size, verb }) => {
    it.each(Object.entries(nestings))("ends in %s, with all its results", (_, nesting) => {
      const world = new World()
      const [pool, other] = [world.pool(size), world.pool(1)]
      const [effect, sum] = nesting(pool, mapOn(pool, verb), other, mapOn(other, verb))
      expect(world.get(effect)).toBe(sum)
      world.get(expectEmpty(pool))
      world.get(expectEmpty(other))
    })
  }
)

it.each<[string, (pool: GreenPool, below: Sum) => Sum]>([
  ["maps in jobs of maps", (pool, below) => mapOn(pool, "imap")(below, 1)],
  ["piles in jobs of piles", (pool, below) => pileOf(pool, below, 1)]
])("depth is no limit to %s", (_, around) => {
  const world = new World()
  const pool = world.pool(2)
  const nested = (depth: number): Sum =>
    depth === 0 ? Effect.succeed(0) : Effect.map(around(pool, Effect.suspend(() => nested(depth - 1))), (n) => n + 1)
  expect(world.get(nested(5000))).toBe(5000)
  world.get(expectEmpty(pool))
})
