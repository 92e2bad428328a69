import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Latch, Stream } from "effect"
import { GreenPool, SourceError } from "../src/index.ts"
import { CountedAsyncIterable, CountedIterable, countedSources, CountedStream } from "./support/counted-sources.ts"
import { counters, expectEmpty } from "./support/counters.ts"
import { makePool } from "./support/makePool.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { Reader } from "./support/reader.ts"
import { openSizes, upTo } from "./support/sizes.ts"
import { atRest, until } from "./support/turns.ts"
import { mapOf, verbs } from "./support/verbs.ts"
import { World } from "./support/world.ts"

const setUp = (size: number, length?: number) => {
  const world = new World()
  const pool = world.pool(size)
  const jobs = new MapJobs()
  const source = new CountedIterable(length)
  return { world, pool, jobs, source, reader: new Reader(world, pool.imap(jobs.job, source)) }
}

/** What was thrown, where an exit is a defect. */
const defectOf = (exit: Exit.Exit<unknown, unknown> | undefined): unknown =>
  exit !== undefined && Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined

describe.each(openSizes)("a failing item on a pool of size %i", (size) => {
  it("ends the map after every result before it, and nothing is lost of those", () => {
    const { jobs, pool, reader, world } = setUp(size + 1)
    const failing = size
    reader.pull()
    // The failure is there first, and then the results before it from the back.
    jobs.fail(failing)
    world.run()
    expect(reader.exit).toBeUndefined()
    for (const item of upTo(failing).toReversed()) jobs.finish(item)
    reader.readAll()
    expect(reader.values).toEqual(upTo(failing))
    expect(reader.exit).toEqual(Exit.fail(`failed ${failing}`))
    world.get(expectEmpty(pool))
  })

  it("ends the map with the first failure in order, not the first in time", () => {
    const { jobs, reader } = setUp(size + 1)
    reader.pull()
    jobs.fail(size)
    reader.pull()
    jobs.fail(size - 1)
    reader.pull()
    jobs.finish(...upTo(size - 1))
    reader.readAll()
    expect(reader.values).toEqual(upTo(size - 1))
    expect(reader.exit).toEqual(Exit.fail(`failed ${size - 1}`))
  })

  it.each(countedSources)(
    "stops the pulling of $kind as soon as it has failed, and closes it",
    ({ make }) => {
      const world = new World()
      const pool = world.pool(size + 1)
      const jobs = new MapJobs()
      const { counts, source } = make()
      const reader = new Reader(world, pool.imap(jobs.job, source))
      reader.pull()
      const { taken } = counts
      expect(taken).toBe(size + 1)
      jobs.fail(1)
      world.run()
      expect(counts.closed).toBe(0)
      jobs.finish(0)
      reader.readAll()
      expect(reader.exit).toEqual(Exit.fail("failed 1"))
      expect({ taken: counts.taken, closed: counts.closed }).toEqual({ taken, closed: 1 })
      reader.leave()
      expect(counts.closed).toBe(1)
    }
  )

  it("interrupts what is in flight, and the map ends when its finalizers have", () => {
    const world = new World()
    const pool = world.pool(size + 1)
    const finalizing = Latch.makeUnsafe()
    const failing = Latch.makeUnsafe()
    const finalized: Array<number> = []
    const reader = new Reader(
      world,
      pool.imap(
        (item) =>
          item === 0
            ? Effect.andThen(failing.await, Effect.fail("failed"))
            : Effect.onInterrupt(
              Effect.never,
              () => Effect.andThen(finalizing.await, Effect.sync(() => finalized.push(item)))
            ),
        upTo(2 * size + 2)
      )
    )
    reader.pull()
    failing.openUnsafe()
    world.run()
    expect(reader.exit).toBeUndefined()
    expect(world.get(pool.running)).toBe(size)
    finalizing.openUnsafe()
    world.run()
    expect(reader.exit).toEqual(Exit.fail("failed"))
    expect(finalized).toEqual(upTo(size + 1).slice(1))
    world.get(expectEmpty(pool))
  })

  it("takes the item that waits for its slot out of the queue", () => {
    const { jobs, pool, reader, source, world } = setUp(size + 1)
    const gate = Deferred.makeUnsafe<void>()
    world.fork(pool.run(Deferred.await(gate)))
    reader.pull()
    expect(world.get(counters(pool))).toEqual({ free: 0, running: size + 1, waiting: 1, borrowed: 0 })
    jobs.fail(0)
    world.run()
    expect(reader.exit).toEqual(Exit.fail("failed 0"))
    expect(world.get(counters(pool))).toEqual({ free: size, running: 1, waiting: 0, borrowed: 0 })
    expect(jobs.started).toEqual(upTo(size))
    expect(source.closed).toBe(1)
  })
})

describe("a function that throws", () => {
  const boom = new Error("boom")
  const throwing = (item: number): Effect.Effect<number> => {
    if (item === 1) throw boom
    return Effect.succeed(item)
  }

  it.each(openSizes)(
    "is a defect of its item, after the results before it, on a pool of size %i",
    (size) => {
      const world = new World()
      const pool = world.pool(size)
      const source = new CountedIterable()
      const reader = new Reader(world, pool.imap(throwing, source))
      reader.readAll()
      expect(reader.values).toEqual([0])
      expect(defectOf(reader.exit)).toBe(boom)
      expect(source.closed).toBe(1)
      world.get(expectEmpty(pool))
      expect(world.get(pool.stats).failed).toBe(1)
    }
  )

  it("is a defect of its item for imapUnordered and starmap too, and an exit for imapExit", () => {
    const world = new World()
    const pool = world.pool(1)
    const unordered = new Reader(world, pool.imapUnordered(throwing, upTo(3)))
    unordered.readAll()
    expect(unordered.values).toEqual([0])
    expect(defectOf(unordered.exit)).toBe(boom)
    const star = new Reader(world, pool.starmap(throwing, upTo(3).map((item): [number] => [item])))
    star.readAll()
    expect(star.values).toEqual([0])
    expect(defectOf(star.exit)).toBe(boom)
    const exits = new Reader(world, pool.imapExit(throwing, upTo(3)))
    exits.readAll()
    expect(exits.values.map(defectOf)).toEqual([undefined, boom, undefined])
    expect(exits.exit).toEqual(Exit.void)
  })
})

describe("an item that is interrupted from inside", () => {
  it("ends the map with interruption, after the results before it", () => {
    const world = new World()
    const pool = world.pool(2)
    const reader = new Reader(
      world,
      pool.imap((item) => item === 2 ? Effect.interrupt : Effect.succeed(item), new CountedIterable())
    )
    reader.readAll()
    expect(reader.values).toEqual([0, 1])
    expect(Exit.hasInterrupts(reader.exit ?? Exit.void)).toBe(true)
    world.get(expectEmpty(pool))
  })
})

describe.each(openSizes)("a failing source on a pool of size %i", (size) => {
  const failingAfter = (length: number) => Stream.concat(new CountedStream(length).stream, Stream.fail("source"))

  it.each(verbs)(
    "ends %s after the results of all items before the failure",
    (verb) => {
      const world = new World()
      const pool = world.pool(size + 1)
      const jobs = new MapJobs()
      const reader = new Reader<unknown, string>(world, mapOf(pool, verb)(jobs.job, failingAfter(size)))
      reader.pull()
      expect(jobs.started).toEqual(upTo(size))
      expect(reader.exit).toBeUndefined()
      jobs.finish(...upTo(size))
      reader.readAll()
      expect(reader.values.map((value) => Exit.isExit(value) ? Effect.runSync(value as Exit.Exit<number>) : value))
        .toEqual(upTo(size))
      expect(reader.exit).toEqual(Exit.fail("source"))
      world.get(expectEmpty(pool))
    }
  )

  it("ends the map at once when it has no item before the failure, also on a full pool", () => {
    const world = new World()
    const pool = world.pool(size)
    for (const _ of upTo(size)) world.fork(pool.run(Effect.never))
    const reader = new Reader(world, pool.imap(Effect.succeed, Stream.fail("source")))
    reader.pull()
    expect(reader.exit).toEqual(Exit.fail("source"))
  })

  it("loses to a failing item before it", () => {
    const world = new World()
    const pool = world.pool(size + 1)
    const jobs = new MapJobs()
    const reader = new Reader(world, pool.imap(jobs.job, failingAfter(size)))
    reader.pull()
    jobs.fail(size - 1)
    jobs.finish(...upTo(size - 1))
    reader.readAll()
    expect(reader.values).toEqual(upTo(size - 1))
    expect(reader.exit).toEqual(Exit.fail(`failed ${size - 1}`))
  })

  it("ends a map of several sources, whose others are closed", () => {
    const world = new World()
    const pool = world.pool(size)
    const other = new CountedIterable()
    const reader = new Reader(world, pool.imap((a, b) => Effect.succeed([a, b]), other, failingAfter(2)))
    reader.readAll()
    expect(reader.values).toEqual([[0, 0], [1, 1]])
    expect(reader.exit).toEqual(Exit.fail("source"))
    expect(other.closed).toBe(1)
  })

  it("with an iterator that throws ends the map with a defect, after all results before it", () => {
    const world = new World()
    const pool = world.pool(size + 1)
    const jobs = new MapJobs()
    const boom = new Error("boom")
    let closed = 0
    let asked = 0
    const source: Iterable<number> = {
      [Symbol.iterator]: () => ({
        next() {
          if (asked++ < size) return { done: false, value: asked - 1 }
          throw boom
        },
        return() {
          closed++
          return { done: true, value: undefined }
        }
      })
    }
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
  it.each(countedSources)(
    "by taking some interrupts what is in flight and closes $kind once",
    ({ make }) => {
      const world = new World()
      const pool = world.pool(size)
      const jobs = new MapJobs()
      const { counts, source } = make()
      const fiber = world.fork(Stream.runCollect(Stream.take(pool.imap(jobs.job, source), 2)))
      world.run()
      jobs.finish(0, 1)
      world.run()
      expect(fiber.pollUnsafe()).toEqual(Exit.succeed([0, 1]))
      expect(jobs.running).toEqual([])
      expect(jobs.interrupted).toEqual(jobs.started.slice(2))
      expect(counts.closed).toBe(1)
      expect(counts.taken).toBeLessThanOrEqual(size + 2)
      const { taken } = counts
      world.get(pool.resize(size + 5))
      world.run()
      expect(counts.taken).toBe(taken)
      world.get(expectEmpty(pool))
    }
  )

  it.each(countedSources)(
    "by interruption awaits the finalizers of what is in flight and closes $kind once",
    ({ make }) => {
      const world = new World()
      const pool = world.pool(size)
      const finalizing = Latch.makeUnsafe()
      const { counts, source } = make()
      const fiber = world.fork(
        Stream.runDrain(pool.imap(() => Effect.onInterrupt(Effect.never, () => finalizing.await), source))
      )
      world.run()
      expect(counts.taken).toBe(size)
      fiber.interruptUnsafe()
      world.run()
      expect(fiber.pollUnsafe()).toBeUndefined()
      expect(world.get(pool.running)).toBe(size)
      // The source may still be in use by what is in flight.
      expect(counts.closed).toBe(0)
      finalizing.openUnsafe()
      world.run()
      expect(Exit.hasInterrupts(fiber.pollUnsafe() ?? Exit.void)).toBe(true)
      expect({ taken: counts.taken, closed: counts.closed }).toEqual({ taken: size, closed: 1 })
      world.get(expectEmpty(pool))
    }
  )

  it("by a failure of the reader interrupts what is in flight and closes the source", () => {
    const world = new World()
    const pool = world.pool(size)
    const jobs = new MapJobs()
    const source = new CountedIterable()
    const fiber = world.fork(Stream.runForEach(pool.imap(jobs.job, source), () => Effect.fail("reader")))
    jobs.finish(0)
    world.run()
    expect(fiber.pollUnsafe()).toEqual(Exit.fail("reader"))
    expect(source.closed).toBe(1)
    expect(jobs.running).toEqual([])
    world.get(expectEmpty(pool))
  })

  it("closes all of several sources", () => {
    const world = new World()
    const pool = world.pool(size)
    const iterables = [new CountedIterable(), new CountedIterable()] as const
    const stream = new CountedStream()
    const mapped = pool.imap((a, b, c) => Effect.succeed(a + b + c), iterables[0], stream.stream, iterables[1])
    expect(world.get(Stream.runCollect(Stream.take(mapped, 3)))).toEqual([0, 3, 6])
    expect([...iterables, stream].map(({ closed }) => closed)).toEqual([1, 1, 1])
  })
})

describe("the end of a source", () => {
  it("is not followed by a close", () => {
    const { jobs, reader, source } = setUp(2, 3)
    jobs.finish(0, 1, 2)
    reader.readAll()
    reader.leave()
    expect({ ends: source.ends, closed: source.closed }).toEqual({ ends: 1, closed: 0 })
  })

  it("is followed by a close of those that have not ended, where several are zipped", () => {
    const world = new World()
    const pool = world.pool(2)
    const short = new CountedIterable(2)
    const long = new CountedIterable()
    const reader = new Reader(world, pool.imap((a, b) => Effect.succeed(a + b), long, short))
    reader.readAll()
    expect(reader.values).toEqual([0, 2])
    expect({ ends: short.ends, closed: short.closed }).toEqual({ ends: 1, closed: 0 })
    expect({ ends: long.ends, closed: long.closed }).toEqual({ ends: 0, closed: 1 })
  })
})

describe("an async iterable", () => {
  it.effect("is closed once by an early stop, and the close is awaited when it is idle", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 1 })
      let release = () => {}
      const closing = new Promise<void>((resolve) => {
        release = resolve
      })
      const events: Array<string> = []
      const source: AsyncIterable<number> = {
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.resolve({ done: false, value: 1 }),
          return() {
            events.push("close")
            return closing.then(() => {
              events.push("closed")
              return { done: true, value: undefined }
            })
          }
        })
      }
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
      const pool = yield* GreenPool.make({ size: 2 })
      let asked = 0
      let closed = 0
      const source: AsyncIterable<number> = {
        [Symbol.asyncIterator]: () => ({
          next: () => ++asked === 1 ? Promise.resolve({ done: false, value: 1 }) : new Promise(() => {}),
          return() {
            closed++
            return new Promise(() => {})
          }
        })
      }
      const results = yield* Stream.runCollect(Stream.take(pool.imap(Effect.succeed, source), 1))
      expect(results).toEqual([1])
      const reading = yield* Effect.forkChild(Stream.runDrain(pool.imap(Effect.succeed, source)))
      yield* until(() => asked === 3)
      yield* Fiber.interrupt(reading)
      expect(closed).toBe(2)
      yield* expectEmpty(pool)
    }))

  it.effect(
    "may fail to close while its next() is pending: nobody hears of it",
    () =>
      Effect.gen(function*() {
        const pool = yield* GreenPool.make({ size: 2 })
        let asked = 0
        const source: AsyncIterable<number> = {
          [Symbol.asyncIterator]: () => ({
            next: () => {
              asked++
              return new Promise(() => {})
            },
            return: () => Promise.reject(new Error("cannot close"))
          })
        }
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
      })
  )

  it.effect("is not closed after its end", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 2 })
      const source = new CountedAsyncIterable(5)
      expect(yield* Stream.runCollect(pool.imap(Effect.succeed, source))).toEqual(upTo(5))
      expect({ taken: source.taken, ends: source.ends, closed: source.closed }).toEqual({
        taken: 5,
        ends: 1,
        closed: 0
      })
    }))

  it.effect("that rejects ends the map after all results before, with a SourceError that carries the cause", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 3 })
      const boom = new Error("boom")
      const source = async function*() {
        yield 0
        yield 1
        throw boom
      }
      const results: Array<number> = []
      const error = yield* Effect.flip(
        Stream.runForEach(
          pool.imap((item) => Effect.as(Effect.yieldNow, item), source()),
          (item) => Effect.sync(() => results.push(item))
        )
      )
      expect(results).toEqual([0, 1])
      expect(error).toBeInstanceOf(SourceError)
      expect(error.cause).toBe(boom)
      expect(error.message).toBe("The async source failed: boom")
      yield* expectEmpty(pool)
    }))

  it.effect("that has rejected is not closed, as in a for loop", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 2 })
      let closed = 0
      const source: AsyncIterable<number> = {
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.reject(new Error("boom")),
          return: () => {
            closed++
            return Promise.resolve({ done: true, value: undefined })
          }
        })
      }
      const error = yield* Effect.flip(Stream.runDrain(pool.imap(Effect.succeed, source)))
      expect(error).toBeInstanceOf(SourceError)
      expect(closed).toBe(0)
    }))

  it.effect("whose next() throws fails with a SourceError too", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 1 })
      const source: AsyncIterable<number> = {
        [Symbol.asyncIterator]: () => ({
          next() {
            throw new Error("no promise")
          }
        })
      }
      const error = yield* Effect.flip(Stream.runDrain(pool.imap(Effect.succeed, source)))
      expect(error).toMatchObject({ _tag: "SourceError", cause: new Error("no promise") })
    }))

  it.effect("is pulled one at a time, within the window", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 3 })
      const jobs = new MapJobs()
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

describe("an item whose job is interrupted", () => {
  it.effect("is the last that an unordered map takes", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(4)
      const source = new CountedIterable()
      const job = (item: number) => item === 1 ? Effect.interrupt : Effect.never
      expect(Exit.hasInterrupts(yield* Effect.exit(Stream.runDrain(pool.imapUnordered(job, source))))).toBe(true)
      expect(source.taken).toBe(2)
    }))
})

describe("a map that stops", () => {
  it.effect("after a read has made it pull its source doesn't pull it any more", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const failure = yield* Deferred.make<never, string>()
      const failedAtPull: Array<number> = []
      let pulls = 0
      const next = Effect.flatMap(pool.stats, ({ failed }) => {
        failedAtPull.push(failed)
        return Effect.succeed(++pulls)
      })
      const map = pool.imap(
        (item: number) => item === 2 ? Deferred.await(failure) : Effect.succeed(item),
        Stream.fromEffectRepeat(next)
      )
      const exit = yield* Effect.exit(Stream.runForEach(map, () =>
        Effect.andThen(
          Effect.sync(() => Deferred.doneUnsafe(failure, Exit.fail("failed"))),
          atRest
        )))
      expect(exit).toEqual(Exit.fail("failed"))
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
