import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Latch, Stream } from "effect"
import { SourceError } from "../src/index.ts"
import { CountedAsyncIterable, CountedIterable, countedSources, CountedStream } from "./support/counted-sources.ts"
import { expectEmpty } from "./support/counters.ts"
import { defectOf, isInterrupted } from "./support/exits.ts"
import { makePool } from "./support/makePool.ts"
import { readMap } from "./support/map-reading.ts"
import { Reader } from "./support/reader.ts"
import { openSizes, upTo } from "./support/sizes.ts"
import { atRest, until } from "./support/turns.ts"
import { emitted, mapOf, verbs } from "./support/verbs.ts"

/** Effects that wait for the latch when they are interrupted. */
const lingering = (finalizing: Latch.Latch) => Effect.onInterrupt(Effect.never, () => finalizing.await)

describe.each(openSizes)("a failing item on a pool of size %i", (size) => {
  it("ends the map with the first failure in order, after every result before it, and nothing is lost of those", () => {
    const { jobs, pool, reader, world } = readMap(size + 2)
    reader.pull()
    // The failures are there first, and then the results before them from the back.
    jobs.fail(size + 1)
    world.run()
    jobs.fail(size)
    world.run()
    expect(reader.exit).toBeUndefined()
    for (const item of upTo(size).toReversed()) jobs.finish(item)
    reader.readAll()
    expect(reader.values).toEqual(upTo(size))
    expect(reader.exit).toEqual(Exit.fail(`failed ${size}`))
    world.get(expectEmpty(pool))
  })

  it("ends imapUnordered with the first failure to happen, after all that had finished, and drops what is later", () => {
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

  it.each(countedSources)("stops the pulling of $kind as soon as it has failed, and closes it once", (from) => {
    const { jobs, reader, source, world } = readMap(size + 1, { from })
    reader.pull()
    jobs.fail(1)
    world.run()
    expect(source.closed).toBe(0)
    jobs.finish(0)
    reader.readAll()
    expect(reader.exit).toEqual(Exit.fail("failed 1"))
    reader.leave()
    expect({ taken: source.taken, closed: source.closed }).toEqual({ taken: size + 1, closed: 1 })
  })

  it.each(["imap", "imapUnordered"] as const)("ends %s when the finalizers of what is in flight have", (verb) => {
    const { pool, world } = readMap(size + 1)
    const finalizing = Latch.makeUnsafe()
    const failing = Latch.makeUnsafe()
    const job = (item: number) =>
      item === 0 ? Effect.andThen(failing.await, Effect.fail("failed")) : lingering(finalizing)
    const reader = new Reader(world, mapOf(pool, verb)(job, upTo(2 * size + 2)))
    reader.pull()
    failing.openUnsafe()
    world.run()
    expect(reader.exit).toBeUndefined()
    expect(world.get(pool.running)).toBe(size)
    finalizing.openUnsafe()
    world.run()
    expect(reader.exit).toEqual(Exit.fail("failed"))
    world.get(expectEmpty(pool))
  })
})

describe("an item", () => {
  const boom = new Error("boom")
  const throwing = (item: number): Effect.Effect<number> => {
    if (item === 1) throw boom
    return Effect.succeed(item)
  }

  it("whose function throws is a defect in its place, for imapExit an exit", () => {
    const { pool, world } = readMap(1)
    const source = new CountedIterable()
    const maps = [
      pool.imap(throwing, source),
      pool.imapUnordered(throwing, upTo(3)),
      pool.starmap(throwing, upTo(3).map((item): [number] => [item]))
    ]
    for (const map of maps) {
      const reader = new Reader(world, map)
      reader.readAll()
      expect(reader.values).toEqual([0])
      expect(defectOf(reader.exit)).toBe(boom)
    }
    expect(source.closed).toBe(1)
    expect(world.get(pool.stats).failed).toBe(3)
    const exits = new Reader(world, pool.imapExit(throwing, upTo(3)))
    exits.readAll()
    expect(exits.values.map(defectOf)).toEqual([undefined, boom, undefined])
    expect(exits.exit).toEqual(Exit.void)
    world.get(expectEmpty(pool))
  })

  it("that is interrupted from inside ends the map with interruption, after the results before it", () => {
    const { pool, world } = readMap(2)
    const job = (item: number) => item === 2 ? Effect.interrupt : Effect.succeed(item)
    const reader = new Reader(world, pool.imap(job, new CountedIterable()))
    reader.readAll()
    expect(reader.values).toEqual([0, 1])
    expect(isInterrupted(reader.exit)).toBe(true)
    world.get(expectEmpty(pool))
  })
})

describe.each(openSizes)("a failing source on a pool of size %i", (size) => {
  const failingAfter = (length: number) => Stream.concat(new CountedStream(length).stream, Stream.fail("source"))

  it.each(verbs)("ends %s after the results of all items before the failure", (verb) => {
    const { jobs, pool, world } = readMap(size + 1)
    const reader = new Reader<unknown, string>(world, mapOf(pool, verb)(jobs.job, failingAfter(size)))
    reader.pull()
    expect(jobs.started).toEqual(upTo(size))
    expect(reader.exit).toBeUndefined()
    jobs.finish(...upTo(size))
    reader.readAll()
    expect(reader.values).toEqual(upTo(size).map(emitted(verb)))
    expect(reader.exit).toEqual(Exit.fail("source"))
    world.get(expectEmpty(pool))
  })

  it("ends a map of several sources, whose others are closed", () => {
    const { pool, world } = readMap(size)
    const other = new CountedIterable()
    const reader = new Reader(world, pool.imap((a, b) => Effect.succeed([a, b]), other, failingAfter(2)))
    reader.readAll()
    expect(reader.values).toEqual([[0, 0], [1, 1]])
    expect(reader.exit).toEqual(Exit.fail("source"))
    expect(other.closed).toBe(1)
  })

  it("with an iterator that throws ends the map with a defect, after all results before it", () => {
    const { jobs, pool, world } = readMap(size + 1)
    const boom = new Error("boom")
    let closed = 0
    let asked = 0
    const iterator: Iterator<number> = {
      next() {
        if (asked++ < size) return { done: false, value: asked - 1 }
        throw boom
      },
      return() {
        closed++
        return { done: true, value: undefined }
      }
    }
    const source = { [Symbol.iterator]: () => iterator }
    const reader = new Reader(world, pool.imap(jobs.job, source))
    reader.pull()
    expect(reader.exit).toBeUndefined()
    jobs.finish(...upTo(size))
    reader.readAll()
    expect(reader.values).toEqual(upTo(size))
    expect(defectOf(reader.exit)).toBe(boom)
    // As in a `for` loop, an iterator that has thrown is not closed, and not asked again.
    expect({ asked, closed }).toEqual({ asked: size + 1, closed: 0 })
  })
})

describe.each(openSizes)("stopping early on a pool of size %i", (size) => {
  it.each(verbs.flatMap((verb) => countedSources.map((from) => ({ verb, from, kind: from.kind }))))(
    "by taking one result of $verb interrupts what is in flight and closes $kind once",
    ({ from, verb }) => {
      const { jobs, pool, world } = readMap(size)
      const { counts, source } = from.make()
      const first = verb === "imapUnordered" ? size - 1 : 0
      const fiber = world.fork(Stream.runCollect(Stream.take(mapOf(pool, verb)(jobs.job, source), 1)))
      world.run()
      jobs.finish(first)
      world.run()
      expect(fiber.pollUnsafe()).toEqual(Exit.succeed([emitted(verb)(first)]))
      expect(jobs.running).toEqual([])
      expect(jobs.interrupted).toEqual(jobs.started.filter((item) => item !== first))
      expect(counts.closed).toBe(1)
      world.get(pool.resize(size + 5))
      world.run()
      expect(counts.taken).toBeLessThanOrEqual(size + 1)
      world.get(expectEmpty(pool))
    }
  )

  it.each(countedSources)(
    "by interruption awaits the finalizers of what is in flight and closes $kind once",
    ({ make }) => {
      const { pool, world } = readMap(size)
      const finalizing = Latch.makeUnsafe()
      const { counts, source } = make()
      const fiber = world.fork(Stream.runDrain(pool.imap(() => lingering(finalizing), source)))
      world.run()
      fiber.interruptUnsafe()
      world.run()
      expect(fiber.pollUnsafe()).toBeUndefined()
      expect(world.get(pool.running)).toBe(size)
      // The source may still be in use by what is in flight.
      expect(counts.closed).toBe(0)
      finalizing.openUnsafe()
      world.run()
      expect(isInterrupted(fiber.pollUnsafe())).toBe(true)
      expect({ taken: counts.taken, closed: counts.closed }).toEqual({ taken: size, closed: 1 })
      world.get(expectEmpty(pool))
    }
  )

  it("closes all of several sources", () => {
    const { pool, world } = readMap(size)
    const iterables = [new CountedIterable(), new CountedIterable()] as const
    const stream = new CountedStream()
    const mapped = pool.imap((a, b, c) => Effect.succeed(a + b + c), iterables[0], stream.stream, iterables[1])
    expect(world.get(Stream.runCollect(Stream.take(mapped, 3)))).toEqual([0, 3, 6])
    expect([...iterables, stream].map(({ closed }) => closed)).toEqual([1, 1, 1])
  })
})

describe("the end of a source", () => {
  it("is followed by a close of those that have not ended, where several are zipped", () => {
    const { pool, world } = readMap(2)
    const short = new CountedIterable(2)
    const long = new CountedIterable()
    const reader = new Reader(world, pool.imap((a, b) => Effect.succeed(a + b), long, short))
    reader.readAll()
    reader.leave()
    expect(reader.values).toEqual([0, 2])
    expect({ ends: short.ends, closed: short.closed }).toEqual({ ends: 1, closed: 0 })
    expect({ ends: long.ends, closed: long.closed }).toEqual({ ends: 0, closed: 1 })
  })
})

describe("an async iterable", () => {
  /** Asked for its items, and closed, as the test says. */
  const asyncIterable = (iterator: AsyncIterator<number>): AsyncIterable<number> => ({
    [Symbol.asyncIterator]: () => iterator
  })

  it.effect("is closed once by an early stop, and the close is awaited when it is idle", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      let release = () => {}
      const closing = new Promise<void>((resolve) => {
        release = resolve
      })
      const events: Array<string> = []
      const source = asyncIterable({
        next: () => Promise.resolve({ done: false, value: 1 }),
        return: async () => {
          events.push("close")
          await closing
          events.push("closed")
          return { done: true, value: undefined }
        }
      })
      const job = Effect.andThen(Effect.sync(() => events.push("job")), Effect.never)
      const reading = yield* Effect.forkChild(Stream.runDrain(pool.imap(() => job, source)))
      yield* until(() => events.includes("job"))
      const leaving = yield* Effect.forkChild(
        Effect.andThen(Fiber.interrupt(reading), Effect.sync(() => events.push("left")))
      )
      yield* until(() => events.includes("close"))
      release()
      yield* Fiber.join(leaving)
      expect(events).toEqual(["job", "close", "closed", "left"])
    }))

  it.effect("is told to close but not awaited while its next() is pending", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      let asked = 0
      let closed = 0
      const source = asyncIterable({
        next: () => ++asked === 1 ? Promise.resolve({ done: false, value: 1 }) : new Promise(() => {}),
        return: () => {
          closed++
          return new Promise(() => {})
        }
      })
      expect(yield* Stream.runCollect(Stream.take(pool.imap(Effect.succeed, source), 1))).toEqual([1])
      const reading = yield* Effect.forkChild(Stream.runDrain(pool.imap(Effect.succeed, source)))
      yield* until(() => asked === 3)
      yield* Fiber.interrupt(reading)
      expect(closed).toBe(2)
      yield* expectEmpty(pool)
    }))

  it.effect("may fail to close while its next() is pending: nobody hears of it", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      let asked = 0
      const source = asyncIterable({
        next: () => {
          asked++
          return new Promise(() => {})
        },
        return: () => Promise.reject(new Error("cannot close"))
      })
      const unhandled: Array<unknown> = []
      const listener = (cause: unknown) => unhandled.push(cause)
      process.on("unhandledRejection", listener)
      const reading = yield* Effect.forkChild(Stream.runDrain(pool.imap(Effect.succeed, source)))
      yield* until(() => asked === 1)
      yield* Fiber.interrupt(reading)
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      process.off("unhandledRejection", listener)
      expect(unhandled).toEqual([])
      yield* expectEmpty(pool)
    }))

  it.effect("is not closed after its end", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const source = new CountedAsyncIterable(5)
      expect(yield* Stream.runCollect(pool.imap(Effect.succeed, source))).toEqual(upTo(5))
      expect([source.taken, source.ends, source.closed]).toEqual([5, 1, 0])
    }))

  it.effect("that rejects ends the map with a SourceError of that cause, after all results before, unclosed", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(3)
      const boom = new Error("boom")
      let asked = 0
      let closed = 0
      const source = asyncIterable({
        next: () => asked++ < 2 ? Promise.resolve({ done: false, value: asked - 1 }) : Promise.reject(boom),
        return: () => {
          closed++
          return Promise.resolve({ done: true, value: undefined })
        }
      })
      const results: Array<number> = []
      const map = pool.imap((item: number) => Effect.as(Effect.yieldNow, item), source)
      const error = yield* Effect.flip(Stream.runForEach(map, (item) => Effect.sync(() => results.push(item))))
      expect(results).toEqual([0, 1])
      expect(error).toBeInstanceOf(SourceError)
      expect(error).toMatchObject({ cause: boom, message: "The async source failed: boom" })
      // As in a `for` loop.
      expect(closed).toBe(0)
      yield* expectEmpty(pool)
    }))

  it.effect("whose next() throws fails with a SourceError too", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const source = asyncIterable({
        next() {
          throw new Error("no promise")
        }
      })
      const error = yield* Effect.flip(Stream.runDrain(pool.imap(Effect.succeed, source)))
      expect(error).toMatchObject({ _tag: "SourceError", cause: new Error("no promise") })
    }))

  it.effect("is pulled one at a time, within the window", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(3)
      const { jobs } = readMap(3)
      const source = new CountedAsyncIterable()
      const reading = yield* Effect.forkChild(Stream.runCollect(Stream.take(pool.imap(jobs.job, source), 4)))
      yield* until(() => jobs.started.length === 3)
      expect(source.taken).toBe(3)
      jobs.finish(0)
      yield* until(() => jobs.started.length === 4)
      expect(source.taken).toBe(4)
      jobs.finish(1, 2, 3)
      expect(yield* Fiber.join(reading)).toEqual(upTo(4))
      expect(source.closed).toBe(1)
    }))
})

describe("a map that stops", () => {
  it.effect("after a read has made it pull its source doesn't pull it any more", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const failure = yield* Deferred.make<never, string>()
      const failedAtPull: Array<number> = []
      const next = Effect.map(pool.stats, ({ failed }) => failedAtPull.push(failed))
      const map = pool.imap(
        (item: number) => item === 2 ? Deferred.await(failure) : Effect.succeed(item),
        Stream.fromEffectRepeat(next)
      )
      const fail = Effect.sync(() => Deferred.doneUnsafe(failure, Exit.fail("failed")))
      expect(yield* Effect.exit(Stream.runForEach(map, () => Effect.andThen(fail, atRest)))).toEqual(
        Exit.fail("failed")
      )
      expect(failedAtPull).toEqual([0, 0])
    }))

  it.effect("inside its own window takes no further item", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(3)
      const failure = yield* Deferred.make<never, string>()
      const source = new CountedIterable()
      let asked = 0
      const window = () => {
        if (++asked === 3) Deferred.doneUnsafe(failure, Exit.fail("failed"))
        return 3
      }
      const job = (item: number) => item === 0 ? Deferred.await(failure) : Effect.never
      expect(yield* Effect.exit(Stream.runDrain(pool.imap(job, source, { window })))).toEqual(Exit.fail("failed"))
      expect(source.taken).toBe(2)
    }))
})
