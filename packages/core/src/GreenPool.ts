/**
 * A live-resizable budget of slots for concurrent jobs, as a service.
 *
 * @since 0.1.0
 */
import {
  Config,
  Context,
  Effect,
  type Exit,
  type Fiber,
  Layer,
  Predicate,
  Scheduler,
  Schema,
  type Scope,
  Stream
} from "effect"
import { map as mapStream, type Mode } from "./internal/map.ts"
import { Pool } from "./internal/pool.ts"
import { run } from "./internal/run.ts"
import { reporter, spawn, SpawnJob } from "./internal/spawn.ts"
import { checkPoolSize, type InvalidPoolSize, PoolSize } from "./PoolSize.ts"
import type { PoolStats } from "./PoolStats.ts"
import type { Source, SourceError } from "./Source.ts"

const TypeId: unique symbol = Symbol.for("@greenpool/core/GreenPool")

/**
 * A pool: at most `size` jobs hold a slot at once, whoever starts them and in whichever way.
 *
 * Think of a car park with numbered slots and one queue at its gate. Every job that runs keeps a slot until its
 * fiber has ended, finalizers included. Whoever finds no slot free waits in the line, first come, first served, and
 * a slot that becomes free goes to the head of the line at once. A job may use its own pool again: when no slot is
 * free then, the nested job borrows the slot of the job around it, so that nobody waits for himself.
 *
 * All operations are safe to use from any number of fibers, and may be passed around unbound (`Effect.forEach(urls,
 * pool.run)`). On a closed pool all but the counters end with interruption, at once.
 *
 * @category models
 * @since 0.1.0
 */
export interface GreenPool {
  readonly [TypeId]: unknown

  /**
   * Waits for a slot, then starts the job in a fiber of its own, and gives that fiber.
   *
   * The job starts when the spawning fiber yields next, after all that were spawned before it. It inherits the
   * spawner's services, log annotations and span, outlives the spawner, and ends at the latest when the pool closes.
   * A failure of the job is that of its fiber: it shows where the fiber is joined.
   *
   * Inside a job of a full pool, the new job borrows the slot of the job around it, and `spawn` then returns when it
   * has ended: such a job must not wait for anything that its spawner does later.
   *
   * Interruption while it waits leaves the line and loses nothing; while the new job runs on a borrowed slot, it
   * interrupts the job and waits for its end; afterwards it does not touch the job.
   *
   * O(1). eventlet's `GreenPool.spawn`.
   */
  readonly spawn: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Fiber.Fiber<A, E>, never, R>

  /**
   * As `spawn`, for a job whose result nobody wants. Its failure or defect is logged once, at level `Error`, with its
   * cause, the log annotations of the spawner and the annotation `pool`; its interruption is not.
   *
   * O(1). eventlet's `GreenPool.spawn_n`.
   */
  readonly spawnN: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<void, never, R>

  /**
   * Waits for a slot, runs the job in the caller's own fiber, and gives its result.
   *
   * The slot is kept until the effect and its finalizers are over. Interruption while it waits leaves the line and
   * loses nothing; afterwards it interrupts the job and waits for its finalizers.
   *
   * O(1). Effect's `Semaphore.withPermit`; eventlet has no name for it.
   */
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

  /**
   * Maps the items of the sources, each in a job of the pool, to a stream of the results, in the order of the items.
   * Several sources are zipped; the shortest ends them. No source at all gives an empty stream.
   *
   * It takes constant memory: at most `max(1, size)` items are in hand, from being taken out of the source until the
   * result is emitted, beside what a stream source delivers in one chunk. Results that are ready come as one chunk.
   * Nothing is taken before the stream is read, and a reader that is slow stops the taking.
   *
   * The first failure in order ends it, after all results before it; so does a failure of a source. What is in flight
   * is then interrupted and awaited, as it is when the stream is left early or interrupted; and the sources are
   * closed. An `f` that throws, and an iterator that throws, are defects.
   *
   * Its jobs are jobs like all others: they count as running, obey `resize`, and hold up `waitall`; so they share one
   * place in the line. O(1) per item. eventlet's `GreenPool.imap`, which runs on a hidden pool of its own.
   */
  readonly imap: <S extends ReadonlyArray<Source.Any>, A, E, R>(
    f: (...items: Items<S>) => Effect.Effect<A, E, R>,
    ...sources: S
  ) => Stream.Stream<A, E | Source.Error<S[number]>, R | Source.Services<S[number]>>

  /**
   * As `imap`, but emits the results as they finish; the first failure to happen ends it.
   */
  readonly imapUnordered: <S extends ReadonlyArray<Source.Any>, A, E, R>(
    f: (...items: Items<S>) => Effect.Effect<A, E, R>,
    ...sources: S
  ) => Stream.Stream<A, E | Source.Error<S[number]>, R | Source.Services<S[number]>>

  /**
   * As `imap`, but emits the exit of each item, so that one that fails does not end the stream. Only a failure of a
   * source does.
   */
  readonly imapExit: <S extends ReadonlyArray<Source.Any>, A, E, R>(
    f: (...items: Items<S>) => Effect.Effect<A, E, R>,
    ...sources: S
  ) => Stream.Stream<Exit.Exit<A, E>, Source.Error<S[number]>, R | Source.Services<S[number]>>

  /**
   * As `imap`, for a source of argument tuples. eventlet's `GreenPool.starmap`.
   */
  readonly starmap: {
    <Args extends ReadonlyArray<unknown>, A, E, R>(
      f: (...args: Args) => Effect.Effect<A, E, R>,
      source: AsyncIterable<Readonly<Args>>
    ): Stream.Stream<A, E | SourceError, R>
    <Args extends ReadonlyArray<unknown>, A, E, R, SE = never, SR = never>(
      f: (...args: Args) => Effect.Effect<A, E, R>,
      source: Iterable<Readonly<Args>> | Stream.Stream<Readonly<Args>, SE, SR>
    ): Stream.Stream<A, E | SE, R | SR>
    <Args extends ReadonlyArray<unknown>, A, E, R, SE = never, SR = never>(
      f: (...args: Args) => Effect.Effect<A, E, R>,
      source: Source<Readonly<Args>, SE, SR>
    ): Stream.Stream<A, E | SE | SourceError, R | SR>
  }

  /**
   * Waits for a moment in which no slot is held and nobody waits for one. It can be used any number of times.
   *
   * Results of maps and piles that nobody has read do not count. On a paused pool with callers in line it waits.
   * Inside a job of the pool, also through fibers that it forked, it could never return, and is a defect at once.
   * Interruption loses nothing. eventlet's `GreenPool.waitall`.
   */
  readonly waitall: Effect.Effect<void>

  /**
   * Changes the size of the pool. Growing lets as many from the line in as fit, in order, at once. Shrinking
   * never touches what runs; nobody gets a slot until fewer than the new size are held. Size 0 pauses the pool:
   * everybody waits, except that nested jobs go on borrowing.
   *
   * Fails with `InvalidPoolSize` when the size is no safe integer of at least 0; the pool then stays as it was.
   * eventlet's `GreenPool.resize`.
   */
  readonly resize: (size: number) => Effect.Effect<void, InvalidPoolSize>

  /** How many jobs may hold a slot at once. eventlet's `GreenPool.size`. */
  readonly size: Effect.Effect<number>

  /** `size - running`; negative after a shrink below what runs. eventlet's `GreenPool.free`. */
  readonly free: Effect.Effect<number>

  /** How many jobs hold a slot; nested jobs on borrowed slots do not. eventlet's `GreenPool.running`. */
  readonly running: Effect.Effect<number>

  /** How many callers wait for a slot; a map is one caller. eventlet's `GreenPool.waiting`. */
  readonly waiting: Effect.Effect<number>

  /** All counters, at one moment. */
  readonly stats: Effect.Effect<PoolStats>
}

/**
 * The items of several sources, in a tuple.
 *
 * @category models
 * @since 0.1.0
 */
export type Items<S extends ReadonlyArray<Source.Any>> = { -readonly [K in keyof S]: Source.Item<S[K]> }

/**
 * The options of a pool. All of it is plain data: `GreenPoolOptions` is also the schema that decodes it from
 * configuration.
 *
 * @category options
 * @since 0.1.0
 */
export interface GreenPoolOptions {
  /** How many jobs may hold a slot at once: an integer, 0 (paused) or more. Default 1000, as eventlet. */
  readonly size?: number | undefined
  /** The name of the pool in logs and stats. Default `"default"`. */
  readonly name?: string | undefined
}

/**
 * The schema of the options.
 *
 * @category schemas
 * @since 0.1.0
 */
export const GreenPoolOptions = Schema.Struct({
  size: Schema.optional(PoolSize),
  name: Schema.optional(Schema.String)
})

const DefaultSize = 1000

/**
 * The verbs of a pool as statics of a key: each uses the pool that the context holds under that key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Verbs<I> {
  readonly spawn: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Fiber.Fiber<A, E>, never, R | I>
  readonly spawnN: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<void, never, R | I>
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | I>
  readonly imap: MapVerb<I>
  readonly imapUnordered: MapVerb<I>
  readonly imapExit: MapExitVerb<I>
  readonly starmap: StarmapVerb<I>
  readonly waitall: Effect.Effect<void, never, I>
  readonly resize: (size: number) => Effect.Effect<void, InvalidPoolSize, I>
  readonly size: Effect.Effect<number, never, I>
  readonly free: Effect.Effect<number, never, I>
  readonly running: Effect.Effect<number, never, I>
  readonly waiting: Effect.Effect<number, never, I>
  readonly stats: Effect.Effect<PoolStats, never, I>
}

/**
 * The type of `imap` and `imapUnordered` as statics: data-first for any sources, data-last for one stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface MapVerb<I> {
  <X, A, E, R>(
    f: (item: X) => Effect.Effect<A, E, R>
  ): <SE, SR>(source: Stream.Stream<X, SE, SR>) => Stream.Stream<A, E | SE, R | SR | I>
  <S extends readonly [Source.Any, ...ReadonlyArray<Source.Any>], A, E, R>(
    f: (...items: Items<S>) => Effect.Effect<A, E, R>,
    ...sources: S
  ): Stream.Stream<A, E | Source.Error<S[number]>, R | Source.Services<S[number]> | I>
}

/**
 * The type of `imapExit` as a static.
 *
 * @category models
 * @since 0.1.0
 */
export interface MapExitVerb<I> {
  <X, A, E, R>(
    f: (item: X) => Effect.Effect<A, E, R>
  ): <SE, SR>(source: Stream.Stream<X, SE, SR>) => Stream.Stream<Exit.Exit<A, E>, SE, R | SR | I>
  <S extends readonly [Source.Any, ...ReadonlyArray<Source.Any>], A, E, R>(
    f: (...items: Items<S>) => Effect.Effect<A, E, R>,
    ...sources: S
  ): Stream.Stream<Exit.Exit<A, E>, Source.Error<S[number]>, R | Source.Services<S[number]> | I>
}

/**
 * The type of `starmap` as a static.
 *
 * @category models
 * @since 0.1.0
 */
export interface StarmapVerb<I> {
  <Args extends ReadonlyArray<unknown>, A, E, R>(
    f: (...args: Args) => Effect.Effect<A, E, R>
  ): <SE, SR>(source: Stream.Stream<Readonly<Args>, SE, SR>) => Stream.Stream<A, E | SE, R | SR | I>
  <Args extends ReadonlyArray<unknown>, A, E, R>(
    f: (...args: Args) => Effect.Effect<A, E, R>,
    source: AsyncIterable<Readonly<Args>>
  ): Stream.Stream<A, E | SourceError, R | I>
  <Args extends ReadonlyArray<unknown>, A, E, R, SE = never, SR = never>(
    f: (...args: Args) => Effect.Effect<A, E, R>,
    source: Iterable<Readonly<Args>> | Stream.Stream<Readonly<Args>, SE, SR>
  ): Stream.Stream<A, E | SE, R | SR | I>
  <Args extends ReadonlyArray<unknown>, A, E, R, SE = never, SR = never>(
    f: (...args: Args) => Effect.Effect<A, E, R>,
    source: Source<Readonly<Args>, SE, SR>
  ): Stream.Stream<A, E | SE | SourceError, R | SR | I>
}

/**
 * A service key for a pool of its own, as `GreenPool.Service` makes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string> extends Context.ServiceClass<Self, Id, GreenPool>, Verbs<Self> {
  /** Makes the pool, once per build of the layer, and closes it with the layer's scope. */
  readonly layer: Layer.Layer<Self, InvalidPoolSize>
}

const make = Effect.fnUntraced(function*(
  options?: GreenPoolOptions
): Effect.fn.Return<GreenPool, InvalidPoolSize, Scope.Scope> {
  const size = yield* checkPoolSize(options?.size === undefined ? DefaultSize : options.size)
  const pool = new Pool(options?.name ?? "default", size, yield* Scheduler.Scheduler)
  yield* Effect.addFinalizer(() => pool.close)
  return fromInternal(pool)
})

const fromInternal = (pool: Pool): GreenPool => {
  const { semaphore } = pool.slots
  const reports = reporter(pool.name)
  const imap = mapOver(pool, { ordered: true, exits: false })
  return {
    [TypeId]: pool,
    spawn: (effect) => Effect.withFiber((fiber) => spawn(new SpawnJob(pool, pool.jobs, fiber, effect))),
    spawnN: (effect) =>
      Effect.withFiber((fiber) => Effect.asVoid(spawn(new SpawnJob(pool, pool.jobs, fiber, effect, reports)))),
    run: (effect) => run(pool, effect),
    imap,
    imapUnordered: mapOver(pool, { ordered: false, exits: false }),
    imapExit: mapOver(pool, { ordered: true, exits: true }) as unknown as GreenPool["imapExit"],
    starmap:
      ((f: AnyFunction, source: Source.Any) =>
        mapStream(pool, spread(f), [source], { ordered: true, exits: false })) as GreenPool["starmap"],
    waitall: pool.waitall,
    resize: (size) => pool.resize(size),
    size: Effect.sync(() => semaphore.permits),
    free: Effect.sync(() => semaphore.free),
    running: Effect.sync(() => semaphore.taken),
    waiting: Effect.sync(() => semaphore.waiting),
    stats: pool.stats
  }
}

type AnyFunction = (...args: ReadonlyArray<never>) => Effect.Effect<unknown, unknown, unknown>

const spread = (f: AnyFunction) => (args: unknown) => f(...args as ReadonlyArray<never>)

const mapOver = (pool: Pool, mode: Mode): GreenPool["imap"] =>
  ((f: AnyFunction, ...sources: ReadonlyArray<Source.Any>) =>
    mapStream(
      pool,
      sources.length === 1 ? f as (item: unknown) => Effect.Effect<unknown, unknown, unknown> : spread(f),
      sources,
      mode
    )) as GreenPool["imap"]

/** @internal */
export const toInternal = (pool: GreenPool): Pool => pool[TypeId] as Pool

/** @internal */
export const isGreenPool = (u: unknown): u is GreenPool => Predicate.hasProperty(u, TypeId)

const layer = (options?: GreenPoolOptions): Layer.Layer<GreenPool, InvalidPoolSize> => Layer.effect(key, make(options))

const layerConfig = (
  config: Config.Wrap<GreenPoolOptions>
): Layer.Layer<GreenPool, InvalidPoolSize | Config.ConfigError> =>
  Layer.effect(key, Effect.flatMap(Config.unwrap(config), make))

const Service = <Self>() => <const Id extends string>(id: Id, options?: GreenPoolOptions): ServiceClass<Self, Id> => {
  const self = Context.Service<Self, GreenPool>()(id)
  return Object.assign(self, verbs(self), {
    layer: Layer.effect(self, make({ ...options, name: options?.name ?? id }))
  })
}

const verbs = <I>(key: Context.Service<I, GreenPool>): Verbs<I> => {
  const mapVerb = (verb: "imap" | "imapUnordered" | "imapExit" | "starmap") => {
    const over = (f: AnyFunction, sources: ReadonlyArray<Source.Any>) =>
      Stream.unwrap(key.useSync((pool) => (pool[verb] as AnyMap)(f, ...sources)))
    return (f: AnyFunction, ...sources: ReadonlyArray<Source.Any>) =>
      sources.length === 0 ? (source: Source.Any) => over(f, [source]) : over(f, sources)
  }
  return {
    spawn: (effect) => key.use((pool) => pool.spawn(effect)),
    spawnN: (effect) => key.use((pool) => pool.spawnN(effect)),
    run: (effect) => key.use((pool) => pool.run(effect)),
    imap: mapVerb("imap") as MapVerb<I>,
    imapUnordered: mapVerb("imapUnordered") as MapVerb<I>,
    imapExit: mapVerb("imapExit") as MapExitVerb<I>,
    starmap: mapVerb("starmap") as StarmapVerb<I>,
    waitall: key.use((pool) => pool.waitall),
    resize: (size) => key.use((pool) => pool.resize(size)),
    size: key.use((pool) => pool.size),
    free: key.use((pool) => pool.free),
    running: key.use((pool) => pool.running),
    waiting: key.use((pool) => pool.waiting),
    stats: key.use((pool) => pool.stats)
  }
}

type AnyMap = (f: AnyFunction, ...sources: ReadonlyArray<Source.Any>) => Stream.Stream<unknown, unknown, unknown>

const key = Context.Service<GreenPool>("@greenpool/core/GreenPool")

/**
 * The service key of the pool, the home of its constructors, and its verbs for pipelines.
 *
 * @category services
 * @since 0.1.0
 */
export const GreenPool: Context.Service<GreenPool, GreenPool> & Verbs<GreenPool> & {
  /**
   * Makes a pool that lives as long as the scope. Closing the scope interrupts all that waits and runs in the pool, and
   * waits for its finalizers. Fails with `InvalidPoolSize` when the size is no safe integer of at least 0.
   */
  readonly make: (options?: GreenPoolOptions) => Effect.Effect<GreenPool, InvalidPoolSize, Scope.Scope>
  /** A layer that makes the pool and closes it with the layer's scope. */
  readonly layer: (options?: GreenPoolOptions) => Layer.Layer<GreenPool, InvalidPoolSize>
  /** As `layer`, with the options read from configuration: `GreenPool.layerConfig({ size: Config.Int("POOL_SIZE") })`. */
  readonly layerConfig: (
    config: Config.Wrap<GreenPoolOptions>
  ) => Layer.Layer<GreenPool, InvalidPoolSize | Config.ConfigError>
  /**
   * Makes the key of a further pool, with its own layer and statics:
   * `class ApiPool extends GreenPool.Service<ApiPool>()("app/ApiPool", { size: 10 }) {}`.
   * Without a `name` the pool has the name of its key.
   */
  readonly Service: <Self>() => <const Id extends string>(id: Id, options?: GreenPoolOptions) => ServiceClass<Self, Id>
} = Object.assign(key, verbs(key), { make, layer, layerConfig, Service }) as never

/**
 * The layer of a pool of size 1000, as eventlet's: `Effect.provide(GreenPoolLive)`.
 *
 * @category layers
 * @since 0.1.0
 */
export const GreenPoolLive: Layer.Layer<GreenPool> = Layer.effect(key, Effect.orDie(make()))
