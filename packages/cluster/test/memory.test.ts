/** A pool that lives long keeps nothing of what is over. */
import { expect } from "@effect/vitest"
import { Effect } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { member, members, pass, start, test } from "./support/cluster.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const heap = Effect.promise(async () => {
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
})

test("heartbeats, jobs, and members that come and go leave no memory behind", function*() {
  const pool = yield* member({ size: 4 })
  yield* start(pool, 1)
  const round = Effect.scoped(Effect.gen(function*() {
    for (const guest of yield* members(5, 4)) {
      yield* guest.run(Effect.void)
      for (let call = 0; call < 4; call++) {
        yield* pool.clusterStats
        // It is given up.
        yield* Effect.forkScoped(guest.waitall)
      }
    }
    yield* Effect.forEach(Array.from({ length: 50 }, () => Effect.yieldNow), pool.run, { concurrency: 10 })
    // Two heartbeats.
    yield* pass(6000)
  }))
  const rounds = (count: number) => Effect.andThen(Effect.repeat(round, { times: count - 1 }), heap)
  let before = yield* rounds(15)
  const growth: Array<number> = []
  for (let times = 0; times < 6; times++) {
    const after = yield* rounds(10)
    growth.push((after - before) / 50)
    before = after
  }
  // Compiled code takes memory now and then. What a guest leaves behind, it leaves each time.
  expect(Math.min(...growth)).toBeLessThan(2000)
  expect((yield* pool.clusterStats).members.length).toBe(1)
})
