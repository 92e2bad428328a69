import { expect } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { makePool, testEffect, turns } from "./support/index.ts"

testEffect("starmap spreads tuples of any length, in their order, and fails as their source does", function*() {
  const pool = yield* makePool(2)
  const source = Stream.concat(Stream.make([], [1], [3, 1, 2], [5, 4]), Stream.fail("source"))
  // The shorter, the later it ends.
  const job = (...args: ReadonlyArray<number>) => Effect.as(turns(9 - 3 * args.length), args.join("-"))
  const map = pool.starmap(job, source)
  const results: Array<string> = []
  const read = Stream.runForEach(map, (result) => Effect.sync(() => results.push(result)))
  expect(yield* Effect.flip(read)).toBe("source")
  expect(results).toEqual(["", "1", "3-1-2", "5-4"])
})
