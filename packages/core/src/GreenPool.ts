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
  type Option,
  Predicate,
  type Scope,
  type Stream
} from "effect"
import type { JobOptions, PoolFull, Rejection } from "./Admission.ts"
import { type GreenPoolOptions, type RejectedBy, toSettings, type UnboundedOptions } from "./GreenPoolOptions.ts"
import { map as mapStream, type Mode } from "./internal/map.ts"
import { Pool } from "./internal/pool.ts"
import { run, runIfAvailable } from "./internal/run.ts"
import { reporter, spawn, spawnIfAvailable, SpawnJob } from "./internal/spawn.ts"
import type { InvalidPoolSize } from "./PoolSize.ts"
import type { PoolStats } from "./PoolStats.ts"
import type { Source, SourceError } from "./Source.ts"
import { type Verbs, verbs } from "./Verbs.ts"

const TypeId: unique symbol = Symbol.for("@greenpool/core/GreenPool")

/**
 * A pool: at most `size` jobs hold a slot at once, whoever starts them and in whichever way.
 *
 * Think of a car park with numbered slots and one queue at its gate. Every job that runs keeps a slot until its
 * fiber has ended, finalizers included. Whoever finds no slot free waits in the line, first come, first served, and
 * a slot that becomes free goes to the head of the line at once. A job may use its own pool again: when no slot is
 * free then, the nested job borrows the slot of the job around it, so that nobody waits for himself.
 *
 * All operations are safe to use from any number of fibers, and may be passed around unbound (`effect.pipe(pool.run)`).
 * On a closed pool all verbs end with interruption, at once; the counters and `changes` can still be read.
 *
 * A pool with `maxWaiting` or `maxWait` turns callers away who would wait too long: it is a `GreenPool<PoolFull>`, and
 * its calls can fail with `PoolFull`.
 *
 * @category models
 * @since 0.1.0
 */
export interface GreenPool<out Rejected = never> {
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
   * O(1), with keys or priorities O(log n). eventlet's `GreenPool.spawn`.
   */
  readonly spawn: <A, E, R, const O extends JobOptions = {}>(
    effect: Effect.Effect<A, E, R>,
    options?: O
  ) => Effect.Effect<Fiber.Fiber<A, E>, Rejected | Rejection<O>, R>

  /**
   * As `spawn`, for a job whose result nobody wants. Its failure or defect is logged once, at level `Error`, with its
   * cause, the log annotations of the spawner and the annotation `pool`; its interruption is not.
   *
   * O(1), with keys or priorities O(log n). eventlet's `GreenPool.spawn_n`.
   */
  readonly spawnN: <A, E, R, const O extends JobOptions = {}>(
    effect: Effect.Effect<A, E, R>,
    options?: O
  ) => Effect.Effect<void, Rejected | Rejection<O>, R>

  /**
   * Waits for a slot, runs the job in the caller's own fiber, and gives its result.
   *
   * The slot is kept until the effect and its finalizers are over. Interruption while it waits leaves the line and
   * loses nothing; afterwards it interrupts the job and waits for its finalizers.
   *
   * O(1), with keys or priorities O(log n). Effect's `Semaphore.withPermit`; eventlet has no name for it.
   */
  readonly run: <A, E, R, const O extends JobOptions = {}>(
    effect: Effect.Effect<A, E, R>,
    options?: O
  ) => Effect.Effect<A, E | Rejected | Rejection<O>, R>

  /**
   * As `spawn`, but only if a slot is free, and so nobody is in line: else it gives none, at once, and starts nothing.
   * It does not borrow, so inside a job of a full pool it gives none.
   */
  readonly spawnIfAvailable: <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    options?: Pick<JobOptions, "key">
  ) => Effect.Effect<Option.Option<Fiber.Fiber<A, E>>, never, R>

  /**
   * As `run`, but only if a slot is free, and so nobody is in line: else it gives none, at once, and runs nothing. It
   * does not borrow, so inside a job of a full pool it gives none. Effect's `Semaphore.withPermitsIfAvailable`.
   */
  readonly runIfAvailable: <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    options?: Pick<JobOptions, "key">
  ) => Effect.Effect<Option.Option<A>, E, R>

  /**
   * Maps the items of the sources, each in a job of the pool, to a stream of the results, in the order of the items.
   * Several sources are zipped; the shortest ends them. No source at all gives an empty stream.
   *
   * It takes constant memory: at most `max(1, size)` items are in hand, from being taken out of the source until the
   * result is emitted, beside what a stream source delivers in one chunk. Results that are ready come as one chunk,
   * which is emitted when the reader gets it, however slow the reader then is. Nothing is taken before the stream is
   * read, and a reader that is slow stops the taking.
   *
   * The first failure in order ends it, after all results before it; so does a failure of a source. What is in flight
   * is then interrupted and awaited, as it is when the stream is left early or interrupted; and the sources are
   * closed. An `f` that throws, and an iterator that throws, are defects.
   *
   * Its jobs are jobs like all others: they count as running, obey `resize`, and hold up `waitall`. The map has one
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

  /** All counters, at one moment. O(1). */
  readonly stats: Effect.Effect<PoolStats>

  /**
   * The present, and then what is new whenever something is: snapshots of `stats`, at most one per turn of the event
   * loop, each unlike the one before. It ends after the last state of the closed pool.
   *
   * Each run of the stream starts with the present; a slow reader skips to the newest state, and holds nobody up. It
   * costs nothing while nobody waits for it. Read to its end inside a job, it holds up a close that drains, since that
   * waits for the job. Interruption loses nothing. eventlet has no name for it.
   */
  readonly changes: Stream.Stream<PoolStats>
}

/**
 * The items of several sources, in a tuple.
 *
 * @category models
 * @since 0.1.0
 */
export type Items<S extends ReadonlyArray<Source.Any>> = { -readonly [K in keyof S]: Source.Item<S[K]> }

/**
 * A service key for a pool of its own, as `GreenPool.Service` makes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string, Rejected = never>
  extends Context.ServiceClass<Self, Id, GreenPool<Rejected>>, Verbs<Self, Rejected>
{
  /** Makes the pool, once per build of the layer, and closes it with the layer's scope. */
  readonly layer: Layer.Layer<Self, InvalidPoolSize>
}

/** Gives the parameters of these functions their types, which inference of the options alone does not. */
type FunctionOptions = Pick<GreenPoolOptions, "maxWaiting" | "weight" | "adaptive">

const make = Effect.fnUntraced(function*<const O extends GreenPoolOptions = {}>(
  options?: O & FunctionOptions
): Effect.fn.Return<GreenPool<RejectedBy<O>>, InvalidPoolSize, Scope.Scope> {
  const settings = yield* toSettings(options ?? {})
  const context = yield* Effect.context()
  const pool = yield* Effect.acquireRelease(Effect.sync(() => new Pool(settings, context)), (pool) => pool.close)
  return fromInternal(pool) as GreenPool<RejectedBy<O>>
})

// A pool without bounds fails no call: the types of `make` and `Service` say which do.
const fromInternal = (pool: Pool): GreenPool<PoolFull> => {
  const { semaphore } = pool.slots
  const reports = reporter(pool.name)
  const imap = mapOver(pool, { ordered: true, exits: false })
  return {
    [TypeId]: pool,
    spawn: (effect, options) =>
      Effect.withFiber((fiber) => spawn(new SpawnJob(pool, pool.jobs, fiber, effect, options))),
    spawnN: (effect, options) =>
      Effect.withFiber((fiber) => Effect.asVoid(spawn(new SpawnJob(pool, pool.jobs, fiber, effect, options, reports)))),
    run: (effect, options) => run(pool, effect, options),
    spawnIfAvailable: (effect, options) =>
      Effect.withFiber((fiber) => spawnIfAvailable(new SpawnJob(pool, pool.jobs, fiber, effect, options))),
    runIfAvailable: (effect, options) => runIfAvailable(pool, effect, options),
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
    stats: Effect.sync(() => pool.snapshot()),
    changes: pool.changes.stream
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
export const toInternal = (pool: GreenPool<PoolFull>): Pool => pool[TypeId] as Pool

/** @internal */
export const isGreenPool = (u: unknown): u is GreenPool<PoolFull> => Predicate.hasProperty(u, TypeId)

/** A pool for a key that promises calls which nobody turns away. */
const makeUnbounded = (options: GreenPoolOptions = {}): Effect.Effect<GreenPool, InvalidPoolSize, Scope.Scope> =>
  options.maxWaiting === undefined && options.maxWait === undefined
    ? make(options) as Effect.Effect<GreenPool, InvalidPoolSize, Scope.Scope>
    : Effect.die(new TypeError("a pool with maxWaiting or maxWait has a key of its own: make it by GreenPool.Service"))

const layer = (options?: UnboundedOptions): Layer.Layer<GreenPool, InvalidPoolSize> =>
  Layer.effect(key, makeUnbounded(options))

const layerConfig = (
  config: Config.Wrap<UnboundedOptions>
): Layer.Layer<GreenPool, InvalidPoolSize | Config.ConfigError> =>
  Layer.effect(key, Effect.flatMap(Config.unwrap(config), makeUnbounded))

const Service = <Self>() =>
<const Id extends string, const O extends GreenPoolOptions = {}>(
  id: Id,
  options?: O & FunctionOptions
): ServiceClass<Self, Id, RejectedBy<O>> => {
  const self = Context.Service<Self, GreenPool<RejectedBy<O>>>()(id)
  return Object.assign(self, verbs(self), {
    layer: Layer.effect(self, make<O>({ ...options as O & FunctionOptions, name: options?.name ?? id }))
  })
}

const key = Context.Service<GreenPool>("@greenpool/core/GreenPool")

/**
 * The service key of the pool, the home of its constructors, and its verbs for pipelines.
 *
 * @category services
 * @since 0.1.0
 */
export const GreenPool: Context.Service<GreenPool, GreenPool> & Verbs<GreenPool> & {
  /**
   * Makes a pool that lives as long as the scope. Closing the scope interrupts all that waits and runs in the pool, or
   * lets it finish first (`onClose`), and waits for its finalizers. Fails with `InvalidPoolSize` when the size is no
   * safe integer of at least 0.
   */
  readonly make: <const O extends GreenPoolOptions = {}>(
    options?: O & FunctionOptions
  ) => Effect.Effect<GreenPool<RejectedBy<O>>, InvalidPoolSize, Scope.Scope>
  /**
   * A layer that makes the pool and closes it with the layer's scope. It takes no `maxWaiting` and no `maxWait`: the
   * calls of this key never fail with `PoolFull`; a bounded pool has a key of its own, from `Service`.
   */
  readonly layer: (options?: UnboundedOptions) => Layer.Layer<GreenPool, InvalidPoolSize>
  /** As `layer`, with the options read from configuration: `GreenPool.layerConfig({ size: Config.Int("POOL_SIZE") })`. */
  readonly layerConfig: (
    config: Config.Wrap<UnboundedOptions>
  ) => Layer.Layer<GreenPool, InvalidPoolSize | Config.ConfigError>
  /**
   * Makes the key of a further pool, with its own layer and statics:
   * `class ApiPool extends GreenPool.Service<ApiPool>()("app/ApiPool", { size: 10 }) {}`.
   * Without a `name` the pool has the name of its key.
   */
  readonly Service: <Self>() => <const Id extends string, const O extends GreenPoolOptions = {}>(
    id: Id,
    options?: O & FunctionOptions
  ) => ServiceClass<Self, Id, RejectedBy<O>>
} = Object.assign(key, verbs(key), { make, layer, layerConfig, Service }) as never

/**
 * The layer of a pool of size 1000, as eventlet's: `Effect.provide(GreenPoolLive)`.
 *
 * @category layers
 * @since 0.1.0
 */
export const GreenPoolLive: Layer.Layer<GreenPool> = Layer.effect(key, Effect.orDie(make()))
