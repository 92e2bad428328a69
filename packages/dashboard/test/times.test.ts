import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { quantile, Times } from "../src/internal/times.ts"
import { test } from "./support/serve.ts"

const buckets = (counts: ReadonlyArray<number>) =>
  [0.001, 0.01, 0.1, 1, Infinity].map((bound, i) => [bound, counts[i]!] as const)

describe("a quantile", () => {
  it.each<[string, number, ReadonlyArray<number>, ReadonlyArray<number> | undefined, number | undefined]>([
    ["is linear within a bucket", 0.5, [0, 0, 10, 10, 10], undefined, 0.055],
    ["is linear within a bucket that isn't the first with counts", 0.95, [0, 50, 100, 100, 100], undefined, 0.091],
    ["is 0 in the first bucket", 0.5, [9, 10, 10, 10, 10], undefined, 0],
    ["is the lower bound in the last bucket", 0.99, [0, 0, 0, 0, 4], undefined, 1],
    ["counts what came since the reading before", 0.5, [90, 90, 90, 90, 100], [90, 90, 90, 90, 90], 1],
    ["is none where nothing came since", 0.5, [7, 7, 7, 7, 7], [7, 7, 7, 7, 7], undefined],
    ["counts everything where the counts have gone down", 0.5, [3, 3, 3, 3, 3], [7, 7, 7, 7, 7], 0]
  ])("%s", (_, q, counts, before, expected) => {
    const found = quantile(q, buckets(counts), before && buckets(before))
    assert.strictEqual(found?.toFixed(9), expected?.toFixed(9))
  })
})

test("times are those of the last 10 seconds, and of a pool that is measured", function*() {
  // Pools of one name share theirs.
  const measured = yield* Effect.forEach([1, 2], () => GreenPool.make({ name: "measured", metrics: true }))
  yield* GreenPool.make({ name: "other" })
  const times = new Times(yield* Effect.context<never>())
  times.sample()
  assert.isUndefined(times.of("other"))
  assert.deepStrictEqual(times.of("measured"), [-1, -1, -1, -1, -1, -1])
  for (const pool of measured) {
    yield* pool.spawn(Effect.sleep("200 millis"))
    yield* TestClock.adjust("200 millis")
  }
  times.sample()
  const [w50, , , r50] = times.of("measured")!
  // Between 100 and 250 ms, half of the way.
  assert.deepStrictEqual([w50, r50], [0, 1800])
  for (let second = 0; second < 11; second++) times.sample()
  assert.deepStrictEqual(times.of("measured"), [-1, -1, -1, -1, -1, -1])
})
