import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import { SourceError } from "../src/index.ts"
import { expectEmpty } from "./support/counters.ts"
import { makePool } from "./support/makePool.ts"
import { readMap } from "./support/map-reading.ts"
import { Reader } from "./support/reader.ts"
import { lengthsAround, openSizes, upTo } from "./support/sizes.ts"

type Pair = readonly [base: number, exponent: number]

const power = (base: number, exponent: number) => Effect.succeed(base ** exponent)

const pairs = (length: number): Array<Pair> => upTo(length).map((item): Pair => [item, 2])

const squares = (length: number): Array<number> => upTo(length).map((item) => item ** 2)

describe.each(openSizes)("starmap on a pool of size %i", (size) => {
  it.each(lengthsAround(size))("spreads each tuple over the parameters, in order, for an input of %i", (length) => {
    const { pool, world } = readMap(size)
    const reader = new Reader(world, pool.starmap(power, pairs(length)))
    reader.readAll()
    expect(reader.values).toEqual(squares(length))
    expect(reader.exit).toEqual(Exit.void)
    world.get(expectEmpty(pool))
  })
})

describe("starmap", () => {
  it("takes tuples of any length, none and many", () => {
    const { pool, world } = readMap(2)
    const count = (...args: ReadonlyArray<number>) => Effect.succeed(args.length)
    const source: ReadonlyArray<ReadonlyArray<number>> = [[], [1], [1, 2, 3]]
    expect(world.get(Stream.runCollect(pool.starmap(count, source)))).toEqual([0, 1, 3])
  })

  it.effect("takes tuples from an async iterable and from a stream, with their failures", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const source = async function*(): AsyncGenerator<Pair> {
        yield* pairs(3)
        throw new Error("boom")
      }
      const results: Array<number> = []
      const error = yield* Effect.flip(
        Stream.runForEach(pool.starmap(power, source()), (result) => Effect.sync(() => results.push(result)))
      )
      expect(error).toBeInstanceOf(SourceError)
      expect(results).toEqual(squares(3))
      const stream = Stream.concat(Stream.fromIterable(pairs(3)), Stream.fail("stream"))
      expect(yield* Effect.flip(Stream.runDrain(pool.starmap(power, stream)))).toBe("stream")
    }))
})
