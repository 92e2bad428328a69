import { expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { expectEmpty, World } from "./support/index.ts"

type Sum = Effect.Effect<number>

it.each<[string, (pool: GreenPool, below: Sum) => Sum]>([
  ["maps in jobs of maps", (pool, below) => Stream.runSum(pool.imap(() => below, [1]))],
  [
    "piles in jobs of piles",
    (pool, below) =>
      Effect.scoped(
        Effect.flatMap(GreenPile.make<number>(pool), (pile) =>
          Effect.andThen(pile.spawn(below), Stream.runSum(pile.results)))
      )
  ]
])("depth is no limit to %s", (_, around) => {
  const world = new World()
  const pool = world.pool(2)
  const nested = (depth: number): Sum =>
    depth === 0 ? Effect.succeed(0) : Effect.map(around(pool, Effect.suspend(() => nested(depth - 1))), (n) => n + 1)
  expect(world.get(nested(5000))).toBe(5000)
  world.get(expectEmpty(pool))
})
