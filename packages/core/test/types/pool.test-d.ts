// What does not compile need not be run.
// @effect-diagnostics floatingEffect:off missingEffectError:off missingEffectContext:off
import { Context, Effect, type Exit, type Fiber, type Layer, type Scope, Stream } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import {
  GreenPool,
  type GreenPool as Pool,
  GreenPoolLive,
  type GreenPoolOptions,
  type InvalidPoolSize,
  type PoolStats,
  type SourceError
} from "../../src/index.ts"

class Job extends Context.Service<Job, { readonly job: true }>()("types/Job") {}
class Feed extends Context.Service<Feed, { readonly feed: true }>()("types/Feed") {}

class JobError {
  readonly _tag = "JobError"
}
class FeedError {
  readonly _tag = "FeedError"
}

class ApiPool extends GreenPool.Service<ApiPool>()("types/ApiPool", { size: 10 }) {}

declare const pool: Pool
declare const job: Effect.Effect<string, JobError, Job>
declare const numbers: ReadonlyArray<number>
declare const texts: AsyncIterable<string>
declare const feed: Stream.Stream<boolean, FeedError, Feed>
declare const onNumber: (item: number) => Effect.Effect<string, JobError, Job>
declare const onBoolean: (item: boolean) => Effect.Effect<string, JobError, Job>

describe("the verbs of a pool", () => {
  it("keep the types of a job exact", () => {
    expectTypeOf(pool.spawn(job)).toEqualTypeOf<Effect.Effect<Fiber.Fiber<string, JobError>, never, Job>>()
    expectTypeOf(pool.spawnN(job)).toEqualTypeOf<Effect.Effect<void, never, Job>>()
    expectTypeOf(pool.run(job)).toEqualTypeOf<Effect.Effect<string, JobError, Job>>()
    expectTypeOf(pool.run(Effect.succeed(1))).toEqualTypeOf<Effect.Effect<number>>()
    expectTypeOf(job.pipe(pool.run)).toEqualTypeOf<Effect.Effect<string, JobError, Job>>()
    expectTypeOf(Effect.forEach(numbers, (n) => pool.run(onNumber(n))))
      .toEqualTypeOf<Effect.Effect<Array<string>, JobError, Job>>()
  })

  it("without a job need nothing and fail with nothing but a wrong size", () => {
    expectTypeOf(pool.waitall).toEqualTypeOf<Effect.Effect<void>>()
    expectTypeOf(pool.resize).toEqualTypeOf<(size: number) => Effect.Effect<void, InvalidPoolSize>>()
    expectTypeOf(pool.size).toEqualTypeOf<Effect.Effect<number>>()
    expectTypeOf(pool.free).toEqualTypeOf<Effect.Effect<number>>()
    expectTypeOf(pool.running).toEqualTypeOf<Effect.Effect<number>>()
    expectTypeOf(pool.waiting).toEqualTypeOf<Effect.Effect<number>>()
    expectTypeOf(pool.stats).toEqualTypeOf<Effect.Effect<PoolStats>>()
    expectTypeOf(pool.changes).toEqualTypeOf<Stream.Stream<PoolStats>>()
  })

  it("refuse wrong use", () => {
    // @ts-expect-error a job is an effect, not a function
    pool.run(() => job)
    // @ts-expect-error a job is an effect, not a promise
    pool.spawn(Promise.resolve(1))
    // @ts-expect-error a size is a number
    pool.resize("3")
    // @ts-expect-error a size is needed
    pool.resize()
    // @ts-expect-error waitall is an effect, not a function
    pool.waitall()
    // @ts-expect-error counters cannot be written
    pool.size = Effect.succeed(3)
    // @ts-expect-error a pool cannot be made up
    const made: Pool = { ...GreenPoolLive }
    return made
  })
})

describe("the maps of a pool", () => {
  it("add nothing for an iterable", () => {
    expectTypeOf(pool.imap(onNumber, numbers)).toEqualTypeOf<Stream.Stream<string, JobError, Job>>()
    expectTypeOf(pool.imapUnordered(onNumber, new Set<number>())).toEqualTypeOf<Stream.Stream<string, JobError, Job>>()
    expectTypeOf(pool.imapExit(onNumber, numbers)).toEqualTypeOf<
      Stream.Stream<Exit.Exit<string, JobError>, never, Job>
    >()
    expectTypeOf(pool.imap((c) => Effect.succeed(c), "text")).toEqualTypeOf<Stream.Stream<string>>()
  })

  it("add SourceError for an async iterable", () => {
    expectTypeOf(pool.imap((text) => Effect.succeed(text.length), texts))
      .toEqualTypeOf<Stream.Stream<number, SourceError>>()
    expectTypeOf(pool.imapUnordered((text) => Effect.as(job, text), texts))
      .toEqualTypeOf<Stream.Stream<string, JobError | SourceError, Job>>()
    expectTypeOf(pool.imapExit((text) => Effect.as(job, text), texts))
      .toEqualTypeOf<Stream.Stream<Exit.Exit<string, JobError>, SourceError, Job>>()
  })

  it("add the error and the services of a stream", () => {
    expectTypeOf(pool.imap(onBoolean, feed)).toEqualTypeOf<Stream.Stream<string, JobError | FeedError, Job | Feed>>()
    expectTypeOf(pool.imapUnordered(onBoolean, feed))
      .toEqualTypeOf<Stream.Stream<string, JobError | FeedError, Job | Feed>>()
    expectTypeOf(pool.imapExit(onBoolean, feed))
      .toEqualTypeOf<Stream.Stream<Exit.Exit<string, JobError>, FeedError, Job | Feed>>()
  })

  it("zip sources of mixed kinds, each with its own item, error and services", () => {
    const zipped = pool.imap(
      (n, text, flag) => {
        expectTypeOf(n).toEqualTypeOf<number>()
        expectTypeOf(text).toEqualTypeOf<string>()
        expectTypeOf(flag).toEqualTypeOf<boolean>()
        return Effect.as(job, { n, text, flag })
      },
      numbers,
      texts,
      feed
    )
    expectTypeOf(zipped).toEqualTypeOf<
      Stream.Stream<{ n: number; text: string; flag: boolean }, JobError | SourceError | FeedError, Job | Feed>
    >()
    expectTypeOf(pool.imapExit((_n, _flag) => job, numbers, feed))
      .toEqualTypeOf<Stream.Stream<Exit.Exit<string, JobError>, FeedError, Job | Feed>>()
    expectTypeOf(pool.imapUnordered((a, b) => Effect.succeed([a, b] as const), numbers, "text"))
      .toEqualTypeOf<Stream.Stream<readonly [number, string]>>()
  })

  it("of tuples take the parameters from the function", () => {
    const onPair = (n: number, _text: string) => Effect.as(job, n)
    expectTypeOf(pool.starmap(onPair, [[1, "a"], [2, "b"]])).toEqualTypeOf<Stream.Stream<number, JobError, Job>>()
    expectTypeOf(pool.starmap(onPair, new Map([[1, "a"]]))).toEqualTypeOf<Stream.Stream<number, JobError, Job>>()
    const pairs = Stream.map(feed, (): [number, string] => [1, "a"])
    expectTypeOf(pool.starmap(onPair, pairs)).toEqualTypeOf<Stream.Stream<number, JobError | FeedError, Job | Feed>>()
    const asyncPairs = null as unknown as AsyncIterable<[number, string]>
    expectTypeOf(pool.starmap(onPair, asyncPairs)).toEqualTypeOf<Stream.Stream<number, JobError | SourceError, Job>>()
  })

  it("refuse wrong use", () => {
    // @ts-expect-error the source gives strings
    pool.imap(onNumber, texts)
    // @ts-expect-error a number is no source
    pool.imap(onNumber, 5)
    // @ts-expect-error the function gives no effect
    pool.imap((n) => n + 1, numbers)
    // @ts-expect-error the function takes one item more than there are sources
    pool.imap((a: number, b: number) => Effect.succeed(a + b), numbers)
    // @ts-expect-error the second source gives booleans
    pool.imap((a: number, b: string) => Effect.succeed([a, b]), numbers, feed)
    // @ts-expect-error the tuples are too short
    pool.starmap((a: number, b: number) => Effect.succeed(a + b), [[1]])
    // @ts-expect-error the items are no tuples
    pool.starmap((a: number) => Effect.succeed(a), numbers)
  })
})

describe("the statics of GreenPool", () => {
  it("need the pool in the context", () => {
    expectTypeOf(GreenPool.spawn(job)).toEqualTypeOf<Effect.Effect<Fiber.Fiber<string, JobError>, never, Job | Pool>>()
    expectTypeOf(GreenPool.spawnN(job)).toEqualTypeOf<Effect.Effect<void, never, Job | Pool>>()
    expectTypeOf(GreenPool.run(job)).toEqualTypeOf<Effect.Effect<string, JobError, Job | Pool>>()
    expectTypeOf(job.pipe(GreenPool.run)).toEqualTypeOf<Effect.Effect<string, JobError, Job | Pool>>()
    expectTypeOf(GreenPool.waitall).toEqualTypeOf<Effect.Effect<void, never, Pool>>()
    expectTypeOf(GreenPool.resize(3)).toEqualTypeOf<Effect.Effect<void, InvalidPoolSize, Pool>>()
    expectTypeOf(GreenPool.size).toEqualTypeOf<Effect.Effect<number, never, Pool>>()
    expectTypeOf(GreenPool.free).toEqualTypeOf<Effect.Effect<number, never, Pool>>()
    expectTypeOf(GreenPool.running).toEqualTypeOf<Effect.Effect<number, never, Pool>>()
    expectTypeOf(GreenPool.waiting).toEqualTypeOf<Effect.Effect<number, never, Pool>>()
    expectTypeOf(GreenPool.stats).toEqualTypeOf<Effect.Effect<PoolStats, never, Pool>>()
    expectTypeOf(GreenPool.changes).toEqualTypeOf<Stream.Stream<PoolStats, never, Pool>>()
  })

  it("map data-first over any sources", () => {
    expectTypeOf(GreenPool.imap(onNumber, numbers)).toEqualTypeOf<Stream.Stream<string, JobError, Job | Pool>>()
    expectTypeOf(GreenPool.imap((n, text, flag) => Effect.as(job, [n, text, flag] as const), numbers, texts, feed))
      .toEqualTypeOf<
        Stream.Stream<readonly [number, string, boolean], JobError | SourceError | FeedError, Job | Feed | Pool>
      >()
    expectTypeOf(GreenPool.imapUnordered(onBoolean, feed))
      .toEqualTypeOf<Stream.Stream<string, JobError | FeedError, Job | Feed | Pool>>()
    expectTypeOf(GreenPool.imapExit(onBoolean, feed))
      .toEqualTypeOf<Stream.Stream<Exit.Exit<string, JobError>, FeedError, Job | Feed | Pool>>()
    expectTypeOf(GreenPool.starmap((n: number) => Effect.as(job, n), [[1]]))
      .toEqualTypeOf<Stream.Stream<number, JobError, Job | Pool>>()
  })

  it("map data-last over a stream", () => {
    expectTypeOf(feed.pipe(GreenPool.imap(onBoolean)))
      .toEqualTypeOf<Stream.Stream<string, JobError | FeedError, Job | Feed | Pool>>()
    expectTypeOf(feed.pipe(GreenPool.imapUnordered(onBoolean)))
      .toEqualTypeOf<Stream.Stream<string, JobError | FeedError, Job | Feed | Pool>>()
    expectTypeOf(feed.pipe(GreenPool.imapExit(onBoolean)))
      .toEqualTypeOf<Stream.Stream<Exit.Exit<string, JobError>, FeedError, Job | Feed | Pool>>()
    expectTypeOf(
      Stream.map(feed, (): [number, string] => [1, "a"]).pipe(
        GreenPool.starmap((n: number, _text: string) => Effect.as(job, n))
      )
    ).toEqualTypeOf<Stream.Stream<number, JobError | FeedError, Job | Feed | Pool>>()
  })

  it("refuse wrong use", () => {
    // @ts-expect-error the stream gives booleans
    feed.pipe(GreenPool.imap(onNumber))
    // @ts-expect-error data-last takes a stream: other sources come after the function
    GreenPool.imap(onNumber)(numbers)
    // @ts-expect-error the pool is missing in the context
    Effect.runSync(GreenPool.size)
  })
})

describe("a key of GreenPool.Service", () => {
  it("carries the verbs, with itself in the context", () => {
    expectTypeOf(ApiPool.spawn(job)).toEqualTypeOf<Effect.Effect<Fiber.Fiber<string, JobError>, never, Job | ApiPool>>()
    expectTypeOf(ApiPool.spawnN(job)).toEqualTypeOf<Effect.Effect<void, never, Job | ApiPool>>()
    expectTypeOf(job.pipe(ApiPool.run)).toEqualTypeOf<Effect.Effect<string, JobError, Job | ApiPool>>()
    expectTypeOf(ApiPool.waitall).toEqualTypeOf<Effect.Effect<void, never, ApiPool>>()
    expectTypeOf(ApiPool.resize(3)).toEqualTypeOf<Effect.Effect<void, InvalidPoolSize, ApiPool>>()
    expectTypeOf(ApiPool.size).toEqualTypeOf<Effect.Effect<number, never, ApiPool>>()
    expectTypeOf(ApiPool.free).toEqualTypeOf<Effect.Effect<number, never, ApiPool>>()
    expectTypeOf(ApiPool.running).toEqualTypeOf<Effect.Effect<number, never, ApiPool>>()
    expectTypeOf(ApiPool.waiting).toEqualTypeOf<Effect.Effect<number, never, ApiPool>>()
    expectTypeOf(ApiPool.stats).toEqualTypeOf<Effect.Effect<PoolStats, never, ApiPool>>()
    expectTypeOf(ApiPool.changes).toEqualTypeOf<Stream.Stream<PoolStats, never, ApiPool>>()
    expectTypeOf(ApiPool.imap(onNumber, numbers)).toEqualTypeOf<Stream.Stream<string, JobError, Job | ApiPool>>()
    expectTypeOf(feed.pipe(ApiPool.imapUnordered(onBoolean)))
      .toEqualTypeOf<Stream.Stream<string, JobError | FeedError, Job | Feed | ApiPool>>()
    expectTypeOf(feed.pipe(ApiPool.imapExit(onBoolean)))
      .toEqualTypeOf<Stream.Stream<Exit.Exit<string, JobError>, FeedError, Job | Feed | ApiPool>>()
    expectTypeOf(ApiPool.starmap((n: number) => Effect.as(job, n), [[1]]))
      .toEqualTypeOf<Stream.Stream<number, JobError, Job | ApiPool>>()
  })

  it("gives a pool", () => {
    const size = Effect.gen(function*() {
      const api = yield* ApiPool
      expectTypeOf(api).toEqualTypeOf<Pool>()
      return yield* api.size
    })
    expectTypeOf(size).toEqualTypeOf<Effect.Effect<number, never, ApiPool>>()
  })

  it("has a layer of itself alone", () => {
    expectTypeOf(ApiPool.layer).toEqualTypeOf<Layer.Layer<ApiPool, InvalidPoolSize>>()
    expectTypeOf(Effect.provide(GreenPool.size, ApiPool.layer)).toEqualTypeOf<
      Effect.Effect<number, InvalidPoolSize, Pool>
    >()
  })

  it("refuses wrong use", () => {
    // @ts-expect-error a size is a number
    GreenPool.Service<ApiPool>()("types/Wrong", { size: "10" })
    // @ts-expect-error there is no such option
    GreenPool.Service<ApiPool>()("types/Wrong", { length: 10 })
  })
})

describe("making a pool", () => {
  it("needs a scope, and fails with a wrong size alone", () => {
    expectTypeOf(GreenPool.make()).toEqualTypeOf<Effect.Effect<Pool, InvalidPoolSize, Scope.Scope>>()
    expectTypeOf(GreenPool.make({ size: 3, name: "three" }))
      .toEqualTypeOf<Effect.Effect<Pool, InvalidPoolSize, Scope.Scope>>()
    expectTypeOf<GreenPoolOptions["size"]>().toEqualTypeOf<number | undefined>()
    expectTypeOf<GreenPoolOptions["name"]>().toEqualTypeOf<string | undefined>()
  })

  it("gives the pool itself for the key", () => {
    const size = Effect.gen(function*() {
      const pool = yield* GreenPool
      expectTypeOf(pool).toEqualTypeOf<Pool>()
      return yield* pool.size
    })
    expectTypeOf(size).toEqualTypeOf<Effect.Effect<number, never, Pool>>()
  })

  it("refuses wrong options", () => {
    // @ts-expect-error a size is a number
    GreenPool.make({ size: "3" })
    // @ts-expect-error options are an object
    GreenPool.make(3)
    // @ts-expect-error there is no such option
    GreenPool.layer({ length: 3 })
  })
})
