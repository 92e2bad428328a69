import { describe, expect } from "@effect/vitest"
import { Context, Effect, Exit, Formatter, Stream } from "effect"
import { Readable } from "node:stream"
import type { GreenPool, Source, SourceError } from "../src/index.ts"
import { CountedAsyncIterable, CountedIterable, CountedStream } from "./support/counted-sources.ts"
import { makePool, testEffect, upTo } from "./support/index.ts"

/** Sources of the numbers 0, 1 and 2. */
const kinds: Record<string, () => Source<number, SourceError>> = {
  "an array": () => upTo(3),
  "a set": () => new Set(upTo(3)),
  "a typed array": () => Uint8Array.from(upTo(3)),
  *"a generator"() {
    yield* upTo(3)
  },
  "an iterable of its own": () => new CountedIterable(3),
  async *"an async generator"() {
    yield* upTo(3)
  },
  "an async iterable of its own": () => new CountedAsyncIterable(3),
  "a readable stream of Node": () => Readable.from(upTo(3)),
  "a web stream": () => Readable.toWeb(Readable.from(upTo(3))) as ReadableStream<number>,
  "a stream of one chunk": () => Stream.fromIterable(upTo(3)),
  "a stream of many chunks": () => Stream.rechunk(Stream.fromIterable(upTo(3)), 1),
  "a stream that waits": () => Stream.mapEffect(Stream.range(0, 2), (item) => Effect.as(Effect.yieldNow, item))
}

const collect = (pool: GreenPool, ...sources: ReadonlyArray<Source<unknown, unknown>>) =>
  Stream.runCollect(pool.imap((...items) => Effect.succeed(items), ...sources))

describe.each(Object.entries(kinds))("%s", (_, make) => {
  testEffect("is a source of its items, in order, which can be left early", function*() {
    const pool = yield* makePool(2)
    const map = () => pool.imap((item) => Effect.succeed(item + 1), make())
    expect(yield* Stream.runCollect(map())).toEqual([1, 2, 3])
    expect(yield* Stream.runCollect(Stream.take(map(), 1))).toEqual([1])
    yield* pool.waitall
  })

  testEffect.each(Object.entries(kinds))("is zipped with %s, whichever ends first", function*([, makeOther]) {
    const pool = yield* makePool(2)
    expect(yield* collect(pool, make(), makeOther())).toEqual([[0, 0], [1, 1], [2, 2]])
    expect(yield* collect(pool, make(), [7], makeOther())).toEqual([[0, 7, 0]])
    expect(yield* collect(pool, [], make(), makeOther())).toEqual([])
  })
})

describe("a source", () => {
  const items = [undefined, null, false, 0, ""]
  const both = Object.assign(["sync"], {
    async *[Symbol.asyncIterator]() {
      yield "async"
    }
  })

  testEffect.each<[string, Source<unknown>, ReadonlyArray<unknown>]>([
    ["a string: its characters", "a🙂b", ["a", "🙂", "b"]],
    ["an empty string", "", []],
    ["an iterable of both kinds, which is read asynchronously", both, ["async"]],
    ["undefined and null as items", items, items],
    ["undefined and null as items of a stream", Stream.fromIterable(items), items]
  ])("may be or give %s, alone and zipped", function*([, source, expected]) {
    const pool = yield* makePool(2)
    expect(yield* collect(pool, source)).toEqual(expected.map((item) => [item]))
    expect(yield* collect(pool, source, upTo(9))).toEqual(expected.map((item, index) => [item, index]))
  })

  testEffect.each<ReadonlyArray<unknown>>([[null], [undefined], [42], [() => [1]], [undefined, [1]], [{}, [1]]])(
    "that is none is a defect that says so, also among others: %j",
    function*(sources) {
      const pool = yield* makePool(2)
      const wrong = sources as ReadonlyArray<Source<unknown, unknown>>
      const what = Formatter.format(sources[0])
      const message = `A source must be an Iterable, an AsyncIterable or a Stream, not ${what}`
      const defect = Exit.die(expect.objectContaining({ name: "TypeError", message }))
      const closed = new CountedIterable()
      for (const all of [wrong, [closed, ...wrong, [1]], [Stream.never, ...wrong, [1]]]) {
        expect(yield* Effect.exit(collect(pool, ...all))).toEqual(defect)
      }
      expect([closed.closed, yield* pool.running]).toEqual([1, 0])
    }
  )

  const boom = new Error("boom")
  const throws = () => {
    throw boom
  }

  testEffect.each<[string, Source<number, string>, Exit.Exit<never, unknown>]>([
    ["an error", Stream.concat(Stream.make(1), Stream.fail("own error")), Exit.fail("own error")],
    ["a defect", Stream.concat(Stream.make(1), Stream.die("defect")), Exit.die("defect")],
    ["an iterator that cannot be made", { [Symbol.iterator]: throws }, Exit.die(boom)]
  ])("ends the map with %s of its own, alone and zipped", function*([, source, exit]) {
    const pool = yield* makePool(2)
    for (const sources of [[source], [upTo(5), source], [new CountedAsyncIterable(3), source, "abc"]]) {
      expect(yield* Effect.exit(collect(pool, ...sources))).toEqual(exit)
    }
  })

  testEffect("among several is asked for an item only when those before it gave one", function*() {
    const pool = yield* makePool(10)
    const short = new CountedIterable(2)
    const iterable = new CountedIterable()
    const stream = new CountedStream()
    expect(yield* collect(pool, short, iterable, stream.stream)).toEqual([[0, 0, 0], [1, 1, 1]])
    expect([short.taken, iterable.taken, stream.taken]).toEqual([2, 2, 2])
  })

  testEffect("is opened once for each run of the map", function*() {
    const pool = yield* makePool(2)
    let opened = 0
    const mapped = collect(pool, { [Symbol.iterator]: () => [++opened].values() })
    expect(opened).toBe(0)
    expect([yield* mapped, yield* mapped]).toEqual([[[1]], [[2]]])
  })

  class Prefix extends Context.Service<Prefix, string>()("test/Prefix") {}

  testEffect("uses services of its own, which the reader provides", function*() {
    const pool = yield* makePool(2)
    const source = Stream.mapEffect(Stream.range(0, 2), (item) => Effect.map(Prefix, (prefix) => prefix + item))
    const mapped = pool.imap((item) => Effect.map(Prefix, (prefix) => `${prefix}:${item}`), source)
    expect(yield* Effect.provideService(Stream.runCollect(mapped), Prefix, "p")).toEqual(["p:p0", "p:p1", "p:p2"])
    expect(yield* Stream.runCollect(Stream.provideService(mapped, Prefix, "q"))).toEqual(["q:q0", "q:q1", "q:q2"])
  })
})
