/**
 * The verbs of a pool as statics of its key, for pipelines: each uses the pool that the context holds under that key.
 *
 * @since 0.1.0
 */
import { type Context, Effect, type Exit, type Fiber, type Option, Stream } from "effect"
import type { JobOptions, Rejection } from "./Admission.ts"
import type { GreenPool, Items } from "./GreenPool.ts"
import type { InvalidPoolSize } from "./PoolSize.ts"
import type { PoolStats } from "./PoolStats.ts"
import type { Source, SourceError } from "./Source.ts"

/**
 * The verbs of a pool as statics of a key: data-first, or, with options alone or nothing but a function, data-last.
 *
 * @category models
 * @since 0.1.0
 */
export interface Verbs<I, Rejected = never> {
  readonly spawn: <Arg extends AnyEffect | JobOptions, const O extends JobOptions = {}>(
    effectOrOptions: Arg,
    options?: O
  ) => [Arg] extends [Effect.Effect<infer A, infer E, infer R>]
    ? Effect.Effect<Fiber.Fiber<A, E>, Rejected | Rejection<O>, R | I>
    : <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Fiber.Fiber<A, E>, Rejected | Rejection<Arg>, R | I>
  readonly spawnN: <Arg extends AnyEffect | JobOptions, const O extends JobOptions = {}>(
    effectOrOptions: Arg,
    options?: O
  ) => [Arg] extends [Effect.Effect<infer _A, infer _E, infer R>] ? Effect.Effect<void, Rejected | Rejection<O>, R | I>
    : <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<void, Rejected | Rejection<Arg>, R | I>
  readonly run: <Arg extends AnyEffect | JobOptions, const O extends JobOptions = {}>(
    effectOrOptions: Arg,
    options?: O
  ) => [Arg] extends [Effect.Effect<infer A, infer E, infer R>] ? Effect.Effect<A, E | Rejected | Rejection<O>, R | I>
    : <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejected | Rejection<Arg>, R | I>
  readonly spawnIfAvailable: <Arg extends AnyEffect | KeyOption>(
    effectOrOptions: Arg,
    options?: KeyOption
  ) => [Arg] extends [Effect.Effect<infer A, infer E, infer R>]
    ? Effect.Effect<Option.Option<Fiber.Fiber<A, E>>, never, R | I>
    : <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<Fiber.Fiber<A, E>>, never, R | I>
  readonly runIfAvailable: <Arg extends AnyEffect | KeyOption>(
    effectOrOptions: Arg,
    options?: KeyOption
  ) => [Arg] extends [Effect.Effect<infer A, infer E, infer R>] ? Effect.Effect<Option.Option<A>, E, R | I>
    : <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R | I>
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
  readonly changes: Stream.Stream<PoolStats, never, I>
}

type AnyEffect = Effect.Effect<unknown, unknown, unknown>

type KeyOption = Pick<JobOptions, "key">

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

/** @internal */
export const verbs = <I, Rejected>(key: Context.Service<I, GreenPool<Rejected>>): Verbs<I, Rejected> => {
  const jobVerb = (verb: "spawn" | "spawnN" | "run" | "spawnIfAvailable" | "runIfAvailable") => {
    const over = (effect: AnyEffect, options: JobOptions | undefined) =>
      key.use((pool) => (pool[verb] as (effect: AnyEffect, options?: JobOptions) => AnyEffect)(effect, options))
    return (effectOrOptions: AnyEffect | JobOptions, options?: JobOptions) =>
      Effect.isEffect(effectOrOptions)
        ? over(effectOrOptions, options)
        : (effect: AnyEffect) => over(effect, effectOrOptions as JobOptions)
  }
  const mapVerb = (verb: "imap" | "imapUnordered" | "imapExit" | "starmap") => {
    const over = (f: AnyFunction, sources: ReadonlyArray<Source.Any>) =>
      Stream.unwrap(key.useSync((pool) => (pool[verb] as AnyMap)(f, ...sources)))
    return (f: AnyFunction, ...sources: ReadonlyArray<Source.Any>) =>
      sources.length === 0 ? (source: Source.Any) => over(f, [source]) : over(f, sources)
  }
  return {
    spawn: jobVerb("spawn") as Verbs<I, Rejected>["spawn"],
    spawnN: jobVerb("spawnN") as Verbs<I, Rejected>["spawnN"],
    run: jobVerb("run") as Verbs<I, Rejected>["run"],
    spawnIfAvailable: jobVerb("spawnIfAvailable") as Verbs<I, Rejected>["spawnIfAvailable"],
    runIfAvailable: jobVerb("runIfAvailable") as Verbs<I, Rejected>["runIfAvailable"],
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
    stats: key.use((pool) => pool.stats),
    changes: Stream.unwrap(key.useSync((pool) => pool.changes))
  }
}

type AnyFunction = (...args: ReadonlyArray<never>) => Effect.Effect<unknown, unknown, unknown>

type AnyMap = (f: AnyFunction, ...sources: ReadonlyArray<Source.Any>) => Stream.Stream<unknown, unknown, unknown>
