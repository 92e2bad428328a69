/**
 * A pool that limits how many jobs run concurrently, and can be resized while they run.
 *
 * @since 0.1.0
 */
import { Config, Context, type Duration, Effect, Layer, Predicate, type Scope, Stream } from "effect"
import type { PoolFull } from "./Admission.ts"
import { type GreenPoolOptions, type PoolRejection, toSettings, type UnboundedOptions } from "./GreenPoolOptions.ts"
import { Pool } from "./internal/pool.ts"
import { dual, type Handle, handleOf, verbs } from "./internal/verbs.ts"
import type { InvalidPoolSize } from "./PoolSize.ts"
import type { Verbs } from "./Verbs.ts"

const TypeId: unique symbol = Symbol.for("@greenpool/core/GreenPool")

/**
 * A pool: at most `size` jobs hold a slot concurrently, whatever starts them. What it can do is in `Verbs`.
 *
 * Think of a car park with a number of spaces and one queue at its gate. Every job that runs keeps a slot until its
 * fiber has ended, finalizers included. A caller that finds no free slot joins a single queue, first come, first served,
 * and a slot that becomes free goes to the head of the queue immediately. A job may use its own pool again: when no slot
 * is free, the nested job borrows the slot of the job around it, so a job never waits for itself.
 *
 * A pool with `maxWaiting` or `maxWait` rejects calls that would wait too long. It is a `GreenPool<PoolFull>`, and its
 * calls can fail with `PoolFull`. A function that takes any pool, to read its counters for example, takes a
 * `GreenPool<unknown>`.
 *
 * @category models
 * @since 0.1.0
 */
export interface GreenPool<out Rejected = never> extends Verbs<never, Rejected> {
  readonly [TypeId]: unknown
}

/**
 * The service key of a pool of its own, as `GreenPool.Service` makes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string, Rejected = never>
  extends Context.ServiceClass<Self, Id, GreenPool<Rejected>>, Verbs<Self, Rejected>
{
  /** Makes the pool, once per build of the layer, and closes it with the layer's scope. */
  readonly layer: Layer.Layer<Self, InvalidPoolSize>
  /**
   * Makes the pool as `layer` does, with options from configuration:
   * `ApiPool.layerConfig({ size: Config.Int("API_POOL_SIZE") })`.
   *
   * What the configuration gives replaces the options of the key, and the others stay, the name and the bounds included.
   * The bounds of a key are those of its type: a key with bounds can have other values for them, and a key without
   * bounds takes none (if a configuration brings one all the same, that is a defect of the layer).
   *
   * Fails with `ConfigError` if the configuration can't be read, and with `InvalidPoolSize`.
   */
  readonly layerConfig: (
    config: Config.Wrap<[Rejected] extends [never] ? UnboundedOptions : GreenPoolOptions>
  ) => Layer.Layer<Self, InvalidPoolSize | Config.ConfigError>
}

type Bounds<QueueBound, TimeBound> = { readonly maxWaiting: QueueBound; readonly maxWait: TimeBound }

type QueueBound = GreenPoolOptions["maxWaiting"]

type TimeBound = Duration.Input | undefined

type Make<Rejected> = Effect.Effect<GreenPool<Rejected>, InvalidPoolSize, Scope.Scope>

const make = Effect.fnUntraced(function*(
  options: GreenPoolOptions = {}
): Effect.fn.Return<GreenPool<PoolFull>, InvalidPoolSize, Scope.Scope> {
  const settings = yield* toSettings(options)
  const context = yield* Effect.context()
  const pool = yield* Effect.acquireRelease(Effect.sync(() => new Pool(settings, context)), (pool) => pool.close)
  const handle = handleOf(pool)
  return { [TypeId]: handle, ...verbs<never, PoolFull>({ effect: (use) => use(handle), stream: (use) => use(handle) }) }
})

const handle = (pool: GreenPool<unknown>): Handle => pool[TypeId] as Handle

/** @internal */
export const toInternal = (pool: GreenPool<unknown>): Pool => handle(pool).pool

/** @internal */
export const isGreenPool = (u: unknown): u is GreenPool<PoolFull> => Predicate.hasProperty(u, TypeId)

const isBounded = (options: GreenPoolOptions): boolean =>
  options.maxWaiting !== undefined || options.maxWait !== undefined

/** Makes a pool for a key whose type promises that its calls are never rejected. */
const makeUnbounded = (options: GreenPoolOptions = {}): Make<never> =>
  isBounded(options)
    ? Effect.die(new TypeError("A pool with maxWaiting or maxWait needs a key of its own: use GreenPool.Service"))
    // Without bounds it fails no call.
    : make(options) as Make<never>

const layer = (options?: UnboundedOptions): Layer.Layer<GreenPool, InvalidPoolSize> =>
  Layer.effect(key, makeUnbounded(options))

const layerConfig = (
  config: Config.Wrap<UnboundedOptions>
): Layer.Layer<GreenPool, InvalidPoolSize | Config.ConfigError> =>
  Layer.effect(key, Effect.flatMap(Config.unwrap(config), makeUnbounded))

/**
 * The verbs of a key: each uses the pool that the context holds under it. Where slots come from elsewhere, the pool has
 * its own `resize`, `waitall` and `…IfAvailable`, which ask there.
 */
const verbsOf = <I, Rejected>(key: Context.Service<I, GreenPool<Rejected>>): Verbs<I, Rejected> => ({
  ...verbs<I, Rejected>({
    effect: (use) => key.use((pool) => use(handle(pool))),
    stream: (use) => Stream.unwrap(key.useSync((pool) => use(handle(pool))))
  }),
  runIfAvailable: dual(Effect.isEffect, (effect, options) => key.use((pool) => pool.runIfAvailable(effect, options))),
  spawnIfAvailable: dual(
    Effect.isEffect,
    (effect, options) => key.use((pool) => pool.spawnIfAvailable(effect, options))
  ),
  waitall: key.use((pool) => pool.waitall),
  resize: (size) => key.use((pool) => pool.resize(size))
} as Verbs<I, Rejected>)

const Service = <Self>() => <const Id extends string>(id: Id, options: GreenPoolOptions = {}) => {
  const self = Context.Service<Self, GreenPool<PoolFull>>()(id)
  const own = { name: id, ...given(options) }
  const makeOwn: (options: GreenPoolOptions) => Make<PoolFull> = isBounded(own) ? make : makeUnbounded
  return Object.assign(self, verbsOf(self), {
    layer: Layer.effect(self, makeOwn(own)),
    layerConfig: (config: Config.Wrap<GreenPoolOptions>) =>
      Layer.effect(
        self,
        Effect.flatMap(Config.unwrap(config), (options) => makeOwn({ ...own, ...given(options) }))
      )
  })
}

/** The options that have a value. */
const given = (options: GreenPoolOptions): GreenPoolOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

const key = Context.Service<GreenPool>("@greenpool/core/GreenPool")

/**
 * The service key of the pool, the home of its constructors, and its verbs for pipelines.
 *
 * @category services
 * @since 0.1.0
 */
export const GreenPool: Context.Service<GreenPool, GreenPool> & Verbs<GreenPool> & {
  /**
   * Makes a pool that lives as long as the scope. Closing the scope interrupts everything that waits and runs in the
   * pool, or lets it finish first (`onClose`), and waits for its finalizers.
   *
   * When to use: for a pool that is passed around as a value. For a service, use `layer` or `Service`.
   *
   * Don't let the pool leave the scope: on a closed pool every verb ends with interruption. Fails with `InvalidPoolSize`
   * if the size isn't a non-negative safe integer. O(1).
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 2, name: "import" })
   *   return yield* pool.run(Effect.succeed("done"))
   * })
   *
   * console.log(await Effect.runPromise(Effect.scoped(program))) // prints done
   * ```
   */
  readonly make: <const W extends QueueBound = never, const T extends TimeBound = never>(
    options?: GreenPoolOptions<W, T>
  ) => Effect.Effect<GreenPool<PoolRejection<Bounds<W, T>>>, InvalidPoolSize, Scope.Scope>
  /**
   * A layer that makes the pool, once per build of the layer, and closes it with the layer's scope.
   *
   * When to use: for the one pool of an application. For a second pool, or a pool with `maxWaiting` or `maxWait`, make a
   * key with `Service`: calls through this key never fail with `PoolFull`.
   *
   * Provide it once, at the edge of the program. Each call of `layer` returns another layer, and a layer that is provided
   * in two places is built twice: that makes two pools, each with the whole limit.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect } from "effect"
   *
   * const program = GreenPool.run(Effect.succeed("done"))
   *
   * console.log(await Effect.runPromise(program.pipe(Effect.provide(GreenPool.layer({ size: 10 }))))) // prints done
   * ```
   */
  readonly layer: (options?: UnboundedOptions) => Layer.Layer<GreenPool, InvalidPoolSize>
  /**
   * As `layer`, with options from configuration.
   *
   * When to use: for a size that differs between environments. Fails with `ConfigError` if the configuration can't be
   * read, and with `InvalidPoolSize`.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Config, ConfigProvider, Effect, Layer } from "effect"
   *
   * const env = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { POOL_SIZE: "50" } }))
   *
   * const PoolLive = GreenPool.layerConfig({ size: Config.Int("POOL_SIZE") }).pipe(Layer.provide(env))
   *
   * console.log(await Effect.runPromise(GreenPool.size.pipe(Effect.provide(PoolLive)))) // prints 50
   * ```
   */
  readonly layerConfig: (
    config: Config.Wrap<UnboundedOptions>
  ) => Layer.Layer<GreenPool, InvalidPoolSize | Config.ConfigError>
  /**
   * Makes the key of a further pool, with its own layer and verbs. Without a `name` the pool has the name of its key.
   *
   * When to use: for a second pool, and for a pool with `maxWaiting` or `maxWait`, whose calls can fail with `PoolFull`.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect } from "effect"
   *
   * class ApiPool extends GreenPool.Service<ApiPool>()("app/ApiPool", { size: 10, maxWaiting: 50 }) {}
   *
   * const answer = ApiPool.run(Effect.succeed("answer")).pipe(
   *   Effect.catchTag("PoolFull", () => Effect.succeed("try again later"))
   * )
   *
   * console.log(await Effect.runPromise(answer.pipe(Effect.provide(ApiPool.layer)))) // prints answer
   * ```
   */
  readonly Service: <Self>() => <
    const Id extends string,
    const W extends QueueBound = never,
    const T extends TimeBound = never
  >(
    id: Id,
    options?: GreenPoolOptions<W, T>
  ) => ServiceClass<Self, Id, PoolRejection<Bounds<W, T>>>
} = Object.assign(key, verbsOf(key), { make, layer, layerConfig, Service }) as never

/**
 * The layer of a pool of size 1000, as eventlet's.
 *
 * When to use: where 1000 concurrent jobs are fine, such as sleeping or in-memory jobs. For requests to a backend, use
 * `GreenPool.layer({ size })` with a size that it can take.
 *
 * ```ts import.meta.vitest
 * import { GreenPool, GreenPoolLive } from "@greenpool/core"
 * import { Effect } from "effect"
 *
 * console.log(await Effect.runPromise(GreenPool.size.pipe(Effect.provide(GreenPoolLive)))) // prints 1000
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const GreenPoolLive: Layer.Layer<GreenPool> = Layer.effect(key, Effect.orDie(makeUnbounded()))
