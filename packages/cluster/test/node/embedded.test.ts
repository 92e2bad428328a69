import { expect, it } from "@effect/vitest"
import { ClusterJob } from "@greenpool/cluster"
import { layerEmbedded } from "@greenpool/cluster/node"
import { GreenPool } from "@greenpool/core"
import { Effect, Layer, Schema } from "effect"
import { member, pass, start } from "../support/cluster.ts"

const Job = ClusterJob.make("job", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })

it.effect("leases are renewed when the durable jobs of a process have been closed, before its pools are", () =>
  Effect.gen(function*() {
    const pool = yield* member({ size: 1 })
    yield* start(pool, 1)
    yield* Effect.scoped(Layer.build(Layer.provide(Job.toLayer(() => Effect.void), GreenPool.layer())))
    yield* pass(1000, 20)
    expect(yield* pool.running).toBe(1)
  }).pipe(Effect.provide(layerEmbedded())))
