// A program of a user with a cluster of one process: a pool of a budget, and a durable job on it.
import { ClusterGreenPool, ClusterJob } from "@greenpool/cluster"
import * as NodeCluster from "@greenpool/cluster/node"
import { GreenPool } from "@greenpool/core"
import { Effect, Layer, Schema } from "effect"

const Double = ClusterJob.make("double", {
  payload: { n: Schema.Int },
  success: Schema.Int,
  idempotencyKey: ({ n }) => String(n)
})

const MainLayer = Double.toLayer(({ n }) => Effect.succeed(2 * n)).pipe(
  Layer.provideMerge(ClusterGreenPool.layer({ name: "program", size: 2 })),
  Layer.provideMerge(NodeCluster.layerEmbedded())
)

const program = Effect.all([GreenPool.run(Effect.succeed(1)), Double.run({ n: 21 })])

const results = await Effect.runPromise(Effect.provide(program, MainLayer))
if (results.join() !== "1,42") throw new Error(`The results are ${results}`)
console.log("It shares a budget and runs a durable job")
