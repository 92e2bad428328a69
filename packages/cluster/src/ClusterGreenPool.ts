/**
 * Pools whose slots come from one budget that many processes share.
 *
 * @since 0.1.0
 */
import {
  GreenPool,
  type GreenPoolOptions,
  type InvalidPoolSize,
  type PoolFull,
  type PoolRejection,
  PoolSize,
  type UnboundedOptions
} from "@greenpool/core"
import { type Context, type Duration, Effect, Layer, Option, Schema, type Scope } from "effect"
import { MessageStorage, RunnerHealth, Runners, RunnerStorage, Sharding, ShardingConfig } from "effect/cluster"
import { KeyValueStore } from "effect/persistence"
import type { ClusterStats } from "./ClusterStats.ts"
import { layer as coordinatorLayer } from "./internal/coordinator.ts"
import { milliseconds } from "./internal/duration.ts"
import { Member } from "./internal/member.ts"

/**
 * How a process keeps the slots that it has been leased.
 *
 * A lease lasts for a time that the coordinator sets (`CoordinatorOptions`, default 15 seconds), from the moment when
 * the process sent a report that was answered. A duration that isn't finite and above 0 is a defect of the effect that
 * makes the pool.
 *
 * @category options
 * @since 0.1.0
 */
export interface LeaseOptions {
  /**
   * How often the process reports that it lives, which renews its leases, however busy the pool is. Never less often
   * than three times in a lease. A slot that it has not used for that long is given back. Default: 3 seconds.
   */
  readonly heartbeat?: Duration.Input | undefined
  /**
   * How long before the end of its leases a process that isn't answered stops its jobs. Finalizers that take longer run
   * beyond the limit, and so does everything if the clocks of two machines run apart by that much within a lease. At
   * most a quarter of the lease. Default: 1 second.
   */
  readonly grace?: Duration.Input | undefined
  /**
   * What becomes of the jobs that run when the leases are lost. `"interrupt"` interrupts them, which keeps the limit:
   * `run` ends with the interruption of its caller, as on a closed pool, so `Effect.exit` around `run` doesn't catch
   * it; a `spawn` shows it in its fiber. `"finish"` lets them end, beyond the limit: for jobs that must not be cut off
   * more than the limit must hold. In both cases callers in the queue stay there, and are served when the process is
   * heard again. Default: `"interrupt"`.
   */
  readonly onLeaseLost?: "interrupt" | "finish" | undefined
}

/** What all pools of a cluster have in common. */
interface Shared extends LeaseOptions {
  /** Names the budget: pools of the same name share it, whatever process they are in. */
  readonly name: string
  /** A pool of a cluster doesn't find its own size: `true` or options are a type error and a defect. */
  readonly adaptive?: false | undefined
}

/**
 * The options of a pool of a cluster that rejects no calls: those of the core's pools, a name, and `LeaseOptions`.
 *
 * The first pool of a name decides the size of the budget. Another one that asks for another size gets that of the
 * budget, with one warning. Keys, priorities and weights rank the callers of one process.
 *
 * @category options
 * @since 0.1.0
 */
export interface ClusterUnboundedOptions extends Omit<UnboundedOptions, "adaptive" | "name">, Shared {}

/**
 * The options of a pool of a cluster. `maxWaiting` and `maxWait` bound the queue of this process. A caller that finds no
 * slot of the process free waits at least until the coordinator has answered, and counts as waiting until then, also
 * where slots are free: with `maxWaiting: 0`, or a `maxWait` shorter than a round trip, it is rejected.
 *
 * @category options
 * @since 0.1.0
 */
export interface ClusterGreenPoolOptions<
  out QueueBound extends GreenPoolOptions["maxWaiting"] = GreenPoolOptions["maxWaiting"],
  out TimeBound extends Duration.Input | undefined = Duration.Input | undefined
> extends Omit<GreenPoolOptions<QueueBound, TimeBound>, "adaptive" | "name">, Shared {}

/**
 * How slots are handed out.
 *
 * A duration that isn't finite and above 0 is a defect of the layer.
 *
 * @category options
 * @since 0.1.0
 */
export interface CoordinatorOptions {
  /**
   * How long a process may use its slots without being heard. It must be longer than it takes to find a new
   * coordinator when one dies, plus a heartbeat and the grace: otherwise each such death interrupts all jobs. Default:
   * 15 seconds.
   */
  readonly lease?: Duration.Input | undefined
  /**
   * How long after its connection has closed the slots of a process are free, unless it connects again. A process that
   * dies is missed that long; a process that lives, but whose connection is closed on one side only, may run beyond the
   * limit from then until its next heartbeat is answered. The same as `lease` is the safe choice, where connections
   * break like that. Default: 2 seconds.
   */
  readonly reclaimAfter?: Duration.Input | undefined
}

/**
 * One process's pool of a budget that many processes share.
 *
 * It is a `GreenPool` like any other: the same verbs, queue, lending, maps and piles. Over all processes at most `size`
 * jobs hold a slot. What differs:
 *
 * - A caller that finds no slot of the process free asks the coordinator: one round trip where slots are free, two where
 *   others have some that they don't use. A slot that the process has used stays with it, and a job on it costs no
 *   message, until another process wants it or it hasn't been used for a heartbeat.
 * - Within the process the queue is the core's, strictly in order. Between processes there are equal shares and no
 *   order: when more is wanted than there is, each gets the same, and what can't be divided goes round in turns.
 * - `running`, `waiting`, `stats`, `changes` and the metrics are those of this process. `size` is that of the budget, so
 *   `free` is an upper bound.
 * - `resize` changes the budget of all processes, and is kept over failovers and restarts. When a shrink has returned,
 *   no process starts a job beyond the new size any more.
 * - `waitall` waits for a moment in which no slot is held in any process and nobody who had called before it is in a
 *   queue.
 * - `runIfAvailable` and `spawnIfAvailable` take a free slot of the process immediately. Otherwise they ask the
 *   coordinator, which gives one if nobody waits: at most two round trips, and without a coordinator at most a
 *   heartbeat. They never wait for a job.
 * - A job can be interrupted because its lease is lost (`onLeaseLost`).
 *
 * Errors of the cluster that no caller can handle, such as a storage that is gone, are defects of `resize`, `waitall`
 * and `clusterStats`. Jobs never see them: they wait.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterPool<out Rejected = never> extends GreenPool<Rejected> {
  /**
   * What the coordinator knows of the budget and of all its pools.
   *
   * It has all processes report, and waits for that at most a second: what it knows of a process that doesn't answer is
   * the last it was told. Without a coordinator it waits. Interruption loses nothing. On a closed pool it ends with
   * interruption.
   */
  readonly clusterStats: Effect.Effect<ClusterStats>
  /** How many slots this process has been leased, in use or kept warm. O(1), no message. */
  readonly leased: Effect.Effect<number>
}

type QueueBound = GreenPoolOptions["maxWaiting"]

type TimeBound = Duration.Input | undefined

type Make<Rejected> = Effect.Effect<ClusterPool<Rejected>, InvalidPoolSize, Scope.Scope | Sharding.Sharding>

/** The options that a key takes: bounds only if its type has them. */
type BoundsOf<Rejected> = [Rejected] extends [never] ? ClusterUnboundedOptions : ClusterGreenPoolOptions

const make = Effect.fnUntraced(function*(
  options: ClusterGreenPoolOptions
): Effect.fn.Return<ClusterPool<PoolFull>, InvalidPoolSize, Scope.Scope | Sharding.Sharding> {
  const { grace = 1000, heartbeat = 3000, name, onLeaseLost = "interrupt", ...poolOptions } = options
  if (poolOptions.adaptive as unknown) {
    return yield* Effect.die(new TypeError("a pool of a cluster doesn't find its own size: `adaptive` isn't allowed"))
  }
  if (onLeaseLost !== "interrupt" && onLeaseLost !== "finish") {
    return yield* Effect.die(new RangeError(`Invalid onLeaseLost: it is "interrupt" or "finish"`))
  }
  const member = yield* Member.make({
    name,
    heartbeat: milliseconds("heartbeat", heartbeat),
    grace: milliseconds("grace", grace),
    onLeaseLost
  })
  const pool: GreenPool<PoolFull> = yield* GreenPool.make({ ...poolOptions, name } as GreenPoolOptions)
  yield* member.join(pool, yield* pool.size, options.size !== undefined)
  return {
    ...pool,
    runIfAvailable: askFirst(member, pool.runIfAvailable),
    spawnIfAvailable: askFirst(member, pool.spawnIfAvailable),
    waitall: Effect.andThen(pool.waitall, member.waitall),
    resize: (size) =>
      // A wrong size fails here, and so does a call of a closed pool.
      Effect.suspend(() => isPoolSize(size) && !member.isClosed ? member.resize(size) : pool.resize(size)),
    clusterStats: member.stats,
    leased: Effect.sync(() => member.leased)
  }
})

const isPoolSize = Schema.is(PoolSize)

type IfAvailable = GreenPool<PoolFull>["runIfAvailable"] | GreenPool<PoolFull>["spawnIfAvailable"]

/** Takes a slot of the process if one is free. If none is, asks for one and tries once more. */
const askFirst = <V extends IfAvailable>(member: Member, ifAvailable: V): V => {
  const verb = ifAvailable as unknown as (
    effect: Effect.Effect<unknown>,
    options: unknown
  ) => Effect.Effect<Option.Option<unknown>>
  const over = (effect: Effect.Effect<unknown>, options: unknown): Effect.Effect<Option.Option<unknown>> =>
    Effect.flatMap(verb(effect, options), (found) =>
      Option.isSome(found)
        ? Effect.succeed(found)
        : Effect.andThen(member.ask, verb(effect, options)))
  const dual = (effectOrOptions: unknown, options: unknown) =>
    Effect.isEffect(effectOrOptions)
      ? over(effectOrOptions as Effect.Effect<unknown>, options)
      : (effect: Effect.Effect<unknown>) => over(effect, effectOrOptions)
  // What the job needs and fails with is known to the type only.
  return dual as unknown as V
}

const isBounded = ({ maxWait, maxWaiting }: GreenPoolOptions): boolean =>
  maxWaiting !== undefined || maxWait !== undefined

const layer = (options: ClusterUnboundedOptions): Layer.Layer<GreenPool, InvalidPoolSize, Sharding.Sharding> =>
  isBounded(options)
    ? Layer.effect(
      GreenPool,
      Effect.die(new TypeError("a pool with maxWaiting or maxWait needs a key with bounds: use layerFor"))
    )
    // Without bounds it fails no call.
    : Layer.effect(GreenPool, make(options) as Make<never>)

const layerFor = <Self, Rejected>(
  key: Context.Key<Self, GreenPool<Rejected>>,
  options: BoundsOf<Rejected>
): Layer.Layer<Self, InvalidPoolSize, Sharding.Sharding> =>
  // What the calls of the key can fail with is in its type.
  Layer.effect(key, make(options) as Make<Rejected>)

const layerCoordinator = (
  options?: CoordinatorOptions
): Layer.Layer<never, never, Sharding.Sharding | KeyValueStore.KeyValueStore> =>
  Layer.unwrap(Effect.sync(() =>
    coordinatorLayer({
      lease: milliseconds("lease", options?.lease ?? 15_000),
      reclaimAfter: milliseconds("reclaimAfter", options?.reclaimAfter ?? 2000)
    })
  ))

const layerTest = (
  options?: CoordinatorOptions
): Layer.Layer<Sharding.Sharding | Runners.Runners | MessageStorage.MessageStorage> =>
  layerCoordinator(options).pipe(
    Layer.provide(KeyValueStore.layerMemory),
    Layer.provideMerge(Sharding.layer),
    Layer.provideMerge(Runners.layerNoop),
    Layer.provideMerge(MessageStorage.layerMemory),
    Layer.provide([RunnerStorage.layerMemory, RunnerHealth.layerNoop]),
    Layer.provide(ShardingConfig.layer({ shardsPerGroup: 16 }))
  )

/**
 * Pools whose slots come from one budget that many processes share: their constructors and layers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ClusterGreenPool: {
  /**
   * Makes a pool whose slots come from the budget of that name, for as long as the scope lives. Closing the scope closes
   * the pool as `onClose` says, and gives its slots back when its jobs have ended; leases are renewed while it drains.
   *
   * When to use: for a quota that all processes of an application share, such as that of an API. For a limit of one
   * process, or where `size` divided by the number of processes will do, use `GreenPool.make`.
   *
   * It doesn't wait for the coordinator: callers wait in the queue until that has been found.
   *
   * Fails with `InvalidPoolSize` if the size isn't a non-negative safe integer.
   */
  readonly make: <const W extends QueueBound = never, const T extends TimeBound = never>(
    options: ClusterGreenPoolOptions<W, T>
  ) => Effect.Effect<
    ClusterPool<PoolRejection<{ readonly maxWaiting: W; readonly maxWait: T }>>,
    InvalidPoolSize,
    Scope.Scope | Sharding.Sharding
  >
  /**
   * A layer that gives the key `GreenPool` a pool of the cluster, in place of `GreenPool.layer`: everything that uses
   * the key works unchanged.
   *
   * When to use: for the one pool of an application. For another key, or a pool with `maxWaiting` or `maxWait`, use
   * `layerFor`: calls through this key never fail with `PoolFull`.
   */
  readonly layer: (options: ClusterUnboundedOptions) => Layer.Layer<GreenPool, InvalidPoolSize, Sharding.Sharding>
  /**
   * A layer that gives a key of `GreenPool.Service` a pool of the cluster, in place of the key's own layer. The options
   * are those given here, not those of the key. A key whose type says that its calls can fail with `PoolFull` takes
   * bounds; another one takes none.
   */
  readonly layerFor: <Self, Rejected>(
    key: Context.Key<Self, GreenPool<Rejected>>,
    options: BoundsOf<Rejected>
  ) => Layer.Layer<Self, InvalidPoolSize, Sharding.Sharding>
  /**
   * A layer for runners: the runner that owns the shard of a budget's name hands out its slots. Without it on at least
   * one runner, all callers wait.
   *
   * It keeps in the store, below `greenpool/`, the size of each budget and the most that each of its pools may have: a
   * few hundred bytes, written when that changes by more than an eighth of the size, and when a pool closes. All runners
   * need the same store.
   */
  readonly layerCoordinator: (
    options?: CoordinatorOptions
  ) => Layer.Layer<never, never, Sharding.Sharding | KeyValueStore.KeyValueStore>
  /**
   * A cluster for tests: a coordinator and all that it needs in this process, which keeps nothing. It is ready after 2
   * seconds of the clock, so with `TestClock` adjust that first.
   */
  readonly layerTest: (
    options?: CoordinatorOptions
  ) => Layer.Layer<Sharding.Sharding | Runners.Runners | MessageStorage.MessageStorage>
} = { make: make as never, layer, layerFor, layerCoordinator, layerTest }
