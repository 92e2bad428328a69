import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { CountedAsyncIterable, CountedIterable, countedSources, CountedStream } from "./support/counted-sources.ts"
import { atRest, emitted, expectEmpty, makePool, mapOf, openSizes, testEffect, upTo, verbs } from "./support/index.ts"
import { readMap } from "./support/map-reading.ts"
import { Reader } from "./support/reader.ts"

const boom = new Error("boom")

describe.each(openSizes)("a failing item on a pool of size %i", (size) => {
  it.each(countedSources)("ends the map with the first in order, after all before it; $kind is closed", (from) => {
    const { jobs, pool, reader, source, world } = readMap(size + 2, { from })
    reader.pull()
    // The failures are there first, and then the results before them from the back.
    jobs.fail(size + 1)
    world.run()
    jobs.fail(size)
    world.run()
    expect(reader.exit).toBeUndefined()
    for (const item of upTo(size).toReversed()) jobs.finish(item)
    expect(source.closed).toBe(0)
    reader.readAll()
    expect(reader.values).toEqual(upTo(size))
    expect(reader.exit).toEqual(Exit.fail(`failed ${size}`))
    reader.leave()
    expect({ taken: source.taken, closed: source.closed }).toEqual({ taken: size + 2, closed: 1 })
    world.get(expectEmpty(pool))
  })

  it("ends imapUnordered with the first failure to happen, after all that had finished, and drops the rest", () => {
    const { jobs, pool, reader, source, world } = readMap(size + 2, { verb: "imapUnordered" })
    reader.pull()
    jobs.finish(size)
    jobs.fail(size + 1)
    jobs.fail(0)
    reader.readAll()
    expect(reader.values).toEqual([size])
    expect(reader.exit).toEqual(Exit.fail(`failed ${size + 1}`))
    expect(jobs.interrupted).toEqual(upTo(size).slice(1))
    // Nothing is taken for the slot that the failed item has left.
    expect({ taken: source.taken, closed: source.closed }).toEqual({ taken: size + 2, closed: 1 })
    world.get(expectEmpty(pool))
  })
})

class ThrowingIterable extends CountedIterable {
  protected override step(): IteratorResult<number, undefined> {
    const step = super.step()
    if (step.done === true) throw boom
    return step
  }
}

describe.each(openSizes)("a map on a pool of size %i", (size) => {
  it.each(verbs.flatMap((verb) => [true, false].map((throws) => ({ verb, throws }))))(
    "of $verb ends after all results before the failure of its source, which is not closed; it throws: $throws",
    ({ throws, verb }) => {
      const { jobs, pool, world } = readMap(size + 1)
      const [iterable, stream] = [new ThrowingIterable(size), new CountedStream(size)]
      const source = throws ? iterable : Stream.concat(stream.stream, Stream.fail("source"))
      const reader = new Reader<unknown, string>(world, mapOf(pool, verb)(jobs.job, source))
      reader.pull()
      expect(jobs.started).toEqual(upTo(size))
      expect(reader.exit).toBeUndefined()
      jobs.finish(...upTo(size))
      reader.readAll()
      expect(reader.values).toEqual(upTo(size).map(emitted(verb)))
      expect(reader.exit).toEqual(throws ? Exit.die(boom) : Exit.fail("source"))
      // As in a `for` loop, an iterator that has thrown is not closed, and not asked again.
      const { closed, ends } = throws ? iterable : stream
      expect({ ends, closed }).toEqual({ ends: 1, closed: 0 })
      world.get(expectEmpty(pool))
    }
  )
})

describe("an async iterable", () => {
  const never = () => new Promise<never>(() => {})

  /** So many items; then `next()` does what `after` does, and a close does what `close` does. */
  const asyncSource = (
    length: number,
    after: () => Promise<IteratorResult<number>>,
    close: () => Promise<void> = async () => {}
  ) => {
    const counts = new CountedAsyncIterable(length)
    const items = counts[Symbol.asyncIterator]()
    const iterator: AsyncIterator<number> = {
      next: () => counts.taken < length ? items.next() : after(),
      return: async () => {
        counts.closed++
        await close()
        return { done: true, value: undefined }
      }
    }
    return { counts, source: { [Symbol.asyncIterator]: () => iterator } }
  }

  testEffect("is closed, and that is awaited, also if nothing of it was read", function*() {
    const pool = yield* makePool(1)
    const { promise, resolve } = Promise.withResolvers<void>()
    const { source } = asyncSource(1, never, () => promise)
    const scope = yield* Scope.make()
    yield* Effect.asVoid(Scope.provide(Stream.toPull(pool.imap(Effect.succeed, source)), scope))
    yield* atRest
    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
    yield* atRest
    expect(closing.pollUnsafe()).toBeUndefined()
    resolve()
    yield* Fiber.join(closing)
  })

  testEffect("is told to close, not awaited, while next() is pending: if it fails, nobody hears of it", function*() {
    const pool = yield* makePool(2)
    const unhandled: Array<unknown> = []
    const listener = (cause: unknown) => unhandled.push(cause)
    process.on("unhandledRejection", listener)
    for (const close of [never, () => Promise.reject(new Error("cannot close"))]) {
      const { counts, source } = asyncSource(1, never, close)
      const reading = yield* Effect.forkChild(Stream.runDrain(pool.imap(Effect.succeed, source)))
      yield* atRest
      yield* Fiber.interrupt(reading)
      expect(counts.closed).toBe(1)
    }
    yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    process.off("unhandledRejection", listener)
    expect(unhandled).toEqual([])
    yield* expectEmpty(pool)
  })

  const failure = (cause: unknown) => Exit.fail(expect.objectContaining({ _tag: "SourceError", cause }))

  testEffect.each<[string, Exit.Exit<void, unknown>, () => Promise<IteratorResult<number>>]>([
    ["ends", Exit.void, () => Promise.resolve({ done: true, value: undefined })],
    ["rejects: with a SourceError of that", failure(boom), () => Promise.reject(boom)],
    ["rejects with nothing: with a SourceError", failure(undefined), () => Promise.reject()],
    ["throws: with a SourceError of that", failure(boom), () => {
      throw boom
    }]
  ])("is not closed, and ends the map after its results, when its next() %s", function*([, exit, end]) {
    const pool = yield* makePool(3)
    const { counts, source } = asyncSource(2, end)
    const results: Array<number> = []
    const map = pool.imap((item: number) => Effect.as(Effect.yieldNow, item), source)
    const read = Stream.runForEach(map, (item) => Effect.sync(() => results.push(item)))
    expect(yield* Effect.exit(read)).toEqual(exit)
    expect(results).toEqual([0, 1])
    // As in a `for` loop.
    expect(counts.closed).toBe(0)
    yield* expectEmpty(pool)
  })
})

describe("a map that stops", () => {
  const setUp = Effect.gen(function*() {
    const failure = yield* Deferred.make<never, string>()
    return { pool: yield* makePool(3), failure, fail: () => Deferred.doneUnsafe(failure, Exit.fail("failed")) }
  })

  testEffect("after a read has made it pull its source doesn't pull it any more", function*() {
    const { fail, failure, pool } = yield* setUp
    const source = new CountedStream()
    const job = (item: number) => item === 1 ? Deferred.await(failure) : Effect.succeed(item)
    const map = pool.imap(job, source.stream, { window: 2 })
    const read = Stream.runForEach(map, () => Effect.andThen(Effect.sync(fail), atRest))
    expect(yield* Effect.exit(read)).toEqual(Exit.fail("failed"))
    expect(source.taken).toBe(2)
  })

  testEffect("inside its own window takes no further item", function*() {
    const { fail, failure, pool } = yield* setUp
    const source = new CountedIterable()
    let asked = 0
    const window = () => {
      if (++asked === 3) fail()
      return 3
    }
    const job = (item: number) => item === 0 ? Deferred.await(failure) : Effect.never
    expect(yield* Effect.exit(Stream.runDrain(pool.imap(job, source, { window })))).toEqual(Exit.fail("failed"))
    expect(source.taken).toBe(2)
  })
})
