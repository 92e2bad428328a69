// What does not compile need not be run.
// @effect-diagnostics floatingEffect:off missingEffectError:off missingEffectContext:off
import { Context, Effect, type Exit, type Fiber, type Option, type Scope, type Stream } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import {
  GreenPile,
  GreenPool,
  type InvalidPoolSize,
  type JobOptions,
  type KeyStats,
  type MapOptions,
  type PoolFull,
  type Slot,
  type Source,
  type SourceError,
  type Verbs
} from "../../src/index.ts"

class Job extends Context.Service<Job, { readonly job: true }>()("types/Job") {}
class Feed extends Context.Service<Feed, { readonly feed: true }>()("types/Feed") {}

class Key extends GreenPool.Service<Key>()("types/Key", { size: 3 }) {}
class BoundedKey extends GreenPool.Service<BoundedKey>()("types/BoundedKey", { maxWaiting: 3 }) {}

declare const pool: GreenPool
declare const bounded: GreenPool<PoolFull>
declare const pile: GreenPile<number, "failed">
declare const boundedPile: GreenPile<number, "failed", PoolFull>
declare const job: Effect.Effect<number, "failed", Job>
declare const jobs: ReadonlyArray<Effect.Effect<number, "failed", Job>>
declare const feed: Stream.Stream<boolean, "broken", Feed>
declare const rows: Stream.Stream<[number, string], "broken", Feed>
declare const lines: AsyncIterable<string>
declare const anySource: Source<number, "broken", Feed>
declare const jobOptions: JobOptions
declare const mapOptions: MapOptions | undefined
declare const onNumber: (item: number) => Effect.Effect<string, "failed", Job>
declare const onBoolean: (item: boolean) => Effect.Effect<string, "failed", Job>

describe("a pool and its key", () => {
  it("have the same verbs", () => {
    expectTypeOf(pool).toExtend<Verbs<never>>()
    expectTypeOf(bounded).toExtend<Verbs<never, PoolFull>>()
    expectTypeOf(Key).toExtend<Verbs<Key>>()
    expectTypeOf(GreenPool).toExtend<Verbs<GreenPool>>()
    expectTypeOf(BoundedKey).toExtend<Verbs<BoundedKey, PoolFull>>()
    expectTypeOf(BoundedKey).not.toExtend<Verbs<BoundedKey>>()
  })

  it("take options data-last", () => {
    expectTypeOf(job.pipe(pool.run({ key: "k" }))).toEqualTypeOf<Effect.Effect<number, "failed", Job>>()
    expectTypeOf(job.pipe(Key.run({ key: "k" }))).toEqualTypeOf<Effect.Effect<number, "failed", Job | Key>>()
    expectTypeOf(job.pipe(pool.run({}))).toEqualTypeOf<Effect.Effect<number, "failed", Job>>()
    expectTypeOf(job.pipe(pool.spawn({ priority: 1 }))).toEqualTypeOf<
      Effect.Effect<Fiber.Fiber<number, "failed">, never, Job>
    >()
    expectTypeOf(job.pipe(pool.spawnN({ maxWait: 1 }))).toEqualTypeOf<Effect.Effect<void, PoolFull, Job>>()
    expectTypeOf(job.pipe(pool.runIfAvailable({ key: "k" }))).toEqualTypeOf<
      Effect.Effect<Option.Option<number>, "failed", Job>
    >()
    expectTypeOf(job.pipe(pool.spawnIfAvailable({ key: "k" }))).toEqualTypeOf<
      Effect.Effect<Option.Option<Fiber.Fiber<number, "failed">>, never, Job>
    >()
    expectTypeOf(job.pipe(pool.run(jobOptions))).toEqualTypeOf<Effect.Effect<number, "failed" | PoolFull, Job>>()
    expectTypeOf(job.pipe(bounded.run({ key: "k" }))).toEqualTypeOf<
      Effect.Effect<number, "failed" | PoolFull, Job>
    >()
  })

  it("add PoolFull for a maxWait that may be given, and for no other", () => {
    expectTypeOf(pool.run(job, { maxWait: "1 second" })).toEqualTypeOf<
      Effect.Effect<number, "failed" | PoolFull, Job>
    >()
    expectTypeOf(pool.run(job, { maxWait: undefined })).toEqualTypeOf<Effect.Effect<number, "failed", Job>>()
    expectTypeOf(pool.run(job, { key: "k", priority: 2 })).toEqualTypeOf<Effect.Effect<number, "failed", Job>>()
    expectTypeOf(pool.run(job, jobOptions)).toEqualTypeOf<Effect.Effect<number, "failed" | PoolFull, Job>>()
    expectTypeOf(pool.run(job, null as unknown as JobOptions<never>)).toEqualTypeOf<
      Effect.Effect<number, "failed", Job>
    >()
  })

  it("can be passed to what adds an index", () => {
    expectTypeOf(Effect.forEach(jobs, pool.run)).toEqualTypeOf<Effect.Effect<Array<number>, "failed", Job>>()
    expectTypeOf(Effect.forEach(jobs, GreenPool.run, { concurrency: "unbounded" })).toEqualTypeOf<
      Effect.Effect<Array<number>, "failed", Job | GreenPool>
    >()
    expectTypeOf(Effect.forEach(jobs, bounded.run)).toEqualTypeOf<
      Effect.Effect<Array<number>, "failed" | PoolFull, Job>
    >()
    expectTypeOf(Effect.forEach(jobs, pool.spawnN, { discard: true })).toEqualTypeOf<Effect.Effect<void, never, Job>>()
    expectTypeOf(Effect.forEach(jobs, pool.runIfAvailable)).toEqualTypeOf<
      Effect.Effect<Array<Option.Option<number>>, "failed", Job>
    >()
    expectTypeOf(Effect.forEach(jobs, pool.run({ key: "k" }))).toEqualTypeOf<
      Effect.Effect<Array<number>, "failed", Job>
    >()
    expectTypeOf(jobs.map(pool.run)).toEqualTypeOf<Array<Effect.Effect<number, "failed", Job>>>()
    expectTypeOf(jobs.map(Key.spawn)).toEqualTypeOf<
      Array<Effect.Effect<Fiber.Fiber<number, "failed">, never, Job | Key>>
    >()
  })

  it("take jobs of generic types", () => {
    const whole = <F extends Effect.Effect<any, any, any>>(job: F) => GreenPool.run(job)
    expectTypeOf(whole(job)).toEqualTypeOf<Effect.Effect<number, "failed", Job | GreenPool>>()
    const piped = <F extends Effect.Effect<any, any, any>>(job: F) =>
      pool.run(job).pipe(Effect.map((a) => [a] as const))
    expectTypeOf(piped(job)).toExtend<Effect.Effect<readonly [number], "failed", Job>>()
    const parts = <A, E, R>(job: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => job.pipe(pool.run)
    expectTypeOf(parts(job)).toEqualTypeOf<Effect.Effect<number, "failed", Job>>()
    const withKey = <A, E, R>(job: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => job.pipe(pool.run({ key: "k" }))
    expectTypeOf(withKey(job)).toEqualTypeOf<Effect.Effect<number, "failed", Job>>()
  })

  it("join the types of a union of jobs", () => {
    const either = null as unknown as Effect.Effect<1, "a"> | Effect.Effect<2, "b", Job>
    expectTypeOf(pool.run(either)).toEqualTypeOf<Effect.Effect<1 | 2, "a" | "b", Job>>()
  })
})

describe("the maps of a pool and its key", () => {
  it("are data-last without a source", () => {
    expectTypeOf(feed.pipe(pool.imap(onBoolean))).toEqualTypeOf<
      Stream.Stream<string, "failed" | "broken", Job | Feed>
    >()
    expectTypeOf(feed.pipe(Key.imapUnordered(onBoolean))).toEqualTypeOf<
      Stream.Stream<string, "failed" | "broken", Job | Feed | Key>
    >()
    expectTypeOf(feed.pipe(pool.imapExit(onBoolean))).toEqualTypeOf<
      Stream.Stream<Exit.Exit<string, "failed">, "broken", Job | Feed>
    >()
    expectTypeOf(feed.pipe(Key.imapExitUnordered(onBoolean))).toEqualTypeOf<
      Stream.Stream<Exit.Exit<string, "failed">, "broken", Job | Feed | Key>
    >()
    const negated = feed.pipe(pool.imap((flag) => {
      expectTypeOf(flag).toEqualTypeOf<boolean>()
      return Effect.succeed(String(flag))
    }))
    expectTypeOf(negated).toEqualTypeOf<Stream.Stream<string, "broken", Feed>>()
  })

  it("take options last", () => {
    expectTypeOf(feed.pipe(pool.imap(onBoolean, { concurrency: 2 }))).toEqualTypeOf<
      Stream.Stream<string, "failed" | "broken", Job | Feed>
    >()
    expectTypeOf(feed.pipe(Key.imap((flag) => Effect.succeed(String(flag)), { window: (size) => 2 * size })))
      .toEqualTypeOf<Stream.Stream<string, "broken", Feed | Key>>()
    expectTypeOf(pool.imap(onNumber, [1], { key: "k" })).toEqualTypeOf<Stream.Stream<string, "failed", Job>>()
    expectTypeOf(pool.imap(onNumber, [1], mapOptions)).toEqualTypeOf<Stream.Stream<string, "failed", Job>>()
    const zipped = pool.imap(
      (n, line, flag) => {
        expectTypeOf(n).toEqualTypeOf<number>()
        expectTypeOf(line).toEqualTypeOf<string>()
        expectTypeOf(flag).toEqualTypeOf<boolean>()
        return Effect.succeed({ n, line, flag })
      },
      [1],
      lines,
      feed,
      { priority: 1, window: (size) => size }
    )
    expectTypeOf(zipped).toEqualTypeOf<
      Stream.Stream<{ n: number; line: string; flag: boolean }, "broken" | SourceError, Feed>
    >()
    expectTypeOf(Key.imapExit(onBoolean, feed, { concurrency: 1 })).toEqualTypeOf<
      Stream.Stream<Exit.Exit<string, "failed">, "broken", Job | Feed | Key>
    >()
    expectTypeOf(pool.imapExitUnordered(onNumber, [1], {})).toEqualTypeOf<
      Stream.Stream<Exit.Exit<string, "failed">, never, Job>
    >()
  })

  it("take any source, and sources whose number is not known", () => {
    expectTypeOf(pool.imap(onNumber, anySource)).toEqualTypeOf<
      Stream.Stream<string, "failed" | "broken" | SourceError, Job | Feed>
    >()
    const sources: ReadonlyArray<Iterable<number>> = []
    expectTypeOf(pool.imap((...items) => Effect.succeed(items), ...sources)).toEqualTypeOf<
      Stream.Stream<Array<number>>
    >()
    const each = <X>(items: Iterable<X>) => pool.imap((item) => Effect.succeed([item]), items)
    expectTypeOf(each([1])).toEqualTypeOf<Stream.Stream<Array<number>>>()
  })

  it("of tuples take functions of fewer parameters, however they are called", () => {
    const first = (n: number) => Effect.as(job, n)
    expectTypeOf(pool.starmap(first, [[1, "a"]])).toEqualTypeOf<Stream.Stream<number, "failed", Job>>()
    expectTypeOf(Key.starmap(first, rows)).toEqualTypeOf<
      Stream.Stream<number, "failed" | "broken", Job | Feed | Key>
    >()
    expectTypeOf(rows.pipe(pool.starmap(first))).toEqualTypeOf<
      Stream.Stream<number, "failed" | "broken", Job | Feed>
    >()
    expectTypeOf(rows.pipe(Key.starmap(first, { key: "k" }))).toEqualTypeOf<
      Stream.Stream<number, "failed" | "broken", Job | Feed | Key>
    >()
    expectTypeOf(pool.starmap(() => job, rows, { window: 3 })).toEqualTypeOf<
      Stream.Stream<number, "failed" | "broken", Job | Feed>
    >()
  })

  it("of tuples give the function its parameters", () => {
    const called = rows.pipe(pool.starmap((n, text) => {
      expectTypeOf(n).toEqualTypeOf<number>()
      expectTypeOf(text).toEqualTypeOf<string>()
      return Effect.succeed(n)
    }))
    expectTypeOf(called).toEqualTypeOf<Stream.Stream<number, "broken", Feed>>()
    expectTypeOf(pool.starmap((n, text) => Effect.succeed([n, text] as const), [[1, "a"], [2, "b"]]))
      .toEqualTypeOf<Stream.Stream<readonly [number, string]>>()
  })
})

describe("slots that outlive a call", () => {
  it("are taken for a scope", () => {
    expectTypeOf(pool.takeScoped()).toEqualTypeOf<Effect.Effect<Slot, never, Scope.Scope>>()
    expectTypeOf(Key.takeScoped({ key: "k" })).toEqualTypeOf<Effect.Effect<Slot, never, Scope.Scope | Key>>()
    expectTypeOf(pool.takeScoped({ maxWait: 1 })).toEqualTypeOf<Effect.Effect<Slot, PoolFull, Scope.Scope>>()
    expectTypeOf(BoundedKey.takeScoped()).toEqualTypeOf<Effect.Effect<Slot, PoolFull, Scope.Scope | BoundedKey>>()
    const slot = null as unknown as Slot
    expectTypeOf(slot.within(job)).toEqualTypeOf<Effect.Effect<number, "failed", Job>>()
  })

  it("are held by a stream", () => {
    expectTypeOf(pool.runStream(feed)).toEqualTypeOf<Stream.Stream<boolean, "broken", Feed>>()
    expectTypeOf(feed.pipe(pool.runStream)).toEqualTypeOf<Stream.Stream<boolean, "broken", Feed>>()
    expectTypeOf(feed.pipe(Key.runStream({ key: "k" }))).toEqualTypeOf<Stream.Stream<boolean, "broken", Feed | Key>>()
    expectTypeOf(Key.runStream(feed, { maxWait: 1 })).toEqualTypeOf<
      Stream.Stream<boolean, "broken" | PoolFull, Feed | Key>
    >()
    expectTypeOf(feed.pipe(bounded.runStream)).toEqualTypeOf<Stream.Stream<boolean, "broken" | PoolFull, Feed>>()
    expectTypeOf([feed].map(pool.runStream)).toEqualTypeOf<Array<Stream.Stream<boolean, "broken", Feed>>>()
  })
})

describe("the keys of a pool", () => {
  it("are snapshots", () => {
    expectTypeOf(pool.keys).toEqualTypeOf<Effect.Effect<ReadonlyArray<KeyStats>>>()
    expectTypeOf(Key.keys).toEqualTypeOf<Effect.Effect<ReadonlyArray<KeyStats>, never, Key>>()
    expectTypeOf<Pick<KeyStats, "key" | "weight" | "running" | "waiting">>().toEqualTypeOf<{
      readonly key?: string | undefined
      readonly weight: number
      readonly running: number
      readonly waiting: number
    }>()
  })
})

describe("a pile", () => {
  it("cannot fail to be made on a pool", () => {
    expectTypeOf(GreenPile.make<number, "failed">(pool)).toEqualTypeOf<
      Effect.Effect<GreenPile<number, "failed">, never, Scope.Scope>
    >()
    expectTypeOf(GreenPile.make<number, "failed", PoolFull>(bounded)).toEqualTypeOf<
      Effect.Effect<GreenPile<number, "failed", PoolFull>, never, Scope.Scope>
    >()
    expectTypeOf(GreenPile.make<number>(3)).toEqualTypeOf<
      Effect.Effect<GreenPile<number>, InvalidPoolSize, Scope.Scope>
    >()
  })

  it("takes jobs as the verbs do", () => {
    expectTypeOf(job.pipe(pile.spawn)).toEqualTypeOf<Effect.Effect<void, never, Job>>()
    expectTypeOf(job.pipe(pile.spawn({ key: "k" }))).toEqualTypeOf<Effect.Effect<void, never, Job>>()
    expectTypeOf(job.pipe(pile.spawn({ maxWait: 1 }))).toEqualTypeOf<Effect.Effect<void, PoolFull, Job>>()
    expectTypeOf(job.pipe(boundedPile.spawn({ key: "k" }))).toEqualTypeOf<Effect.Effect<void, PoolFull, Job>>()
    expectTypeOf(Effect.forEach(jobs, pile.spawn, { discard: true })).toEqualTypeOf<Effect.Effect<void, never, Job>>()
    const generic = <F extends Effect.Effect<number, "failed", any>>(job: F) => pile.spawn(job)
    expectTypeOf(generic(job)).toEqualTypeOf<Effect.Effect<void, never, Job>>()
    const letters = null as unknown as GreenPile<"a" | "b">
    expectTypeOf(letters.spawn(Effect.succeed("a"))).toEqualTypeOf<Effect.Effect<void>>()
  })

  it("refuses the jobs of other piles", () => {
    // @ts-expect-error the pile is one of numbers
    Effect.succeed("text").pipe(pile.spawn)
    // @ts-expect-error the pile is one of numbers
    Effect.succeed("text").pipe(pile.spawn({ key: "k" }))
    // @ts-expect-error the pile knows another failure
    pile.spawn(Effect.fail("other"))
  })
})
