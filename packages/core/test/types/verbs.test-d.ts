// What does not compile need not be run.
// @effect-diagnostics floatingEffect:off missingEffectError:off missingEffectContext:off
import { Context, Effect, type Exit, type Fiber, type Option, type Scope, type Stream } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import {
  GreenPile,
  GreenPool,
  GreenPoolLive,
  type InvalidPoolSize,
  type JobOptions,
  type KeyStats,
  type PoolFull,
  type PoolStats,
  type Slot,
  type Verbs
} from "../../src/index.ts"

class Job extends Context.Service<Job, { readonly job: true }>()("types/Job") {}

class Key extends GreenPool.Service<Key>()("types/Key", { size: 3 }) {}
class BoundedKey extends GreenPool.Service<BoundedKey>()("types/BoundedKey", { maxWaiting: (size) => 2 * size }) {}

declare const pool: GreenPool
declare const bounded: GreenPool<PoolFull>
declare const job: Effect.Effect<number, "failed", Job>
declare const jobs: ReadonlyArray<Effect.Effect<number, "failed", Job>>
declare const feed: Stream.Stream<boolean, "broken">
declare const jobOptions: JobOptions

/** What comes of the job. */
type Ran<Rejected = never, I = never> = Effect.Effect<number, "failed" | Rejected, Job | I>
type Spawned<Rejected = never, I = never> = Effect.Effect<Fiber.Fiber<number, "failed">, Rejected, Job | I>
type Detached<Rejected = never, I = never> = Effect.Effect<void, Rejected, Job | I>
type RanIfAvailable<I = never> = Effect.Effect<Option.Option<number>, "failed", Job | I>
type SpawnedIfAvailable<I = never> = Effect.Effect<Option.Option<Fiber.Fiber<number, "failed">>, never, Job | I>

describe("a pool and its key", () => {
  it("have the same verbs", () => {
    expectTypeOf(pool).toExtend<Verbs<never>>()
    expectTypeOf(bounded).toExtend<Verbs<never, PoolFull>>()
    expectTypeOf(Key).toExtend<Verbs<Key>>()
    expectTypeOf(GreenPool).toExtend<Verbs<GreenPool>>()
    expectTypeOf(BoundedKey).toExtend<Verbs<BoundedKey, PoolFull>>()
    expectTypeOf(BoundedKey).not.toExtend<Verbs<BoundedKey>>()
  })

  it("keep the types of a job, data-first", () => {
    expectTypeOf(pool.run(job)).toEqualTypeOf<Ran>()
    expectTypeOf(pool.spawn(job)).toEqualTypeOf<Spawned>()
    expectTypeOf(pool.spawnN(job, { key: "k" })).toEqualTypeOf<Detached>()
    expectTypeOf(GreenPool.spawn(job)).toEqualTypeOf<Spawned<never, GreenPool>>()
    expectTypeOf(pool.run(Effect.succeed(1))).toEqualTypeOf<Effect.Effect<number>>()
  })

  it("keep the types of a job, data-last, with options or without", () => {
    expectTypeOf(job.pipe(pool.run)).toEqualTypeOf<Ran>()
    expectTypeOf(job.pipe(GreenPool.run)).toEqualTypeOf<Ran<never, GreenPool>>()
    expectTypeOf(job.pipe(Key.run({ key: "k" }))).toEqualTypeOf<Ran<never, Key>>()
    expectTypeOf(job.pipe(pool.spawn({ priority: 1 }))).toEqualTypeOf<Spawned>()
    expectTypeOf(job.pipe(pool.spawnN({ maxWait: 1 }))).toEqualTypeOf<Detached<PoolFull>>()
    expectTypeOf(job.pipe(Key.runIfAvailable({ key: "k" }))).toEqualTypeOf<RanIfAvailable<Key>>()
    expectTypeOf(job.pipe(pool.spawnIfAvailable({ key: "k" }))).toEqualTypeOf<SpawnedIfAvailable>()
  })

  it("add PoolFull for a maxWait that may be given, and for no other option", () => {
    expectTypeOf(pool.run(job, { maxWait: "1 second" })).toEqualTypeOf<Ran<PoolFull>>()
    expectTypeOf(job.pipe(GreenPool.run(jobOptions))).toEqualTypeOf<Ran<PoolFull, GreenPool>>()
    expectTypeOf(pool.run(job, { maxWait: undefined })).toEqualTypeOf<Ran>()
    expectTypeOf(pool.run(job, null as unknown as JobOptions<never>)).toEqualTypeOf<Ran>()
  })

  it("add PoolFull for the bounds of the pool, where a call can wait", () => {
    expectTypeOf(job.pipe(bounded.run({ key: "k" }))).toEqualTypeOf<Ran<PoolFull>>()
    expectTypeOf(bounded.spawnN(job)).toEqualTypeOf<Detached<PoolFull>>()
    expectTypeOf(job.pipe(BoundedKey.run)).toEqualTypeOf<Ran<PoolFull, BoundedKey>>()
    expectTypeOf(bounded.runIfAvailable(job, { key: "k" })).toEqualTypeOf<RanIfAvailable>()
    expectTypeOf(bounded.spawnIfAvailable(job)).toEqualTypeOf<SpawnedIfAvailable>()
  })

  it("can be passed to what adds an index", () => {
    type All<A, Rejected = never, I = never> = Effect.Effect<Array<A>, "failed" | Rejected, Job | I>
    expectTypeOf(Effect.forEach(jobs, GreenPool.run, { concurrency: 2 })).toEqualTypeOf<All<number, never, GreenPool>>()
    expectTypeOf(Effect.forEach(jobs, bounded.run)).toEqualTypeOf<All<number, PoolFull>>()
    expectTypeOf(Effect.forEach(jobs, pool.run({ key: "k" }))).toEqualTypeOf<All<number>>()
    expectTypeOf(Effect.forEach(jobs, pool.runIfAvailable)).toEqualTypeOf<All<Option.Option<number>>>()
    expectTypeOf(Effect.forEach(jobs, pool.spawnN, { discard: true })).toEqualTypeOf<Detached>()
    expectTypeOf(jobs.map(Key.spawn)).toEqualTypeOf<Array<Spawned<never, Key>>>()
  })

  it("take jobs of generic types, and join the types of a union", () => {
    const whole = <F extends Effect.Effect<any, any, any>>(job: F) => GreenPool.run(job)
    expectTypeOf(whole(job)).toEqualTypeOf<Ran<never, GreenPool>>()
    const piped = <F extends Effect.Effect<any, any, any>>(job: F) =>
      pool.run(job).pipe(Effect.map((a) => [a] as const))
    expectTypeOf(piped(job)).toExtend<Effect.Effect<readonly [number], "failed", Job>>()
    const parts = <A, E, R>(job: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => job.pipe(pool.run)
    expectTypeOf(parts(job)).toEqualTypeOf<Ran>()
    const withKey = <A, E, R>(job: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => job.pipe(pool.run({ key: "k" }))
    expectTypeOf(withKey(job)).toEqualTypeOf<Ran>()
    const either = null as unknown as Effect.Effect<1, "a"> | Effect.Effect<2, "b", Job>
    expectTypeOf(pool.run(either)).toEqualTypeOf<Effect.Effect<1 | 2, "a" | "b", Job>>()
  })

  it("without a job need nothing and fail with nothing but a wrong size", () => {
    type Read<A, I = never> = Effect.Effect<A, never, I>
    expectTypeOf(pool.waitall).toEqualTypeOf<Read<void>>()
    expectTypeOf(pool.resize).toEqualTypeOf<(size: number) => Effect.Effect<void, InvalidPoolSize>>()
    expectTypeOf<Verbs<never>["size" | "free" | "running" | "waiting"]>().toEqualTypeOf<Read<number>>()
    expectTypeOf(pool.stats).toEqualTypeOf<Read<PoolStats>>()
    expectTypeOf(pool.keys).toEqualTypeOf<Read<ReadonlyArray<KeyStats>>>()
    expectTypeOf(pool.changes).toEqualTypeOf<Stream.Stream<PoolStats>>()
    expectTypeOf(GreenPool.resize(3)).toEqualTypeOf<Effect.Effect<void, InvalidPoolSize, GreenPool>>()
    expectTypeOf(Key.changes).toEqualTypeOf<Stream.Stream<PoolStats, never, Key>>()
  })

  it("refuse wrong use", () => {
    // @ts-expect-error a job is an effect, not a function
    pool.run(() => job)
    // @ts-expect-error a job is an effect, not a promise
    pool.spawn(Promise.resolve(1))
    // @ts-expect-error a size is a number
    pool.resize("3")
    // @ts-expect-error waitall is an effect, not a function
    pool.waitall()
    // @ts-expect-error counters cannot be written
    pool.size = Effect.succeed(3)
    // @ts-expect-error the pool is missing in the context
    Effect.runSync(GreenPool.size)
    // @ts-expect-error a pool cannot be made up
    const made: GreenPool = { ...GreenPoolLive }
    return made
  })
})

describe("slots that outlive a call", () => {
  it("are taken for a scope", () => {
    expectTypeOf(pool.takeScoped()).toEqualTypeOf<Effect.Effect<Slot, never, Scope.Scope>>()
    expectTypeOf(Key.takeScoped({ key: "k" })).toEqualTypeOf<Effect.Effect<Slot, never, Scope.Scope | Key>>()
    expectTypeOf(BoundedKey.takeScoped()).toEqualTypeOf<Effect.Effect<Slot, PoolFull, Scope.Scope | BoundedKey>>()
    const slot = null as unknown as Slot
    expectTypeOf(slot.within(job)).toEqualTypeOf<Ran>()
  })

  it("are held by a stream", () => {
    type Held<Rejected = never, I = never> = Stream.Stream<boolean, "broken" | Rejected, I>
    expectTypeOf(feed.pipe(pool.runStream)).toEqualTypeOf<Held>()
    expectTypeOf(Key.runStream(feed, { maxWait: 1 })).toEqualTypeOf<Held<PoolFull, Key>>()
    expectTypeOf(feed.pipe(bounded.runStream)).toEqualTypeOf<Held<PoolFull>>()
    expectTypeOf([feed].map(pool.runStream)).toEqualTypeOf<Array<Held>>()
    // @ts-expect-error an array is no stream
    pool.runStream([1])
  })
})

describe("a pile", () => {
  type Made<P, E = never> = Effect.Effect<P, E, Scope.Scope>
  const pile = null as unknown as GreenPile<number, "failed">
  const boundedPile = null as unknown as GreenPile<number, "failed", PoolFull>

  it("is made with a pool of its own or a shared one, which cannot fail", () => {
    expectTypeOf(GreenPile.make<number, "failed">()).toEqualTypeOf<Made<typeof pile, InvalidPoolSize>>()
    expectTypeOf(GreenPile.make<number>(3)).toEqualTypeOf<Made<GreenPile<number>, InvalidPoolSize>>()
    expectTypeOf(GreenPile.make<number>(pool)).toEqualTypeOf<Made<GreenPile<number>>>()
    expectTypeOf(GreenPile.make<number, "failed", PoolFull>(bounded)).toEqualTypeOf<Made<typeof boundedPile>>()
    const sizeOrPool = null as unknown as number | GreenPool
    expectTypeOf(GreenPile.make<number>(sizeOrPool)).toEqualTypeOf<Made<GreenPile<number>, InvalidPoolSize>>()
  })

  it("takes jobs as the verbs do", () => {
    expectTypeOf(pile.spawn(job)).toEqualTypeOf<Detached>()
    expectTypeOf(job.pipe(pile.spawn({ key: "k" }))).toEqualTypeOf<Detached>()
    expectTypeOf(pile.spawn(job, { maxWait: 1 })).toEqualTypeOf<Detached<PoolFull>>()
    expectTypeOf(job.pipe(boundedPile.spawn({ key: "k" }))).toEqualTypeOf<Detached<PoolFull>>()
    expectTypeOf(Effect.forEach(jobs, pile.spawn, { discard: true })).toEqualTypeOf<Detached>()
    const generic = <F extends Effect.Effect<number, "failed", any>>(job: F) => pile.spawn(job)
    expectTypeOf(generic(job)).toEqualTypeOf<Detached>()
    const letters = null as unknown as GreenPile<"a" | "b">
    expectTypeOf(letters.spawn(Effect.succeed("a"))).toEqualTypeOf<Effect.Effect<void>>()
  })

  it("fails where results are read, unless it cannot", () => {
    expectTypeOf(pile.next).toEqualTypeOf<Effect.Effect<Option.Option<number>, "failed">>()
    expectTypeOf(pile.results).toEqualTypeOf<Stream.Stream<number, "failed">>()
    expectTypeOf(pile.exits).toEqualTypeOf<Stream.Stream<Exit.Exit<number, "failed">>>()
    expectTypeOf<GreenPile<number>["next"]>().toEqualTypeOf<Effect.Effect<Option.Option<number>>>()
  })

  it("is neither wider nor narrower than its results", () => {
    expectTypeOf<GreenPile<number>>().not.toExtend<GreenPile<number | string>>()
    expectTypeOf<GreenPile<number, "a">>().not.toExtend<GreenPile<number, "a" | "b">>()
  })

  it("refuses wrong use", () => {
    // @ts-expect-error the pile is one of numbers
    pile.spawn(Effect.succeed("text"))
    // @ts-expect-error the pile is one of numbers
    Effect.succeed("text").pipe(pile.spawn({ key: "k" }))
    // @ts-expect-error the pile knows another failure
    pile.spawn(Effect.fail("other"))
    // @ts-expect-error a size or a pool, no options
    GreenPile.make<number>({ size: 3 })
    // @ts-expect-error a size is a number
    GreenPile.make<number>("3")
    // @ts-expect-error the pool has bounds, which the pile does not tell
    GreenPile.make<number>(bounded)
  })
})
