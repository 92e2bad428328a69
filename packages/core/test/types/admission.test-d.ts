// What does not compile need not be run.
// @effect-diagnostics floatingEffect:off
import { describe, expectTypeOf, it } from "@effect/vitest"
import { Config, Effect, type Fiber, type Layer, type Option, type Scope } from "effect"
import {
  GreenPile,
  GreenPool,
  type GreenPoolOptions,
  type InvalidPoolSize,
  type JobOptions,
  type PoolFull
} from "../../src/index.ts"

declare const job: Effect.Effect<1, "E", "R">
declare const plain: GreenPool
declare const bounded: GreenPool<PoolFull>
declare const someOptions: JobOptions

class Plain extends GreenPool.Service<Plain>()("Plain", { size: 3 }) {}
class Bounded extends GreenPool.Service<Bounded>()("Bounded", { maxWaiting: (size) => 2 * size }) {}
class Timed extends GreenPool.Service<Timed>()("Timed", { maxWait: "1 second" }) {}

describe("PoolFull in the type of a call", () => {
  it("is not there without bounds", () => {
    expectTypeOf(plain.run(job)).toEqualTypeOf<Effect.Effect<1, "E", "R">>()
    expectTypeOf(plain.run(job, { key: "k", priority: 1 })).toEqualTypeOf<Effect.Effect<1, "E", "R">>()
    expectTypeOf(plain.spawn(job)).toEqualTypeOf<Effect.Effect<Fiber.Fiber<1, "E">, never, "R">>()
    expectTypeOf(plain.spawnN(job, { key: "k" })).toEqualTypeOf<Effect.Effect<void, never, "R">>()
    expectTypeOf(job.pipe(plain.run)).toEqualTypeOf<Effect.Effect<1, "E", "R">>()
    expectTypeOf(job.pipe(plain.spawn)).toEqualTypeOf<Effect.Effect<Fiber.Fiber<1, "E">, never, "R">>()
  })

  it("is there where the call has a maxWait", () => {
    expectTypeOf(plain.run(job, { maxWait: 5 })).toEqualTypeOf<Effect.Effect<1, "E" | PoolFull, "R">>()
    expectTypeOf(plain.spawn(job, { maxWait: 5 })).toEqualTypeOf<Effect.Effect<Fiber.Fiber<1, "E">, PoolFull, "R">>()
    expectTypeOf(plain.run(job, someOptions)).toEqualTypeOf<Effect.Effect<1, "E" | PoolFull, "R">>()
  })

  it("is there where the pool has bounds", () => {
    expectTypeOf(bounded.run(job)).toEqualTypeOf<Effect.Effect<1, "E" | PoolFull, "R">>()
    expectTypeOf(job.pipe(bounded.run)).toEqualTypeOf<Effect.Effect<1, "E" | PoolFull, "R">>()
    expectTypeOf(bounded.spawnN(job, { key: "k" })).toEqualTypeOf<Effect.Effect<void, PoolFull, "R">>()
    expectTypeOf(bounded.spawnIfAvailable(job)).toEqualTypeOf<
      Effect.Effect<Option.Option<Fiber.Fiber<1, "E">>, never, "R">
    >()
    expectTypeOf(bounded.runIfAvailable(job, { key: "k" })).toEqualTypeOf<
      Effect.Effect<Option.Option<1>, "E", "R">
    >()
  })

  it("follows the options of make", () => {
    type Made<Rejected> = Effect.Effect<GreenPool<Rejected>, InvalidPoolSize, Scope.Scope>
    expectTypeOf(GreenPool.make()).toEqualTypeOf<Made<never>>()
    expectTypeOf(GreenPool.make({ size: 3, onClose: "drain" })).toEqualTypeOf<Made<never>>()
    expectTypeOf(GreenPool.make({ maxWaiting: (size) => 2 * size })).toEqualTypeOf<Made<PoolFull>>()
    expectTypeOf(GreenPool.make({ maxWaiting: 3 })).toEqualTypeOf<Made<PoolFull>>()
    expectTypeOf(GreenPool.make({ maxWait: "1 second" })).toEqualTypeOf<Made<PoolFull>>()
    expectTypeOf(GreenPool.make({} as GreenPoolOptions)).toEqualTypeOf<Made<PoolFull>>()
    expectTypeOf(plain).toExtend<GreenPool<PoolFull>>()
    expectTypeOf(bounded).not.toExtend<GreenPool>()
  })

  it("follows the options of a Service", () => {
    expectTypeOf(Plain.run(job)).toEqualTypeOf<Effect.Effect<1, "E", "R" | Plain>>()
    expectTypeOf(Bounded.run(job)).toEqualTypeOf<Effect.Effect<1, "E" | PoolFull, "R" | Bounded>>()
    expectTypeOf(Timed.spawnN(job)).toEqualTypeOf<Effect.Effect<void, PoolFull, "R" | Timed>>()
    expectTypeOf(Effect.flatMap(Bounded, (pool) => pool.run(job))).toEqualTypeOf<
      Effect.Effect<1, "E" | PoolFull, "R" | Bounded>
    >()
  })

  it("does not come with what else is read from configuration", () => {
    const layer = GreenPool.layerConfig({
      size: Config.Int("SIZE"),
      onClose: Config.succeed("drain"),
      drainTimeout: Config.Duration("DRAIN_TIMEOUT"),
      priorityBoost: Config.Number("BOOST"),
      weight: Config.succeed(() => 1)
    })
    expectTypeOf(layer).toEqualTypeOf<Layer.Layer<GreenPool, InvalidPoolSize | Config.ConfigError>>()
  })

  it("follows the pool of a pile", () => {
    type Made<Rejected> = Effect.Effect<GreenPile<1, "E", Rejected>, never, Scope.Scope>
    expectTypeOf(GreenPile.make<1, "E">(plain)).toEqualTypeOf<Made<never>>()
    expectTypeOf(GreenPile.make<1, "E", PoolFull>(bounded)).toEqualTypeOf<Made<PoolFull>>()
    const pile = null as unknown as GreenPile<1, "E", PoolFull>
    expectTypeOf(pile.spawn(job)).toEqualTypeOf<Effect.Effect<void, PoolFull, "R">>()
    const free = null as unknown as GreenPile<1, "E">
    expectTypeOf(free.spawn(job, { key: "k" })).toEqualTypeOf<Effect.Effect<void, never, "R">>()
    expectTypeOf(free.spawn(job, { maxWait: 1 })).toEqualTypeOf<Effect.Effect<void, PoolFull, "R">>()
  })
})

describe("The statics", () => {
  it("are data-first, or data-last with options alone", () => {
    expectTypeOf(GreenPool.run(job)).toEqualTypeOf<Effect.Effect<1, "E", "R" | GreenPool>>()
    expectTypeOf(job.pipe(GreenPool.run)).toEqualTypeOf<Effect.Effect<1, "E", "R" | GreenPool>>()
    expectTypeOf(job.pipe(GreenPool.run({ key: "k" }))).toEqualTypeOf<Effect.Effect<1, "E", "R" | GreenPool>>()
    expectTypeOf(job.pipe(GreenPool.run({ maxWait: 1 }))).toEqualTypeOf<
      Effect.Effect<1, "E" | PoolFull, "R" | GreenPool>
    >()
    expectTypeOf(GreenPool.run(job, { maxWait: 1 })).toEqualTypeOf<
      Effect.Effect<1, "E" | PoolFull, "R" | GreenPool>
    >()
    expectTypeOf(job.pipe(GreenPool.spawn)).toEqualTypeOf<
      Effect.Effect<Fiber.Fiber<1, "E">, never, "R" | GreenPool>
    >()
    expectTypeOf(job.pipe(GreenPool.runIfAvailable({ key: "k" }))).toEqualTypeOf<
      Effect.Effect<Option.Option<1>, "E", "R" | GreenPool>
    >()
    expectTypeOf(job.pipe(Bounded.run)).toEqualTypeOf<Effect.Effect<1, "E" | PoolFull, "R" | Bounded>>()
  })
})

describe("What does not compile", () => {
  it("is a bound on the pool of a key that promises none", () => {
    // @ts-expect-error
    GreenPool.layer({ maxWaiting: 3 })
    // @ts-expect-error
    GreenPool.layer({ maxWait: 3 })
    // @ts-expect-error
    GreenPool.layerConfig({ maxWait: Config.succeed(3) })
    // @ts-expect-error
    const pool: GreenPool = bounded
    // @ts-expect-error
    const pile: Effect.Effect<GreenPile<1, "E">, InvalidPoolSize, Scope.Scope> = GreenPile.make<1, "E">(bounded)
    void pool
    void pile
  })

  it("is an option that there is not", () => {
    // @ts-expect-error
    plain.run(job, { keys: "k" })
    // @ts-expect-error
    plain.runIfAvailable(job, { maxWait: 1 })
    // @ts-expect-error
    plain.spawn(job, { key: 3 })
  })
})
