/** The same work done by this library, by Effect's own means, and by the libraries for promises. */
import { queue } from "async"
import { Effect, FiberSet, Semaphore, Stream } from "effect"
import * as fastq from "fastq"
import pLimit from "p-limit"
import pMap from "p-map"
import PQueue from "p-queue"
import { GreenPool, type UnboundedOptions } from "../dist/index.js"
import type { Contestant } from "./measure.ts"

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

const withPool = <A, E>(
  size: number,
  use: (pool: GreenPool) => Effect.Effect<A, E>,
  options?: UnboundedOptions
): Contestant => Effect.scoped(Effect.flatMap(GreenPool.make({ ...options, size }), use))

const repeat = (n: number, effect: Effect.Effect<unknown>): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let i = 0; i < n; i++) yield* effect
  })

/** Maps `n` items. */
export const map = {
  ours: (n: number, size: number, job: Effect.Effect<unknown>, options?: UnboundedOptions) => {
    const items = range(n)
    return withPool(size, (pool) => Stream.runDrain(pool.imap(() => job, items)), options)
  },
  oursUnordered: (n: number, size: number, job: Effect.Effect<unknown>) => {
    const items = range(n)
    return withPool(size, (pool) => Stream.runDrain(pool.imapUnordered(() => job, items)))
  },
  mapEffect: (n: number, size: number, job: Effect.Effect<unknown>, unordered = false): Contestant => {
    const items = range(n)
    return Stream.runDrain(Stream.mapEffect(Stream.fromIterable(items), () => job, { concurrency: size, unordered }))
  },
  forEach: (n: number, size: number, job: Effect.Effect<unknown>): Contestant => {
    const items = range(n)
    return Effect.forEach(items, () => job, { concurrency: size })
  },
  /** Items that take so many seconds each, in order, with at most `window` of them in flight. */
  oursOfSleeps: (seconds: ReadonlyArray<number>, size: number, window: number) =>
    Effect.scoped(Effect.flatMap(
      GreenPool.make({ size }),
      (pool) => Stream.runDrain(pool.imap((s) => Effect.sleep(s * 1000), seconds, { window }))
    )),
  mapEffectOfSleeps: (seconds: ReadonlyArray<number>, size: number) =>
    Stream.runDrain(
      Stream.mapEffect(Stream.fromIterable(seconds), (s) => Effect.sleep(s * 1000), { concurrency: size })
    ),
  forEachOfSleeps: (seconds: ReadonlyArray<number>, size: number) =>
    Effect.forEach(seconds, (s) => Effect.sleep(s * 1000), { concurrency: size }),
  pMap: (n: number, size: number, job: () => Promise<unknown>): Contestant => {
    const items = range(n)
    return () => pMap(items, job, { concurrency: size })
  }
}

/** Starts `n` jobs from one loop and waits for all. */
export const spawn = {
  ours: (n: number, size: number, job: Effect.Effect<unknown>, options?: UnboundedOptions): Contestant =>
    withPool(size, (pool) => Effect.andThen(repeat(n, pool.spawn(job)), pool.waitall), options),
  /** The same, while somebody reads `changes`. */
  oursWatched: (n: number, size: number, job: Effect.Effect<unknown>): Contestant =>
    withPool(size, (pool) =>
      Effect.andThen(
        Effect.forkChild(Stream.runDrain(pool.changes), { startImmediately: true }),
        Effect.andThen(repeat(n, pool.spawn(job)), pool.waitall)
      )),
  oursN: (n: number, size: number, job: Effect.Effect<unknown>): Contestant =>
    withPool(size, (pool) => Effect.andThen(repeat(n, pool.spawnN(job)), pool.waitall)),
  semaphoreForkIn: (n: number, size: number, job: Effect.Effect<unknown>): Contestant =>
    Effect.scoped(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(size)
      const scope = yield* Effect.scope
      yield* repeat(
        n,
        Effect.andThen(semaphore.take(1), Effect.forkIn(Effect.ensuring(job, semaphore.release(1)), scope))
      )
      yield* semaphore.take(size)
    })),
  fiberSet: (n: number, job: Effect.Effect<unknown>): Contestant =>
    Effect.scoped(Effect.gen(function*() {
      const set = yield* FiberSet.make()
      yield* repeat(n, FiberSet.run(set, job))
      yield* FiberSet.awaitEmpty(set)
    })),
  /** The floor: fibers, and nothing that counts or limits them. */
  fork: (n: number, job: Effect.Effect<unknown>): Contestant =>
    Effect.awaitAllChildren(repeat(n, Effect.forkChild(job)))
}

/** Runs `n` jobs, each in its caller's fiber. */
export const run = {
  oursLoop: (n: number, size: number, job: Effect.Effect<unknown>) =>
    withPool(size, (pool) => repeat(n, pool.run(job))),
  permitLoop: (n: number, size: number, job: Effect.Effect<unknown>): Contestant =>
    Effect.flatMap(Semaphore.make(size), (semaphore) => repeat(n, semaphore.withPermit(job))),
  oursFibers: (n: number, size: number, job: Effect.Effect<unknown>, options?: UnboundedOptions) => {
    const items = range(n)
    return withPool(
      size,
      (pool) => Effect.forEach(items, () => pool.run(job), { concurrency: "unbounded", discard: true }),
      options
    )
  },
  /** The same, each caller with one of so many keys. */
  keyedFibers: (n: number, size: number, keys: number, job: Effect.Effect<unknown>) => {
    const items = range(n).map((i) => ({ key: `${i % keys}` }))
    return withPool(
      size,
      (pool) => Effect.forEach(items, (options) => pool.run(job, options), { concurrency: "unbounded", discard: true })
    )
  },
  /** The same, each caller with one of a hundred priorities. */
  prioritisedFibers: (n: number, size: number, job: Effect.Effect<unknown>) => {
    const items = range(n).map((i) => ({ priority: (i * 7919) % 100 }))
    return withPool(
      size,
      (pool) => Effect.forEach(items, (options) => pool.run(job, options), { concurrency: "unbounded", discard: true })
    )
  },
  permitFibers: (n: number, size: number, job: Effect.Effect<unknown>): Contestant => {
    const items = range(n)
    return Effect.flatMap(
      Semaphore.make(size),
      (semaphore) => Effect.forEach(items, () => semaphore.withPermit(job), { concurrency: "unbounded", discard: true })
    )
  },
  /** The floor: all at once, no limit. */
  bareFibers: (n: number, job: Effect.Effect<unknown>): Contestant => {
    const items = range(n)
    return Effect.forEach(items, () => job, { concurrency: "unbounded", discard: true })
  }
}

/** Runs `n` promises with a limit, submitted at once. */
export const promises = {
  pLimit: (n: number, size: number, job: () => Promise<unknown>): Contestant => () => {
    const limit = pLimit(size)
    return Promise.all(range(n).map(() => limit(job)))
  },
  pQueue: (n: number, size: number, job: () => Promise<unknown>): Contestant => async () => {
    const tasks = new PQueue({ concurrency: size })
    for (let i = 0; i < n; i++) void tasks.add(job)
    await tasks.onIdle()
  },
  fastq: (n: number, size: number, job: () => Promise<unknown>): Contestant => async () => {
    const tasks = fastq.promise(job, size)
    for (let i = 0; i < n; i++) void tasks.push(i)
    await tasks.drained()
  },
  async: (n: number, size: number, job: () => Promise<unknown>): Contestant => async () => {
    const tasks = queue(async () => {
      await job()
    }, size)
    for (let i = 0; i < n; i++) void tasks.push(i)
    await tasks.drain()
  }
}
