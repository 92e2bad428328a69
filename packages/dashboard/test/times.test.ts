import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Metric } from "effect"
import { TestClock } from "effect/testing"
import { quantile, Times } from "../src/internal/times.ts"
import { fields } from "../src/internal/wire.ts"
import { test } from "./support/serve.ts"

const buckets = (counts: ReadonlyArray<number>) =>
  counts.map((count, i) => [[0.001, 0.01, 0.1, 1, Infinity][i]!, count] as const)

describe("a quantile", () => {
  it.each<[string, number, ReadonlyArray<number>, ReadonlyArray<number> | undefined, number | undefined]>([
    ["is linear within a bucket", 0.5, [0, 0, 10, 10, 10], undefined, 0.055],
    ["is linear within a bucket that isn't the first with counts", 0.95, [0, 50, 100, 100, 100], undefined, 0.091],
    ["is 0 in the first bucket", 0.5, [5, 10, 10, 10, 10], undefined, 0],
    ["is the lower bound in the last bucket", 0.99, [0, 0, 0, 0, 4], undefined, 1],
    ["counts what came since the reading before", 0.5, [90, 90, 90, 90, 100], [90, 90, 90, 90, 90], 1],
    ["is none where nothing came since", 0.5, [7, 7, 7, 7, 7], [7, 7, 7, 7, 7], undefined],
    ["counts everything where the counts have gone down", 0.5, [3, 3, 3, 3, 3], [7, 7, 7, 7, 7], 0],
    ["counts everything where the buckets are others", 0.5, [3, 3, 3, 3, 3], [3, 3], 0]
  ])("%s", (_, q, counts, before, expected) => {
    const found = quantile(q, buckets(counts), before && buckets(before))
    assert.strictEqual(found?.toFixed(9), expected?.toFixed(9))
  })
})

test("times are those of the last 10 seconds, and of a pool that is measured", function*() {
  const waits = (pool: string, bounds: ReadonlyArray<number>, more: object = {}) => {
    const boundaries = Metric.boundariesFromIterable(bounds)
    return Metric.histogram("greenpool_wait_seconds", { boundaries, attributes: { pool, ...more } })
  }
  // Pools of one name share theirs, also where they are in other series, or in those of another version.
  const both = [waits("both", [0.1, 0.2, 0.4]), waits("both", [0.1, 0.2, 0.4], { zone: "b" })] as const
  yield* Metric.value(both[0])
  const late = waits("late", [0.104995])
  const lateRuns = Metric.histogram("greenpool_run_seconds", {
    boundaries: Metric.boundariesFromIterable([0.1, 0.2, 0.4]),
    attributes: { pool: "late" }
  })
  const times = new Times(yield* Effect.context<never>())
  times.sample()
  assert.deepStrictEqual(times.of("both"), [-1, -1, -1, -1, -1, -1])
  yield* Metric.value(waits("both", [0.1], { version: "0" }))
  yield* Metric.update(both[0], 0.15)
  yield* Metric.update(both[1], 0.3)
  yield* Metric.update(late, 0.001)
  yield* Metric.update(lateRuns, 0.3)
  const measured = yield* GreenPool.make({ name: "measured", metrics: true })
  yield* Metric.value(Metric.gauge("connections", { attributes: { pool: "other" } }))
  times.sample()
  yield* Metric.update(late, 0.2)
  yield* Metric.update(lateRuns, 0.15)
  yield* measured.spawn(Effect.sleep("200 millis"))
  yield* TestClock.adjust("200 millis")
  for (let second = 2; second <= 10; second++) times.sample()
  assert.deepStrictEqual(["both", "late", "measured", "other"].map((pool) => times.of(pool)), [
    [2000, 3800, 4000, -1, -1, -1],
    // What was there when it was seen first may be old.
    [1000, 1000, 1000, 1500, 2000, 2000],
    // Between 100 and 250 ms, half of the way.
    [0, 0, 0, 1800, 2400, 2500],
    undefined
  ])
  // In the order in which they go over the wire.
  const named = Object.fromEntries(times.of("measured")!.map((time, i) => [fields.slice(-6)[i], time]))
  assert.deepStrictEqual(named, { wait50: 0, wait95: 0, wait99: 0, run50: 1800, run95: 2400, run99: 2500 })
  times.sample()
  assert.deepStrictEqual(times.of("both"), [-1, -1, -1, -1, -1, -1])
})
