// What does not compile need not be run.
// @effect-diagnostics floatingEffect:off missingEffectError:off missingEffectContext:off
import { Config, type Duration, Effect, type Layer, type Schema } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import {
  GreenPool,
  type GreenPool as Pool,
  GreenPoolLive,
  type GreenPoolOptions,
  type InvalidPoolSize,
  type PoolSize,
  type PoolStats
} from "../../src/index.ts"

describe("the layers of a pool", () => {
  it("give the pool and need nothing", () => {
    expectTypeOf(GreenPoolLive).toEqualTypeOf<Layer.Layer<Pool>>()
    expectTypeOf(GreenPool.layer()).toEqualTypeOf<Layer.Layer<Pool, InvalidPoolSize>>()
    expectTypeOf(GreenPool.layer({ size: 3 })).toEqualTypeOf<Layer.Layer<Pool, InvalidPoolSize>>()
  })

  it("read from configuration fail with its errors too", () => {
    expectTypeOf(GreenPool.layerConfig({ size: Config.Int("POOL_SIZE") }))
      .toEqualTypeOf<Layer.Layer<Pool, InvalidPoolSize | Config.ConfigError>>()
    expectTypeOf(GreenPool.layerConfig({ size: Config.Int("POOL_SIZE"), name: Config.succeed("api") }))
      .toEqualTypeOf<Layer.Layer<Pool, InvalidPoolSize | Config.ConfigError>>()
    expectTypeOf(GreenPool.layerConfig(Config.succeed<GreenPoolOptions>({ size: 3 })))
      .toEqualTypeOf<Layer.Layer<Pool, InvalidPoolSize | Config.ConfigError>>()
  })

  it("provide what the statics need", () => {
    expectTypeOf(Effect.provide(GreenPool.run(Effect.succeed(1)), GreenPoolLive)).toEqualTypeOf<Effect.Effect<number>>()
  })

  it("refuse wrong use", () => {
    // @ts-expect-error a size is a number
    GreenPool.layerConfig({ size: Config.succeed("three") })
    // @ts-expect-error a size comes from configuration there
    GreenPool.layerConfig({ size: "POOL_SIZE" })
    // @ts-expect-error layer is a function, GreenPoolLive is the layer
    Effect.provide(Effect.void, GreenPool.layer)
  })
})

describe("what crosses a boundary", () => {
  it("has exact types", () => {
    expectTypeOf<PoolSize>().toExtend<number>()
    expectTypeOf<number>().not.toExtend<PoolSize>()
    expectTypeOf<Pick<PoolStats, "name" | "size" | "running" | "free" | "waiting">>().toEqualTypeOf<{
      readonly name: string
      readonly size: number
      readonly running: number
      readonly free: number
      readonly waiting: number
    }>()
    expectTypeOf<InvalidPoolSize["_tag"]>().toEqualTypeOf<"InvalidPoolSize">()
    expectTypeOf<InvalidPoolSize["value"]>().toEqualTypeOf<string>()
    expectTypeOf<Schema.Schema.Type<typeof GreenPoolOptions>>().toEqualTypeOf<{
      readonly size?: PoolSize | undefined
      readonly name?: string | undefined
      readonly maxWaiting?: number | undefined
      readonly maxWait?: Duration.Duration | undefined
      readonly priorityBoost?: number | undefined
      readonly onClose?: "interrupt" | "drain" | undefined
      readonly drainTimeout?: Duration.Duration | undefined
      readonly metrics?: boolean | undefined
      readonly tracing?: boolean | undefined
      readonly slowWait?: Duration.Duration | undefined
      readonly adaptive?:
        | boolean
        | {
          readonly min?: number | undefined
          readonly max?: number | undefined
          readonly latencyTarget?: Duration.Duration | undefined
        }
        | undefined
    }>()
  })
})
