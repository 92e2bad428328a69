/** A process of the benchmark: callers that always want a slot, and a count of the jobs that have ended. */
import { ClusterGreenPool } from "@greenpool/cluster"
import { layerClient, layerRunner, layerSqlite } from "@greenpool/cluster/node"
import { GreenPool } from "@greenpool/core"
import { Effect, Layer, References } from "effect"
import { Redis } from "ioredis"
import { setTimeout as sleep } from "node:timers/promises"
import { Semaphore } from "redis-semaphore"
import type { Contender } from "./main.ts"

const options = JSON.parse(process.argv[2]!) as Contender
const { callers, kind, millis, size } = options

let done = 0

const work = Effect.gen(function*() {
  const job = Effect.map(Effect.sleep(millis), () => void done++)
  yield* Effect.all(Array.from({ length: callers }, () => Effect.forever(GreenPool.run(job))), {
    concurrency: "unbounded"
  })
  // A process without callers is there all the same.
  return yield* Effect.never
})

const cluster = () => {
  const process = options.port === undefined ? layerClient() : layerRunner({ port: options.port })
  return ClusterGreenPool.layer({ name: "benchmark", size }).pipe(
    Layer.provide(process),
    Layer.provide(layerSqlite({ filename: options.database }))
  )
}

const redis = async () => {
  const client = new Redis(options.redis)
  const caller = async () => {
    const semaphore = new Semaphore(client, "benchmark", size, { acquireTimeout: 600_000 })
    while (true) {
      await semaphore.acquire()
      await sleep(millis)
      await semaphore.release()
      done++
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

process.on("message", async (seconds: number) => {
  const before = done
  await sleep(1000 * seconds)
  process.send!(done - before)
})
process.on("disconnect", () => process.exit())
process.send!("started")

if (kind === "redis") {
  await redis()
} else {
  await Effect.runPromise(work.pipe(
    Effect.provide(kind === "cluster" ? cluster() : GreenPool.layer({ size })),
    Effect.provideService(References.MinimumLogLevel, "Error")
  ))
}
