// A process of the example `cluster`: it keeps its part of the budget busy, and says how many of its jobs run.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { ClusterGreenPool } from "@greenpool/cluster"
import * as NodeCluster from "@greenpool/cluster/node"
import { GreenPool } from "@greenpool/core"
import { Effect, Layer, Random, References } from "effect"

const [database = "", size = "", port] = process.argv.slice(2)

// A process with a port serves the others: it may be the one that hands out the slots.
const Cluster = port === undefined
  ? NodeCluster.layerClient()
  : NodeCluster.layerRunner({ port: Number(port), lease: "6 seconds", reclaimAfter: "1 second" })

// The only line that is not in a program of one process: there it is GreenPool.layer({ size }).
const Pool = ClusterGreenPool.layer({ name: "example", size: Number(size), heartbeat: "1 second" })

const MainLayer = Pool.pipe(
  Layer.provide(Cluster),
  Layer.provide(NodeCluster.layerSqlite({ filename: database }))
)

const job = Effect.flatMap(Random.nextBetween(50, 150), (millis) => Effect.sleep(millis))

const work = Effect.all(Array.from({ length: 2 * Number(size) }, () => Effect.forever(GreenPool.run(job))), {
  concurrency: "unbounded",
  discard: true
})

const tell = GreenPool.running.pipe(
  Effect.tap((running) => Effect.sync(() => process.send?.(running))),
  Effect.delay(100),
  Effect.forever
)

NodeRuntime.runMain(
  Effect.raceFirst(work, tell).pipe(
    Effect.provide(MainLayer),
    // A connection to a process that was killed is no error here.
    Effect.provideService(References.MinimumLogLevel, "Fatal")
  )
)
