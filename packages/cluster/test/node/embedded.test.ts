import { expect, it } from "@effect/vitest"
import { ClusterJob } from "@greenpool/cluster"
import { layerEmbedded } from "@greenpool/cluster/node"
import { GreenPool } from "@greenpool/core"
import { Effect, Layer, Schema } from "effect"
import { EntityId, Sharding } from "effect/cluster"
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

it.effect("its sharding has the options that it is given, and else those of the timings", () =>
  Effect.gen(function*() {
    const shards = Effect.map(Sharding.Sharding, (sharding) => {
      const ids = Array.from({ length: 1000 }, (_, i) => sharding.getShardId(EntityId.make(`${i}`), "default").id)
      return new Set(ids).size
    })
    expect(yield* Effect.provide(shards, layerEmbedded({ sharding: { shardsPerGroup: 2 } }))).toBe(2)
    expect(yield* Effect.provide(shards, layerEmbedded())).toBe(64)
  }))
