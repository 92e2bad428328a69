import { expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { makePool } from "./support/makePool.ts"

it.effect("starmap spreads tuples of any length, also none, over the parameters, and fails as their source does", () =>
  Effect.gen(function*() {
    const pool = yield* makePool(2)
    const source = Stream.concat(Stream.make([], [1], [3, 1, 2], [5, 4]), Stream.fail("source"))
    const map = pool.starmap((...args: ReadonlyArray<number>) => Effect.succeed(args.join("-")), source)
    const results: Array<string> = []
    const read = Stream.runForEach(map, (result) => Effect.sync(() => results.push(result)))
    expect(yield* Effect.flip(read)).toBe("source")
    expect(results).toEqual(["", "1", "3-1-2", "5-4"])
  }))
