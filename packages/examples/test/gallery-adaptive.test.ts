import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Schedule } from "effect"
import { FetchHttpClient } from "effect/http"
import { ask, startServer } from "../src/gallery/adaptive.ts"
import { runExample } from "./example.ts"

/** The mean size over a second and a half, once the pool has found it. */
const size = Effect.gen(function*() {
  let sum = 0
  for (let i = 0; i < 30; i++) {
    yield* Effect.sleep("50 millis")
    sum += yield* GreenPool.size
  }
  return sum / 30
})

describe("adaptive", () => {
  it.live(
    "finds how much a real server takes, and finds it again after half of its workers have gone",
    () =>
      Effect.gen(function*() {
        const server = yield* startServer(12)
        yield* Effect.forkScoped(ask(server.address, 100))
        /** Near the workers and their queue, neither idle nor refused all the time. */
        const between = (least: number, most: number) =>
          size.pipe(
            Effect.filterOrFail((size) => size >= least && size <= most),
            Effect.retry(Schedule.recurs(20))
          )
        yield* between(9, 28)
        const before = yield* GreenPool.stats
        yield* server.setWorkers(3)
        yield* between(2, 9)
        const after = yield* GreenPool.stats
        assert.isBelow(after.size, before.size)
        // The refusals are what the search costs, not what it lives on.
        assert.isBelow(after.failed / (after.failed + after.succeeded), 0.4)
      }).pipe(
        Effect.scoped,
        Effect.provide([GreenPool.layer({ adaptive: { max: 100 } }), FetchHttpClient.layer])
      ),
    60_000
  )

  it.live("prints a line a second", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* runExample("adaptive", "--seconds", "2", "--lose-after", "1")
      assert.strictEqual(stderr, "")
      assert.strictEqual(code, 0)
      assert.match(stdout, /^ {2}1 s {2}(starting|steady) +size +\d+ +\d+\/s +\d+ ms/m)
      assert.match(stdout, /half of the workers have gone: 8 are left/)
    }), 60_000)
})
