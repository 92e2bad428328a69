// What does not compile need not be run.
// @effect-diagnostics floatingEffect:off missingEffectError:off missingEffectContext:off
import { Context, Effect, type Exit, type Stream } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import { GreenPool, type MapOptions, type Source, type SourceError } from "../../src/index.ts"

class Job extends Context.Service<Job, { readonly job: true }>()("types/Job") {}
class Feed extends Context.Service<Feed, { readonly feed: true }>()("types/Feed") {}
class Key extends GreenPool.Service<Key>()("types/Key", { size: 3 }) {}

declare const pool: GreenPool
declare const numbers: ReadonlyArray<number>
declare const texts: AsyncIterable<string>
declare const bothWays: Iterable<string> & AsyncIterable<string>
declare const feed: Stream.Stream<boolean, "broken", Feed>
declare const rows: Stream.Stream<[number, string], "broken", Feed>
declare const anySource: Source<number, "broken", Feed>
declare const mapOptions: MapOptions | undefined
declare const onNumber: (item: number) => Effect.Effect<string, "failed", Job>
declare const onBoolean: (item: boolean) => Effect.Effect<string, "failed", Job>
declare const onText: (item: string) => Effect.Effect<string, "failed", Job>

/** What comes of a map over a source that adds `E` and `R`. */
type Mapped<E = never, R = never> = Stream.Stream<string, "failed" | E, Job | R>
type Exits<E = never, R = never> = Stream.Stream<Exit.Exit<string, "failed">, E, Job | R>

describe("a map", () => {
  it("adds nothing for an iterable", () => {
    expectTypeOf(pool.imap(onNumber, numbers)).toEqualTypeOf<Mapped>()
    expectTypeOf(pool.imapUnordered(onNumber, new Set<number>())).toEqualTypeOf<Mapped>()
    expectTypeOf(pool.imapExit(onNumber, numbers)).toEqualTypeOf<Exits>()
    expectTypeOf(pool.imapExitUnordered(onNumber, numbers)).toEqualTypeOf<Exits>()
    expectTypeOf(pool.imap((c) => Effect.succeed(c), "text")).toEqualTypeOf<Stream.Stream<string>>()
  })

  it("adds SourceError for what is iterable asynchronously, and the error and the services of a stream", () => {
    expectTypeOf(pool.imap(onText, texts)).toEqualTypeOf<Mapped<SourceError>>()
    expectTypeOf(pool.imap(onText, bothWays)).toEqualTypeOf<Mapped<SourceError>>()
    expectTypeOf(pool.imapExit(onText, texts)).toEqualTypeOf<Exits<SourceError>>()
    expectTypeOf(pool.imap(onBoolean, feed)).toEqualTypeOf<Mapped<"broken", Feed>>()
    expectTypeOf(GreenPool.imapExit(onBoolean, feed)).toEqualTypeOf<Exits<"broken", Feed | GreenPool>>()
    expectTypeOf(pool.imap(onNumber, anySource)).toEqualTypeOf<Mapped<"broken" | SourceError, Feed>>()
  })

  it("is data-last without a source", () => {
    expectTypeOf(feed.pipe(Key.imapUnordered(onBoolean))).toEqualTypeOf<Mapped<"broken", Feed | Key>>()
    expectTypeOf(feed.pipe(GreenPool.imapExit(onBoolean))).toEqualTypeOf<Exits<"broken", Feed | GreenPool>>()
    expectTypeOf(feed.pipe(Key.imapExitUnordered(onBoolean))).toEqualTypeOf<Exits<"broken", Feed | Key>>()
    const negated = feed.pipe(pool.imap((flag) => {
      expectTypeOf(flag).toEqualTypeOf<boolean>()
      return Effect.succeed(!flag)
    }))
    expectTypeOf(negated).toEqualTypeOf<Stream.Stream<boolean, "broken", Feed>>()
  })

  it("takes options last", () => {
    const windowed = feed.pipe(Key.imap((flag) => Effect.succeed(flag), { window: (size) => 2 * size }))
    expectTypeOf(windowed).toEqualTypeOf<Stream.Stream<boolean, "broken", Feed | Key>>()
    expectTypeOf(pool.imap(onNumber, numbers, mapOptions)).toEqualTypeOf<Mapped>()
    expectTypeOf(Key.imapExit(onBoolean, feed, { concurrency: 1 })).toEqualTypeOf<Exits<"broken", Feed | Key>>()
    expectTypeOf(pool.imapExitUnordered(onNumber, numbers, {})).toEqualTypeOf<Exits>()
  })

  it("zips sources of mixed kinds, each with its own item, error and services", () => {
    const together = (n: number, text: string, flag: boolean) => Effect.succeed({ n, text, flag })
    type Zipped<R = never> = Stream.Stream<{ n: number; text: string; flag: boolean }, "broken" | SourceError, Feed | R>
    expectTypeOf(Key.imap(together, numbers, texts, feed)).toEqualTypeOf<Zipped<Key>>()
    const inferred = pool.imap(
      (n, text, flag) => {
        expectTypeOf({ n, text, flag }).toEqualTypeOf<{ n: number; text: string; flag: boolean }>()
        return together(n, text, flag)
      },
      numbers,
      texts,
      feed,
      { priority: 1, window: (size) => size }
    )
    expectTypeOf(inferred).toEqualTypeOf<Zipped>()
    expectTypeOf(pool.imapExit((_n, flag) => onBoolean(flag), numbers, feed)).toEqualTypeOf<Exits<"broken", Feed>>()
    expectTypeOf(pool.imapUnordered((a, b) => Effect.succeed([a, b] as const), numbers, "text"))
      .toEqualTypeOf<Stream.Stream<readonly [number, string]>>()
  })

  it("takes sources whose number is not known, or whose items are generic", () => {
    const sources: ReadonlyArray<Iterable<number>> = []
    const all = pool.imap((...items) => Effect.succeed(items), ...sources)
    expectTypeOf(all).toEqualTypeOf<Stream.Stream<Array<number>>>()
    const each = <X>(items: Iterable<X>) => pool.imap((item) => Effect.succeed([item]), items)
    expectTypeOf(each([1])).toEqualTypeOf<Stream.Stream<Array<number>>>()
  })

  it("refuses wrong use", () => {
    // @ts-expect-error the source gives strings
    pool.imap(onNumber, texts)
    // @ts-expect-error the stream gives booleans
    feed.pipe(GreenPool.imap(onNumber))
    // @ts-expect-error data-last takes a stream: other sources come after the function
    GreenPool.imap(onNumber)(numbers)
    // @ts-expect-error the function gives no effect
    pool.imap((n) => n + 1, numbers)
    // @ts-expect-error the function takes one item more than there are sources
    pool.imap((a: number, b: number) => Effect.succeed(a + b), numbers)
    // @ts-expect-error the second source gives booleans
    pool.imap((a: number, b: string) => Effect.succeed([a, b]), numbers, feed)
    // @ts-expect-error undefined is no source
    pool.imap(onNumber, undefined)
    // @ts-expect-error options come last
    pool.imap(onNumber, { concurrency: 3 }, numbers)
    // @ts-expect-error a number is neither a source nor options
    pool.imapExit(onNumber, numbers, 5)
  })
})

describe("a map of tuples", () => {
  const first = (n: number) => onNumber(n)
  const both = (n: number, _text: string) => onNumber(n)

  it("spreads them over the function, which may have fewer parameters, however it is called", () => {
    expectTypeOf(pool.starmap(both, [[1, "a"], [2, "b"]])).toEqualTypeOf<Mapped>()
    expectTypeOf(pool.starmap(first, [[1, "a"]])).toEqualTypeOf<Mapped>()
    expectTypeOf(pool.starmap(both, null as unknown as AsyncIterable<[number, string]>))
      .toEqualTypeOf<Mapped<SourceError>>()
    expectTypeOf(Key.starmap(first, rows)).toEqualTypeOf<Mapped<"broken", Feed | Key>>()
    expectTypeOf(rows.pipe(pool.starmap(first, { key: "k" }))).toEqualTypeOf<Mapped<"broken", Feed>>()
    expectTypeOf(pool.starmap(() => onNumber(1), rows, { window: 3 })).toEqualTypeOf<Mapped<"broken", Feed>>()
  })

  it("gives the function its parameters", () => {
    const called = rows.pipe(pool.starmap((n, text) => {
      expectTypeOf({ n, text }).toEqualTypeOf<{ n: number; text: string }>()
      return Effect.succeed(n)
    }))
    expectTypeOf(called).toEqualTypeOf<Stream.Stream<number, "broken", Feed>>()
    expectTypeOf(pool.starmap((n, text) => Effect.succeed([n, text] as const), [[1, "a"], [2, "b"]]))
      .toEqualTypeOf<Stream.Stream<readonly [number, string]>>()
  })

  it("refuses wrong use", () => {
    // @ts-expect-error the tuples are too short
    pool.starmap((a: number, b: number) => Effect.succeed(a + b), [[1]])
    // @ts-expect-error the items are no tuples
    pool.starmap((a: number) => Effect.succeed(a), numbers)
    // @ts-expect-error a number is no source
    Key.starmap(first, 123)
  })
})
