import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Schema, Stream } from "effect"
import { Readable } from "node:stream"
import { type GreenPool, type Source, SourceError } from "../src/index.ts"
import { CountedAsyncIterable, CountedIterable, CountedStream } from "./support/counted-sources.ts"
import { makePool } from "./support/makePool.ts"
import { upTo } from "./support/sizes.ts"

const asyncGenerator = async function*() {
  yield* upTo(3)
}

/** Sources of the numbers 0, 1 and 2. */
const kinds: Record<string, () => Source<number, SourceError>> = {
  "an array": () => upTo(3),
  "a set": () => new Set(upTo(3)),
  "the keys of a map": () => new Map(upTo(3).map((item) => [item, item])).keys(),
  "a typed array": () => Uint8Array.from(upTo(3)),
  *"a generator"() {
    yield* upTo(3)
  },
  "an iterable of its own": () => new CountedIterable(3),
  "an async generator": asyncGenerator,
  "an async iterable of its own": () => new CountedAsyncIterable(3),
  "a readable stream of Node": () => Readable.from(upTo(3)),
  "a web stream": () =>
    new ReadableStream<number>({
      start(controller) {
        for (const item of upTo(3)) controller.enqueue(item)
        controller.close()
      }
    }),
  "a stream of one chunk": () => Stream.fromIterable(upTo(3)),
  "a stream of many chunks": () => Stream.rechunk(Stream.fromIterable(upTo(3)), 1),
  "a stream that waits": () => Stream.mapEffect(Stream.range(0, 2), (item) => Effect.as(Effect.yieldNow, item))
}

const collect = (pool: GreenPool, ...sources: ReadonlyArray<Source<unknown, unknown>>) =>
  Stream.runCollect(pool.imap((...items) => Effect.succeed(items), ...sources))

describe.each(Object.entries(kinds))("%s", (_, make) => {
  it.effect("is a source of its items, in order, which can be left early", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const map = () => pool.imap((item) => Effect.succeed(item + 1), make())
      expect(yield* Stream.runCollect(map())).toEqual([1, 2, 3])
      expect(yield* Stream.runCollect(Stream.take(map(), 1))).toEqual([1])
      yield* pool.waitall
    }))

  it.effect.each(Object.entries(kinds))(
    "is zipped with %s, whichever ends first",
    ([, makeOther]) =>
      Effect.gen(function*() {
        const pool = yield* makePool(2)
        expect(yield* collect(pool, make(), makeOther())).toEqual([[0, 0], [1, 1], [2, 2]])
        expect(yield* collect(pool, make(), [7], makeOther())).toEqual([[0, 7, 0]])
        expect(yield* collect(pool, [], make(), makeOther())).toEqual([])
      })
  )
})

describe("a source", () => {
  it.effect("may be a string: its characters", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const upper = (text: string) => Stream.runCollect(pool.imap((c) => Effect.succeed(c.toUpperCase()), text))
      expect(yield* upper("a🙂b")).toEqual(["A", "🙂", "B"])
      expect(yield* upper("")).toEqual([])
    }))

  it.effect("that is an iterable of both kinds is read asynchronously", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const both = {
        *[Symbol.iterator]() {
          yield "sync"
        },
        async *[Symbol.asyncIterator]() {
          yield "async"
        }
      }
      expect(yield* Stream.runCollect(pool.imap(Effect.succeed, both))).toEqual(["async"])
    }))

  it.effect.each<ReadonlyArray<unknown>>([[null], [undefined], [42], [() => [1]], [undefined, [1]], [{}, [1]]])(
    "that is none is a defect that says what a source is, also among others: %j",
    (sources) =>
      Effect.gen(function*() {
        const pool = yield* makePool(2)
        const wrong = sources as ReadonlyArray<Source<unknown, unknown>>
        expect(yield* Effect.exit(collect(pool, ...wrong))).toEqual(Exit.die(expect.objectContaining({
          name: "TypeError",
          message: expect.stringContaining("A source must be an Iterable, an AsyncIterable or a Stream")
        })))
        const closed = new CountedIterable()
        expect(Exit.hasDies(yield* Effect.exit(collect(pool, closed, ...wrong, [1])))).toBe(true)
        expect(closed.closed).toBe(1)
        expect(yield* pool.running).toBe(0)
      })
  )

  it.effect("whose iterator cannot be made is a defect", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const boom = new Error("boom")
      const broken: Iterable<number> = {
        [Symbol.iterator]() {
          throw boom
        }
      }
      expect(yield* Effect.exit(collect(pool, broken))).toEqual(Exit.die(boom))
    }))

  it.effect("may give undefined and null as items, alone and zipped", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const items = [undefined, null, false, 0, ""]
      expect(yield* Stream.runCollect(pool.imap(Effect.succeed, items))).toEqual(items)
      expect(yield* collect(pool, items, Stream.fromIterable(items))).toEqual(items.map((item) => [item, item]))
    }))

  it.effect("among several is asked for an item only when those before it gave one", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(10)
      const short = new CountedIterable(2)
      const iterable = new CountedIterable()
      const stream = new CountedStream()
      expect(yield* collect(pool, short, iterable, stream.stream)).toEqual([[0, 0, 0], [1, 1, 1]])
      expect([short.taken, iterable.taken, stream.taken]).toEqual([2, 2, 2])
    }))

  it.effect("is opened once for each run of the map", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const source = new CountedIterable(0)
      const mapped = pool.imap(Effect.succeed, source)
      for (const run of [0, 1]) {
        expect(source.opened).toBe(run)
        yield* Stream.runDrain(mapped)
      }
      expect(source.opened).toBe(2)
    }))
})

describe("a stream as a source", () => {
  class Prefix extends Context.Service<Prefix, string>()("test/Prefix") {}

  it.effect("uses services of its own, which the reader provides", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const source = Stream.mapEffect(Stream.range(0, 2), (item) => Effect.map(Prefix, (prefix) => prefix + item))
      const mapped = pool.imap((item) => Effect.map(Prefix, (prefix) => `${prefix}:${item}`), source)
      expect(yield* Effect.provideService(Stream.runCollect(mapped), Prefix, "p")).toEqual(["p:p0", "p:p1", "p:p2"])
      expect(yield* Stream.runCollect(Stream.provideService(mapped, Prefix, "q"))).toEqual(["q:q0", "q:q1", "q:q2"])
    }))

  it.effect("ends the map with its own error or defect, alone and zipped", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const source = Stream.concat(Stream.make(1), Stream.fail("own error"))
      expect(yield* Effect.flip(Stream.runDrain(pool.imap(Effect.succeed, source)))).toBe("own error")
      expect(yield* Effect.flip(collect(pool, upTo(5), source))).toBe("own error")
      expect(yield* Effect.flip(collect(pool, asyncGenerator(), source, "abc"))).toBe("own error")
      const exit = yield* Effect.exit(collect(pool, Stream.concat(Stream.make(1), Stream.die("defect"))))
      expect(exit).toEqual(Exit.die("defect"))
    }))
})

describe("SourceError", () => {
  it("says what the source failed with, whatever that is", () => {
    expect(new SourceError({ cause: new Error("no line") }).message).toBe("The async source failed: no line")
    expect(new SourceError({ cause: { code: 7 } }).message).toBe(`The async source failed: {"code":7}`)
    expect(new SourceError({ cause: "text" })._tag).toBe("SourceError")
  })

  it.effect("travels as JSON", () =>
    Effect.gen(function*() {
      const json = Schema.toCodecJson(SourceError)
      const encoded = yield* Schema.encodeEffect(json)(new SourceError({ cause: new Error("no line") }))
      const decoded = yield* Schema.decodeUnknownEffect(json)(JSON.parse(JSON.stringify(encoded)))
      expect(decoded).toBeInstanceOf(SourceError)
      expect(decoded.message).toBe("The async source failed: no line")
    }))

  it.effect.each([undefined, null, "text", 0])("carries a rejection with %s", (cause) =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const source: AsyncIterable<number> = {
        [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(cause) })
      }
      const error = yield* Effect.flip(Stream.runDrain(pool.imap(Effect.succeed, source)))
      expect(error).toBeInstanceOf(SourceError)
      expect(error.cause).toBe(cause)
    }))

  it.effect("is the failure of a readable stream of Node that breaks, after all it gave", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const boom = new Error("broken pipe")
      const readable = new Readable({
        objectMode: true,
        read() {
          this.push(1)
          this.destroy(boom)
        }
      })
      const error = yield* Effect.flip(Stream.runDrain(pool.imap(Effect.succeed, readable)))
      expect(error.cause).toBe(boom)
    }))

  it.effect("does not come of leaving a readable stream of Node, which is destroyed", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const readable = Readable.from(upTo(100))
      yield* Stream.runDrain(Stream.take(pool.imap(Effect.succeed, readable), 2))
      yield* Effect.promise(() =>
        new Promise<void>((resolve) => {
          if (readable.destroyed) resolve()
          else readable.once("close", resolve)
        })
      )
      expect(readable.destroyed).toBe(true)
    }))
})
