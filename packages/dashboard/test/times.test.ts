import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { quantile, Times } from "../src/internal/times.ts"
import { ownMetrics } from "./support/serve.ts"

const buckets = (...counts: ReadonlyArray<number>) =>
  [0.001, 0.01, 0.1, 1, Infinity].map((bound, i) => [bound, counts[i]!] as const)

describe("a quantile", () => {
  it("is linear within a bucket", () => {
    assert.closeTo(quantile(0.5, buckets(0, 0, 10, 10, 10), undefined)!, 0.055, 1e-9)
    assert.closeTo(quantile(0.95, buckets(0, 50, 100, 100, 100), undefined)!, 0.091, 1e-9)
  })
  it("is 0 in the first bucket, and the lower bound in the last", () => {
    assert.strictEqual(quantile(0.5, buckets(9, 10, 10, 10, 10), undefined), 0)
    assert.strictEqual(quantile(0.99, buckets(0, 0, 0, 0, 4), undefined), 1)
  })
  it("counts what came since the reading before", () => {
    assert.strictEqual(quantile(0.5, buckets(90, 90, 90, 90, 100), buckets(90, 90, 90, 90, 90)), 1)
    assert.isUndefined(quantile(0.5, buckets(7, 7, 7, 7, 7), buckets(7, 7, 7, 7, 7)))
  })
  it("counts everything where the counts have gone down", () => {
    assert.strictEqual(quantile(0.5, buckets(3, 3, 3, 3, 3), buckets(7, 7, 7, 7, 7)), 0)
  })
})

describe("times", () => {
  it.effect("are those of the last 10 seconds, and of a pool that is measured", () =>
    Effect.gen(function*() {
      const measured = yield* GreenPool.make({ name: "measured", metrics: true })
      const again = yield* GreenPool.make({ name: "measured", metrics: true })
      yield* GreenPool.make({ name: "other" })
      const times = new Times(yield* Effect.context<never>())
      times.sample()
      assert.isUndefined(times.of("other"))
      assert.deepStrictEqual(times.of("measured"), [-1, -1, -1, -1, -1, -1])
      const job = (pool: GreenPool) =>
        Effect.gen(function*() {
          const fiber = yield* pool.spawn(Effect.sleep("200 millis"))
          yield* TestClock.adjust("200 millis")
          yield* Effect.exit(Effect.asVoid(Effect.succeed(fiber)))
        })
      yield* job(measured)
      yield* job(again)
      times.sample()
      const [w50, , , r50] = times.of("measured")!
      assert.strictEqual(w50, 0)
      // Between 100 and 250 ms, half of the way.
      assert.strictEqual(r50, 1800)
      for (let second = 0; second < 11; second++) times.sample()
      assert.deepStrictEqual(times.of("measured"), [-1, -1, -1, -1, -1, -1])
    }).pipe(Effect.scoped, ownMetrics))
})
