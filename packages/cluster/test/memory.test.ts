/**
 * A pool that lives long keeps nothing of what is over.
 */
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
    const minutes = (count: number) =>
      Effect.gen(function*() {
        for (let minute = 0; minute < count; minute++) {
          const scope = yield* Scope.make()
          const guest = yield* Scope.provide(member({ size: 4 }), scope)
          yield* Effect.forEach(Array.from({ length: 50 }, () => Effect.yieldNow), pool.run, { concurrency: 10 })
          yield* guest.run(Effect.void)
          yield* pass(12_000, 5)
          yield* Scope.close(scope, Exit.void)
        }
        return yield* heap
      })
    const before = yield* minutes(10)
    const after = yield* minutes(20)
    expect(after - before).toBeLessThan(500_000)
    expect((yield* pool.clusterStats).members.length).toBe(1)
  }).pipe(Effect.provide(ClusterGreenPool.layerTest())))
