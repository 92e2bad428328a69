/**
 * The functions behind the verbs: what they do with their arguments, for pools and for keys.
 */
import { Effect, Stream } from "effect"
import type { JobOptions } from "../Admission.ts"
import type { MapOptions } from "../MapOptions.ts"
import type { Source } from "../Source.ts"
import type { Verbs } from "../Verbs.ts"
import { map, type Mode } from "./map.ts"
import type { Pool } from "./pool.ts"
import { run, runIfAvailable } from "./run.ts"
import { type JobListener, reporter, spawn, spawnIfAvailable, SpawnJob } from "./spawn.ts"
import { runStream, takeScoped } from "./take.ts"

/** A pool as the verbs know it. */
export interface Handle {
  readonly pool: Pool
  readonly reports: JobListener<unknown, unknown>
}

export const handleOf = (pool: Pool): Handle => ({ pool, reports: reporter(pool.name) })

/** How verbs come to their pool: the pool itself is one, a key finds one in the context. */
interface Access {
  readonly effect: <A, E, R>(
    use: (handle: Handle) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, unknown>
  readonly stream: <A, E, R>(use: (handle: Handle) => Stream.Stream<A, E, R>) => Stream.Stream<A, E, unknown>
}

type AnyEffect = Effect.Effect<unknown, unknown, unknown>

type AnyFunction = (...args: ReadonlyArray<never>) => AnyEffect

export const verbs = <I, Rejected>(access: Access): Verbs<I, Rejected> => {
  const jobVerb = (verb: (handle: Handle, effect: AnyEffect, options?: JobOptions) => AnyEffect) =>
    dual(Effect.isEffect, (effect, options) => access.effect((handle) => verb(handle, effect, options)))
  const mapVerb = (mode: Mode, callOf = byCount) => (f: AnyFunction, ...args: ReadonlyArray<unknown>) => {
    const { options, sources } = toMapArguments(args)
    const over = (sources: ReadonlyArray<Source.Any>) =>
      access.stream(({ pool }) => map(pool, callOf(f, sources), sources, mode, options))
    return sources.length === 0 ? (source: Source.Any) => over([source]) : over(sources)
  }
  const all = {
    run: jobVerb(({ pool }, effect, options) => run(pool, effect, options)),
    spawn: jobVerb(({ pool }, effect, options) =>
      Effect.withFiber((fiber) => spawn(new SpawnJob(pool, pool.jobs, fiber, effect, options)))
    ),
    spawnN: jobVerb(({ pool, reports }, effect, options) =>
      Effect.withFiber((fiber) => Effect.asVoid(spawn(new SpawnJob(pool, pool.jobs, fiber, effect, options, reports))))
    ),
    runIfAvailable: jobVerb(({ pool }, effect, options) => runIfAvailable(pool, effect, options)),
    spawnIfAvailable: jobVerb(({ pool }, effect, options) =>
      Effect.withFiber((fiber) => spawnIfAvailable(new SpawnJob(pool, pool.jobs, fiber, effect, options)))
    ),
    takeScoped: (options?: JobOptions) => access.effect(({ pool }) => takeScoped(pool, options)),
    runStream: dual(
      Stream.isStream,
      (stream, options) => access.stream(({ pool }) => runStream(pool, stream, options))
    ),
    imap: mapVerb({ ordered: true, exits: false }),
    imapUnordered: mapVerb({ ordered: false, exits: false }),
    imapExit: mapVerb({ ordered: true, exits: true }),
    imapExitUnordered: mapVerb({ ordered: false, exits: true }),
    starmap: mapVerb({ ordered: true, exits: false }, spread),
    waitall: access.effect(({ pool }) => pool.waitall),
    resize: (size: number) => access.effect(({ pool }) => pool.resize(size)),
    size: access.effect(({ pool }) => Effect.sync(() => pool.slots.semaphore.permits)),
    free: access.effect(({ pool }) => Effect.sync(() => pool.slots.semaphore.free)),
    running: access.effect(({ pool }) => Effect.sync(() => pool.slots.semaphore.taken)),
    waiting: access.effect(({ pool }) => Effect.sync(() => pool.slots.semaphore.waiting)),
    stats: access.effect(({ pool }) => Effect.sync(() => pool.ledger.snapshot())),
    keys: access.effect(({ pool }) => Effect.sync(() => pool.keys())),
    changes: access.stream(({ pool }) => pool.changes.stream)
  } satisfies Record<keyof Verbs<I>, unknown>
  // What they need and fail with is known to their types only.
  return all as unknown as Verbs<I, Rejected>
}

/** A verb that is data-first, or data-last with options alone. A second argument that isn't an object is an index. */
export const dual = <Data, Result>(
  isData: (u: unknown) => u is Data,
  over: (data: Data, options?: JobOptions) => Result
) =>
(dataOrOptions: Data | JobOptions, options?: JobOptions | number) =>
  isData(dataOrOptions)
    ? over(dataOrOptions, typeof options === "object" ? options : undefined)
    : (data: Data) => over(data, dataOrOptions)

const spread = (f: AnyFunction, _sources: ReadonlyArray<Source.Any>) => (args: unknown) =>
  f(...args as ReadonlyArray<never>)

/** The items of one source come as they are, those of several in a tuple. */
const byCount = (f: AnyFunction, sources: ReadonlyArray<Source.Any>) =>
  sources.length === 1 ? f as (item: unknown) => AnyEffect : spread(f, sources)

/** Options are the last argument: a plain object that isn't iterable, or `undefined` after a source. */
const toMapArguments = (
  args: ReadonlyArray<unknown>
): { readonly sources: ReadonlyArray<Source.Any>; readonly options?: MapOptions } => {
  const sources = args as ReadonlyArray<Source.Any>
  const last = args.at(-1)
  if (isPlainObject(last) && !isIterable(last)) return { sources: sources.slice(0, -1), options: last }
  return { sources: last === undefined && args.length > 1 ? sources.slice(0, -1) : sources }
}

const isPlainObject = (u: unknown): u is object => {
  if (typeof u !== "object" || u === null) return false
  const prototype: unknown = Object.getPrototypeOf(u)
  return prototype === Object.prototype || prototype === null
}

const isIterable = (object: object): boolean => Symbol.iterator in object || Symbol.asyncIterator in object
