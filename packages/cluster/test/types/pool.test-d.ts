// What does not compile need not be run.
// @effect-diagnostics floatingEffect:off
/** The types of pools of a cluster: bounds are in them, and what isn't there is an error. */
import { GreenPool, type InvalidPoolSize, type PoolFull } from "@greenpool/core"
import type { Effect, Layer, Scope } from "effect"
import type { Sharding } from "effect/cluster"
import { expectTypeOf } from "vitest"
import { ClusterGreenPool, type ClusterPool } from "../../src/index.ts"

type Made<Rejected> = Effect.Effect<ClusterPool<Rejected>, InvalidPoolSize, Scope.Scope | Sharding.Sharding>

class Bounded extends GreenPool.Service<Bounded>()("types/Bounded", { maxWait: "1 second" }) {}

class Unbounded extends GreenPool.Service<Unbounded>()("types/Unbounded") {}

export const check = () => {
  expectTypeOf(ClusterGreenPool.make({ name: "api" })).toEqualTypeOf<Made<never>>()
  expectTypeOf(ClusterGreenPool.make({ name: "api", size: 5, heartbeat: "1 second" })).toEqualTypeOf<Made<never>>()
  expectTypeOf(ClusterGreenPool.make({ name: "api", maxWaiting: 5 })).toEqualTypeOf<Made<PoolFull>>()
  expectTypeOf(ClusterGreenPool.make({ name: "api", maxWaiting: (size) => 2 * size })).toEqualTypeOf<Made<PoolFull>>()
  expectTypeOf(ClusterGreenPool.make({ name: "api", maxWait: "1 second" })).toEqualTypeOf<Made<PoolFull>>()

  expectTypeOf(ClusterGreenPool.layer({ name: "api" })).toEqualTypeOf<
    Layer.Layer<GreenPool, InvalidPoolSize, Sharding.Sharding>
  >()
  expectTypeOf(ClusterGreenPool.layerFor(Bounded, { name: "api", maxWait: "2 seconds" })).toEqualTypeOf<
    Layer.Layer<Bounded, InvalidPoolSize, Sharding.Sharding>
  >()
  expectTypeOf(ClusterGreenPool.layerFor(Unbounded, { name: "api" })).toEqualTypeOf<
    Layer.Layer<Unbounded, InvalidPoolSize, Sharding.Sharding>
  >()

  // @ts-expect-error a pool of a cluster has a name: that of its budget
  ClusterGreenPool.make({ size: 5 })
  // @ts-expect-error it doesn't find its own size
  ClusterGreenPool.make({ name: "api", adaptive: true })
  // @ts-expect-error there is no such option
  ClusterGreenPool.make({ name: "api", heartBeat: "1 second" })
  // @ts-expect-error calls through this key are never rejected
  ClusterGreenPool.layer({ name: "api", maxWaiting: 5 })
  // @ts-expect-error nor are those through a key without bounds
  ClusterGreenPool.layerFor(Unbounded, { name: "api", maxWaiting: 5 })
}
