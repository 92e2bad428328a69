// What does not compile need not be run.
// @effect-diagnostics floatingEffect:off missingEffectError:off missingEffectContext:off
import { Config, type Duration, Effect, type Exit, type Layer, type Schema, type Scope, Stream } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import {
  type CallRejection,
  type GreenPile,
  GreenPool,
  GreenPoolLive,
  GreenPoolOptions,
  type InvalidPoolSize,
  type JobOptions,
  type KeyStats,
  type PoolFull,
  type PoolRejection,
  type PoolSize,
  type PoolStats,
  type UnboundedOptions,
  verdictOf
} from "../../src/index.ts"

class Key extends GreenPool.Service<Key>()("types/Key", { size: 3 }) {}
class BoundedKey extends GreenPool.Service<BoundedKey>()("types/BoundedKey", { maxWaiting: (size) => 2 * size }) {}
class TimedKey extends GreenPool.Service<TimedKey>()("types/TimedKey", { maxWait: "1 second" }) {}

type Made<Rejected = never> = Effect.Effect<GreenPool<Rejected>, InvalidPoolSize, Scope.Scope>
type Configured<Self> = Layer.Layer<Self, InvalidPoolSize | Config.ConfigError>

declare const pool: GreenPool
declare const bounded: GreenPool<PoolFull>
declare const pile: GreenPile<number>
declare const someOptions: GreenPoolOptions

const job = Effect.succeed(1)
const each = (n: number) => Effect.succeed(n)

describe("a pool", () => {
  it("is made in a scope, and fails with a wrong size, or with PoolFull where its options have bounds", () => {
    expectTypeOf(GreenPool.make()).toEqualTypeOf<Made>()
    expectTypeOf(GreenPool.make({ size: 3, name: "three", onClose: "drain" })).toEqualTypeOf<Made>()
    expectTypeOf(GreenPool.make({ maxWaiting: undefined })).toEqualTypeOf<Made>()
    expectTypeOf(GreenPool.make({} as UnboundedOptions)).toEqualTypeOf<Made>()
    expectTypeOf(GreenPool.make({ adaptive: { classify: verdictOf, max: 50 } })).toEqualTypeOf<Made>()
    expectTypeOf(GreenPool.make({ maxWaiting: (size) => 2 * size, size: 3 })).toEqualTypeOf<Made<PoolFull>>()
    expectTypeOf(GreenPool.make({ maxWait: "1 second" })).toEqualTypeOf<Made<PoolFull>>()
    expectTypeOf(GreenPool.make({ adaptive: { max: 50 }, maxWaiting: (size) => size })).toEqualTypeOf<Made<PoolFull>>()
    expectTypeOf(GreenPool.make({ ...someOptions, size: 3 })).toEqualTypeOf<Made<PoolFull>>()
  })

  it("without bounds can stand for one with bounds, and both for any", () => {
    expectTypeOf(pool).toExtend<GreenPool<PoolFull>>()
    expectTypeOf(bounded).not.toExtend<GreenPool>()
    const size = (pool: GreenPool<unknown>) => pool.size
    expectTypeOf(size(pool)).toEqualTypeOf<Effect.Effect<number>>()
    expectTypeOf(size(bounded)).toEqualTypeOf<Effect.Effect<number>>()
  })

  it("has names for what it can fail with", () => {
    expectTypeOf<PoolRejection<{ size: 3 }>>().toEqualTypeOf<never>()
    expectTypeOf<PoolRejection<{ maxWaiting: 3 }>>().toEqualTypeOf<PoolFull>()
    expectTypeOf<PoolRejection<GreenPoolOptions>>().toEqualTypeOf<PoolFull>()
    expectTypeOf<PoolRejection<UnboundedOptions>>().toEqualTypeOf<never>()
    expectTypeOf<CallRejection<JobOptions>>().toEqualTypeOf<PoolFull>()
    expectTypeOf<CallRejection<JobOptions<never>>>().toEqualTypeOf<never>()
  })

  it("has the parameter of classify inferred", () => {
    const isOk = (exit: Exit.Exit<unknown, unknown>) => exit._tag === "Success" ? "ok" : "ignore"
    GreenPool.make({ adaptive: { classify: (exit) => isOk(exit) } })
    GreenPool.Service<Key>()("types/Adaptive", { maxWaiting: 1, adaptive: { classify: (exit) => isOk(exit) } })
    GreenPool.layer({ adaptive: { classify: (exit) => isOk(exit) } })
  })
})

describe("a key", () => {
  it("gives the pool that its options describe", () => {
    expectTypeOf(Effect.map(GreenPool, (pool) => pool)).toEqualTypeOf<Effect.Effect<GreenPool, never, GreenPool>>()
    expectTypeOf(Effect.map(BoundedKey, (pool) => pool))
      .toEqualTypeOf<Effect.Effect<GreenPool<PoolFull>, never, BoundedKey>>()
    expectTypeOf(TimedKey.spawnN(job)).toEqualTypeOf<Effect.Effect<void, PoolFull, TimedKey>>()
  })

  it("has layers of itself alone, which provide what its verbs need", () => {
    expectTypeOf(GreenPoolLive).toEqualTypeOf<Layer.Layer<GreenPool>>()
    expectTypeOf(GreenPool.layer()).toEqualTypeOf<Layer.Layer<GreenPool, InvalidPoolSize>>()
    expectTypeOf(GreenPool.layer({ size: 3 })).toEqualTypeOf<Layer.Layer<GreenPool, InvalidPoolSize>>()
    expectTypeOf(Key.layer).toEqualTypeOf<Layer.Layer<Key, InvalidPoolSize>>()
    expectTypeOf(Effect.provide(GreenPool.run(job), GreenPoolLive)).toEqualTypeOf<Effect.Effect<number>>()
    type Missing = Effect.Effect<number, InvalidPoolSize, GreenPool>
    expectTypeOf(Effect.provide(GreenPool.size, Key.layer)).toEqualTypeOf<Missing>()
  })

  it("has layers from configuration, which fail with its errors too", () => {
    const adaptive = Config.all({ max: Config.Int("MAX") })
    expectTypeOf(GreenPool.layerConfig({
      size: Config.Int("SIZE"),
      name: Config.succeed("api"),
      onClose: Config.succeed("drain"),
      drainTimeout: Config.Duration("DRAIN_TIMEOUT"),
      priorityBoost: Config.Number("BOOST"),
      weight: Config.succeed(() => 1),
      adaptive
    })).toEqualTypeOf<Configured<GreenPool>>()
    expectTypeOf(GreenPool.layerConfig({ adaptive: Config.Boolean("ADAPTIVE") })).toEqualTypeOf<Configured<GreenPool>>()
    expectTypeOf(GreenPool.layerConfig(Config.succeed<GreenPoolOptions>({ size: 3 })))
      .toEqualTypeOf<Configured<GreenPool>>()
    expectTypeOf(Key.layerConfig({ size: Config.Int("SIZE"), adaptive })).toEqualTypeOf<Configured<Key>>()
    expectTypeOf(BoundedKey.layerConfig({ maxWaiting: Config.Int("N"), adaptive }))
      .toEqualTypeOf<Configured<BoundedKey>>()
    expectTypeOf(BoundedKey.layerConfig(Config.schema(GreenPoolOptions, "api")))
      .toEqualTypeOf<Configured<BoundedKey>>()
  })

  it("without bounds takes none from its layers", () => {
    // @ts-expect-error
    GreenPool.layer({ maxWaiting: 3 })
    // @ts-expect-error
    GreenPool.layerConfig({ maxWait: Config.succeed(3) })
    // @ts-expect-error
    Key.layerConfig({ size: Config.Int("SIZE"), maxWait: Config.Duration("MAX_WAIT") })
  })
})

describe("an option that does not exist", () => {
  it("is an error where a pool is made", () => {
    // @ts-expect-error
    GreenPool.make({ size: 10, maxWating: 50 })
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
  })

  it("is an error in a call, data-first and data-last", () => {
    // @ts-expect-error
    pool.run(job, { key: "a", maxwait: "1 second" })
    // @ts-expect-error
    job.pipe(GreenPool.run({ key: "a", maxwait: "1 second" }))
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
  })

  it("is an error in a map", () => {
    // @ts-expect-error
    pool.imap(each, [1], { concurency: 3 })
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

it("an option of a wrong type is an error", () => {
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
  GreenPool.make(3)
  // @ts-expect-error
  GreenPool.make({ size: "3" })
  // @ts-expect-error
  GreenPool.make({ maxWaiting: "3" })
  // @ts-expect-error
  GreenPool.make({ adaptive: "true" })
  // @ts-expect-error
  GreenPool.make({ adaptive: { max: "50" } })
  // @ts-expect-error
  GreenPool.make({ adaptive: { classify: () => "fine" } })
  // @ts-expect-error
  GreenPool.layerConfig({ size: Config.succeed("three") })
  // @ts-expect-error a size comes from configuration there
  GreenPool.layerConfig({ size: "POOL_SIZE" })
  // @ts-expect-error layer is a function, GreenPoolLive is the layer
  Effect.provide(Effect.void, GreenPool.layer)
})

it("what crosses a boundary has exact types", () => {
  expectTypeOf<PoolSize>().toExtend<number>()
  expectTypeOf<number>().not.toExtend<PoolSize>()
  type Numbers<Name extends string> = { readonly [_ in Name]: number }
  type Counts = "size" | "running" | "free" | "waiting"
  type KeyCounts = "weight" | "running" | "waiting"
  expectTypeOf<Pick<PoolStats, Counts>>().toEqualTypeOf<Numbers<Counts>>()
  expectTypeOf<Pick<KeyStats, KeyCounts>>().toEqualTypeOf<Numbers<KeyCounts>>()
  expectTypeOf<Pick<PoolStats, "name">>().toEqualTypeOf<{ readonly name: string }>()
  expectTypeOf<Pick<KeyStats, "key">>().toEqualTypeOf<{ readonly key?: string | undefined }>()
  expectTypeOf<Pick<InvalidPoolSize, "_tag" | "value">>()
    .toEqualTypeOf<{ readonly _tag: "InvalidPoolSize"; readonly value: string }>()
  type Time = Duration.Duration | undefined
  expectTypeOf<Schema.Schema.Type<typeof GreenPoolOptions>>().toEqualTypeOf<{
    readonly size?: PoolSize | undefined
    readonly name?: string | undefined
    readonly maxWaiting?: number | undefined
    readonly maxWait?: Time
    readonly priorityBoost?: number | undefined
    readonly onClose?: "interrupt" | "drain" | undefined
    readonly drainTimeout?: Time
    readonly metrics?: boolean | undefined
    readonly tracing?: boolean | undefined
    readonly slowWait?: Time
    readonly adaptive?:
      | boolean
      | { readonly min?: number | undefined; readonly max?: number | undefined; readonly latencyTarget?: Time }
      | undefined
  }>()
})
