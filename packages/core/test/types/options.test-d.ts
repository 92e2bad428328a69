// What does not compile need not be run.
// @effect-diagnostics floatingEffect:off missingEffectError:off missingEffectContext:off
import { Config, Effect, type Exit, type Layer, type Scope, Stream } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import {
  type CallRejection,
  type GreenPile,
  GreenPool,
  GreenPoolOptions,
  type InvalidPoolSize,
  type JobOptions,
  type PoolFull,
  type PoolRejection,
  type UnboundedOptions,
  verdictOf
} from "../../src/index.ts"

class Key extends GreenPool.Service<Key>()("types/Key", { size: 3 }) {}
class BoundedKey extends GreenPool.Service<BoundedKey>()("types/BoundedKey", { maxWaiting: (size) => 2 * size }) {}

declare const pool: GreenPool
declare const bounded: GreenPool<PoolFull>
declare const pile: GreenPile<number>
declare const someOptions: GreenPoolOptions

const job = Effect.succeed(1)
const each = (n: number) => Effect.succeed(n)

describe("an option that does not exist", () => {
  it("is an error where a pool is made", () => {
    // @ts-expect-error
    GreenPool.make({ size: 10, maxWating: 50 })
    // @ts-expect-error
    GreenPool.make({ maxwait: "1 second" })
    // @ts-expect-error
    GreenPool.make({ ...someOptions, maxWating: 50 })
    // @ts-expect-error
    GreenPool.make({ adaptive: { maximum: 50 } })
    // @ts-expect-error
    GreenPool.Service<Key>()("Key", { size: 10, maxWating: 50 })
    // @ts-expect-error
    GreenPool.layer({ size: 10, onclose: "drain" })
    // @ts-expect-error
    GreenPool.layerConfig({ size: Config.Int("X"), onclose: Config.succeed("drain") })
    // @ts-expect-error
    Key.layerConfig({ size: Config.Int("X"), onclose: Config.succeed("drain") })
    // @ts-expect-error
    BoundedKey.layerConfig({ size: Config.Int("X"), maxWating: Config.Int("Y") })
  })

  it("is an error in a call, data-first and data-last", () => {
    // @ts-expect-error
    pool.run(job, { key: "a", maxwait: "1 second" })
    // @ts-expect-error
    GreenPool.run(job, { key: "a", maxwait: "1 second" })
    // @ts-expect-error
    job.pipe(GreenPool.run({ key: "a", maxwait: "1 second" }))
    // @ts-expect-error
    job.pipe(pool.run({ maxwait: "1 second" }))
    // @ts-expect-error
    pool.spawn(job, { key: "a", prio: 3 })
    // @ts-expect-error
    job.pipe(Key.spawnN({ key: "a", prio: 3 }))
    // @ts-expect-error
    pile.spawn(job, { key: "a", prio: 3 })
    // @ts-expect-error
    job.pipe(pile.spawn({ key: "a", prio: 3 }))
    // @ts-expect-error
    pool.takeScoped({ key: "a", prio: 3 })
    // @ts-expect-error
    pool.runStream(Stream.empty, { key: "a", prio: 3 })
    // @ts-expect-error
    Stream.empty.pipe(Key.runStream({ key: "a", prio: 3 }))
  })

  it("is an error in a map", () => {
    // @ts-expect-error
    pool.imap(each, [1], { concurency: 3 })
    // @ts-expect-error
    Key.imap(each, [1], { concurrency: 3, windw: 3 })
    // @ts-expect-error
    Stream.make(1).pipe(pool.imapUnordered(each, { concurency: 3 }))
    // @ts-expect-error
    pool.imapExit(each, [1], { prio: 3 })
    // @ts-expect-error
    Key.imapExitUnordered(each, [1], { maxWait: 3 })
    // @ts-expect-error
    pool.starmap(each, [[1]], { concurrency: 3, windw: 3 })
    // @ts-expect-error
    Stream.make([1] as const).pipe(pool.starmap(each, { concurrency: 3, windw: 3 }))
  })

  it("is an error where a call does not wait", () => {
    // @ts-expect-error
    pool.spawnIfAvailable(job, { maxWait: 1 })
    // @ts-expect-error
    pool.runIfAvailable(job, { key: "a", maxWait: 1 })
    // @ts-expect-error
    job.pipe(Key.spawnIfAvailable({ key: "a", maxWait: 1 }))
    // @ts-expect-error
    Key.runIfAvailable(job, { priority: 1 })
  })
})

describe("an option of a wrong type", () => {
  it("is an error", () => {
    // @ts-expect-error
    pool.run(job, { key: 3 })
    // @ts-expect-error
    pool.run(job, { maxWait: "1 secnd" })
    // @ts-expect-error
    job.pipe(pool.run({ key: 3 }))
    // @ts-expect-error
    pool.run(job, "k")
    // @ts-expect-error
    pool.imap(each, [1], { concurrency: "3" })
    // @ts-expect-error
    GreenPool.make({ maxWaiting: "3" })
    // @ts-expect-error
    GreenPool.make({ maxWaiting: (size: string) => size.length })
    // @ts-expect-error
    GreenPool.make({ adaptive: "true" })
    // @ts-expect-error
    GreenPool.make({ adaptive: { max: "50" } })
    // @ts-expect-error
    GreenPool.make({ adaptive: { classify: () => "fine" } })
  })
})

describe("what is no source", () => {
  it("is an error, and so are options that do not come last", () => {
    // @ts-expect-error
    pool.imap(each, undefined)
    // @ts-expect-error
    pool.imap(each, null, [1])
    // @ts-expect-error
    Key.imap(each, 123)
    // @ts-expect-error
    pool.imap(each, { concurrency: 3 }, [1])
    // @ts-expect-error
    pool.imapExit(each, [1], 5)
    // @ts-expect-error
    Key.starmap(each, 123)
    // @ts-expect-error
    pool.runStream([1])
    // @ts-expect-error
    pool.run(() => job)
  })
})

describe("what a pool can fail with", () => {
  it("follows from the bounds that are given", () => {
    type Made<Rejected> = Effect.Effect<GreenPool<Rejected>, InvalidPoolSize, Scope.Scope>
    expectTypeOf(GreenPool.make({ maxWaiting: undefined })).toEqualTypeOf<Made<never>>()
    expectTypeOf(GreenPool.make({ weight: (key) => key.length })).toEqualTypeOf<Made<never>>()
    expectTypeOf(GreenPool.make({ maxWaiting: (size) => 2 * size, size: 3 })).toEqualTypeOf<Made<PoolFull>>()
    expectTypeOf(GreenPool.make(someOptions)).toEqualTypeOf<Made<PoolFull>>()
    expectTypeOf(GreenPool.make({ ...someOptions, size: 3 })).toEqualTypeOf<Made<PoolFull>>()
    expectTypeOf(GreenPool.make({} as UnboundedOptions)).toEqualTypeOf<Made<never>>()
  })

  it("is not changed by adaptive", () => {
    type Made<Rejected> = Effect.Effect<GreenPool<Rejected>, InvalidPoolSize, Scope.Scope>
    expectTypeOf(GreenPool.make({ adaptive: true })).toEqualTypeOf<Made<never>>()
    expectTypeOf(GreenPool.make({ adaptive: { classify: verdictOf, max: 50 } })).toEqualTypeOf<Made<never>>()
    expectTypeOf(GreenPool.make({ adaptive: true, maxWaiting: 50 })).toEqualTypeOf<Made<PoolFull>>()
    expectTypeOf(GreenPool.make({ adaptive: { max: 50 }, maxWaiting: (size) => size })).toEqualTypeOf<Made<PoolFull>>()
  })

  it("can be named", () => {
    expectTypeOf<PoolRejection<{ size: 3 }>>().toEqualTypeOf<never>()
    expectTypeOf<PoolRejection<{ maxWaiting: 3 }>>().toEqualTypeOf<PoolFull>()
    expectTypeOf<PoolRejection<{ maxWait: 3 }>>().toEqualTypeOf<PoolFull>()
    expectTypeOf<PoolRejection<GreenPoolOptions>>().toEqualTypeOf<PoolFull>()
    expectTypeOf<PoolRejection<UnboundedOptions>>().toEqualTypeOf<never>()
    expectTypeOf<CallRejection<{ key: "k" }>>().toEqualTypeOf<never>()
    expectTypeOf<CallRejection<{ maxWait: 3 }>>().toEqualTypeOf<PoolFull>()
    expectTypeOf<CallRejection<JobOptions>>().toEqualTypeOf<PoolFull>()
    expectTypeOf<CallRejection<JobOptions<never>>>().toEqualTypeOf<never>()
  })

  it("does not matter to a function that takes any pool", () => {
    const size = (pool: GreenPool<unknown>) => pool.size
    expectTypeOf(size(pool)).toEqualTypeOf<Effect.Effect<number>>()
    expectTypeOf(size(bounded)).toEqualTypeOf<Effect.Effect<number>>()
  })
})

describe("adaptive", () => {
  it("has the parameter of classify inferred", () => {
    const isExit = (exit: Exit.Exit<unknown, unknown>) => exit._tag === "Success" ? "ok" : "ignore"
    GreenPool.make({
      adaptive: {
        classify: (exit) => {
          expectTypeOf(exit).toEqualTypeOf<Exit.Exit<unknown, unknown>>()
          return isExit(exit)
        }
      }
    })
    GreenPool.Service<Key>()("types/Adaptive", {
      maxWaiting: (size) => size,
      adaptive: {
        classify: (exit) => {
          expectTypeOf(exit).toEqualTypeOf<Exit.Exit<unknown, unknown>>()
          return isExit(exit)
        }
      }
    })
    GreenPool.layer({ adaptive: { classify: (exit) => isExit(exit) } })
  })

  it("comes from configuration", () => {
    type Configured<Self> = Layer.Layer<Self, InvalidPoolSize | Config.ConfigError>
    const bounds = Config.all({ max: Config.Int("MAX") })
    expectTypeOf(GreenPool.layerConfig({ adaptive: Config.Boolean("POOL_ADAPTIVE") })).toEqualTypeOf<
      Configured<GreenPool>
    >()
    expectTypeOf(GreenPool.layerConfig({ size: Config.Int("START"), adaptive: bounds })).toEqualTypeOf<
      Configured<GreenPool>
    >()
    expectTypeOf(Key.layerConfig({ adaptive: bounds })).toEqualTypeOf<Configured<Key>>()
    expectTypeOf(BoundedKey.layerConfig({ adaptive: bounds })).toEqualTypeOf<Configured<BoundedKey>>()
  })
})

describe("the layerConfig of a key", () => {
  it("gives the options but for the bounds", () => {
    expectTypeOf(Key.layerConfig({ size: Config.Int("SIZE"), name: Config.succeed("api") })).toEqualTypeOf<
      Layer.Layer<Key, InvalidPoolSize | Config.ConfigError>
    >()
    // @ts-expect-error a key without bounds takes none
    Key.layerConfig({ maxWaiting: Config.Int("MAX_WAITING") })
    // @ts-expect-error a key without bounds takes none
    Key.layerConfig({ size: Config.Int("SIZE"), maxWait: Config.Duration("MAX_WAIT") })
  })

  it("gives the bounds too where the key has them", () => {
    expectTypeOf(BoundedKey.layerConfig({ size: Config.Int("SIZE") })).toEqualTypeOf<
      Layer.Layer<BoundedKey, InvalidPoolSize | Config.ConfigError>
    >()
    expectTypeOf(BoundedKey.layerConfig({ maxWaiting: Config.Int("N"), maxWait: Config.Duration("T") })).toEqualTypeOf<
      Layer.Layer<BoundedKey, InvalidPoolSize | Config.ConfigError>
    >()
    expectTypeOf(BoundedKey.layerConfig(Config.schema(GreenPoolOptions, "api"))).toEqualTypeOf<
      Layer.Layer<BoundedKey, InvalidPoolSize | Config.ConfigError>
    >()
  })
})
