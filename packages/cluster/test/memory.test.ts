/** A pool that lives long keeps nothing of what is over. */
import { expect, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { ClusterGreenPool } from "../src/index.ts"
import { member, pass } from "./support/cluster.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const heap = Effect.promise(async () => {
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
})

it.effect("heartbeats, jobs, and members that come and go leave no memory behind", () =>
  Effect.gen(function*() {
    const pool = yield* member({ size: 4 })
    const rounds = (count: number) =>
      Effect.gen(function*() {
        for (let round = 0; round < count; round++) {
          const scope = yield* Scope.make()
          for (let guest = 0; guest < 5; guest++) {
            const { run } = yield* Scope.provide(member({ size: 4 }), scope)
            yield* run(Effect.void)
          }
          yield* Effect.forEach(Array.from({ length: 50 }, () => Effect.yieldNow), pool.run, { concurrency: 10 })
          // Two heartbeats.
          yield* pass(6000)
          yield* Scope.close(scope, Exit.void)
        }
        return yield* heap
      })
    let before = yield* rounds(15)
    const growth: Array<number> = []
    for (let times = 0; times < 3; times++) {
      const after = yield* rounds(10)
      growth.push((after - before) / 50)
      before = after
    }
    // Compiled code takes memory now and then. What a guest leaves behind, it leaves each time.
    expect(Math.min(...growth)).toBeLessThan(2000)
    expect((yield* pool.clusterStats).members.length).toBe(1)
  }).pipe(Effect.provide(ClusterGreenPool.layerTest())))
