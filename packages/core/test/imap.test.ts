import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Latch, Scope, Stream } from "effect"
import { GreenPool, type Source, type Verbs } from "../src/index.ts"
import { makeStorage, runWith } from "./support/async-storage.ts"
import { CountedIterable, countedSources } from "./support/counted-sources.ts"
import { counters, expectEmpty } from "./support/counters.ts"
import { FiberCounter } from "./support/fiber-counter.ts"
import { makePool } from "./support/makePool.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { Reader } from "./support/reader.ts"
import { lengthsAround, openSizes, sizes, upTo, windowOf } from "./support/sizes.ts"
import { turns } from "./support/turns.ts"
import { mapOf, verbs } from "./support/verbs.ts"
import { World } from "./support/world.ts"

/** A pool in a world of its own, a source, and a reader of the map that holds its jobs. */
const setUp = (size: number, length?: number) => {
  const world = new World()
  const pool = world.pool(size)
  const jobs = new MapJobs()
  const source = new CountedIterable(length)
  const stream = pool.imap(jobs.job, source)
  return { world, pool, jobs, source, stream, reader: new Reader(world, stream) }
}

/** Takes slots of the pool for as long as the test wants. */
const occupy = (world: World, pool: GreenPool, count: number) => {
  const gate = Deferred.makeUnsafe<void>()
  for (let job = 0; job < count; job++) world.fork(pool.run(Deferred.await(gate)))
  return {
    release() {
      Deferred.doneUnsafe(gate, Exit.void)
      world.run()
    }
  }
}

describe.each(openSizes)("imap on a pool of size %i", (size) => {
  for (const { kind, make } of countedSources) {
    it.each(lengthsAround(size))(
      `gives the results in the order of the items, however the jobs end, for ${kind} of %i`,
      (length) => {
        const world = new World()
        const pool = world.pool(size)
        const jobs = new MapJobs()
        const { counts, source } = make(length)
        const reader = new Reader(world, pool.imap(jobs.job, source))
        reader.readAll()
        while (reader.exit === undefined) {
          // Last started, first ended.
          jobs.finish(jobs.last)
          reader.readAll()
        }
        expect(reader.exit).toEqual(Exit.void)
        expect(reader.values).toEqual(upTo(length))
        expect(jobs.started).toEqual(upTo(length))
        expect(jobs.most).toBe(Math.min(size, length))
        expect({ ends: counts.ends, closed: counts.closed }).toEqual({ ends: 1, closed: 0 })
        world.get(expectEmpty(pool))
      }
    )

    it(`has max(1, size) items in hand at every step, never more and never fewer, of ${kind}`, () => {
      const length = 3 * size + 2
      const world = new World()
      const pool = world.pool(size)
      const jobs = new MapJobs()
      const { counts, source } = make(length)
      const reader = new Reader(world, pool.imap(jobs.job, source))
      expect(counts.taken).toBe(0)
      reader.pull()
      for (let step = 0; reader.exit === undefined && step < 5 * length; step++) {
        expect(counts.taken - reader.values.length).toBe(Math.min(windowOf(size), length - reader.values.length))
        expect(jobs.running.length).toBeLessThanOrEqual(size)
        // Now from the front, now from the back.
        const next = jobs.running.at(step % 3 === 0 ? 0 : -1)
        if (next === undefined || step % 2 === 0) reader.pull()
        if (next !== undefined) jobs.finish(next)
        world.run()
      }
      expect(reader.values).toEqual(upTo(length))
    })
  }

  it("works on at most size items at once and starts them in order", () => {
    const { jobs, pool, reader, world } = setUp(size, 3 * size)
    reader.pull()
    expect(jobs.started).toEqual(upTo(size))
    expect(world.get(pool.running)).toBe(size)
    expect(world.get(pool.waiting)).toBe(0)
    jobs.finish(...upTo(3 * size))
    reader.readAll()
    expect(jobs.most).toBe(size)
  })

  it("goes on behind a slow head up to the window, then gives all that is ready at once", () => {
    const { jobs, reader, source, world } = setUp(size)
    reader.pull()
    jobs.finish(...upTo(size).slice(1))
    world.run()
    expect(reader.values).toEqual([])
    expect(jobs.running).toEqual([0])
    expect(source.taken).toBe(size)
    jobs.finish(0)
    world.run()
    expect(reader.chunks).toEqual([upTo(size)])
    expect(source.taken).toBe(2 * size)
  })

  it("gives each result as soon as it is the next in order", () => {
    const { jobs, reader } = setUp(size)
    reader.pull()
    for (const item of upTo(2 * size)) {
      expect(reader.isWaiting).toBe(true)
      jobs.finish(item)
      reader.pull()
      expect(reader.chunks.at(-1)).toEqual([item])
      reader.pull()
    }
  })

  it("takes nothing while its reader is slow, and its jobs go on", () => {
    const { jobs, reader, source, world } = setUp(size)
    reader.pull()
    jobs.finish(0)
    world.run()
    expect(reader.values).toEqual([0])
    expect(source.taken).toBe(size + 1)
    expect(jobs.started).toEqual(upTo(size + 1))
    jobs.finish(...upTo(size + 1))
    world.run()
    expect(jobs.running).toEqual([])
    expect(source.taken).toBe(size + 1)
    reader.pull()
    expect(reader.values).toEqual(upTo(size + 1))
    expect(source.taken).toBe(2 * size + 1)
  })

  it("gives an item in hand its slot while its reader is away", () => {
    const { jobs, pool, reader, world } = setUp(size + 1)
    const held = occupy(world, pool, size)
    reader.pull()
    jobs.finish(0)
    world.run()
    expect(reader.values).toEqual([0])
    expect(reader.isWaiting).toBe(false)
    held.release()
    expect(jobs.started).toEqual(upTo(size + 2))
  })

  it("has one place in the queue of a full pool, with one item in hand", () => {
    const { jobs, pool, reader, source, world } = setUp(size)
    const held = occupy(world, pool, size)
    reader.pull()
    expect(world.get(counters(pool))).toEqual({ free: 0, running: size, waiting: 1, borrowed: 0 })
    expect(source.taken).toBe(1)
    const other = new Reader(world, pool.imap(jobs.job, [100]))
    other.pull()
    expect(world.get(pool.waiting)).toBe(2)
    expect(jobs.started).toEqual([])
    held.release()
    expect(jobs.started.slice(0, 1)).toEqual([0])
  })

  it.each<{ readonly title: string; readonly sources: ReadonlyArray<Source<number>> }>([
    { title: "an empty source", sources: [[]] },
    { title: "an empty stream", sources: [Stream.empty] },
    { title: "an empty source among others", sources: [[1, 2], [], [3]] }
  ])("ends at once for $title while the pool is full", ({ sources }) => {
    const { pool, world } = setUp(size)
    occupy(world, pool, size)
    const reader = new Reader(world, pool.imap(() => Effect.void, ...sources))
    reader.pull()
    expect(reader.exit).toEqual(Exit.void)
    expect(reader.values).toEqual([])
    expect(world.get(pool.waiting)).toBe(0)
  })

  it("ends when its source tells the end only after the last job has ended", () => {
    const { jobs, pool, world } = setUp(size)
    const end = Deferred.makeUnsafe<void>()
    const source = Stream.concat(Stream.make(0), Stream.drain(Stream.fromEffect(Deferred.await(end))))
    const reader = new Reader(world, pool.imap(jobs.job, source))
    jobs.finish(0)
    reader.readAll()
    expect(reader.values).toEqual([0])
    expect(reader.exit).toBeUndefined()
    Deferred.doneUnsafe(end, Exit.void)
    world.run()
    expect(reader.exit).toEqual(Exit.void)
  })

  it("holds no slot and no place in the queue while its source is idle", () => {
    const { pool, world } = setUp(size)
    const reader = new Reader(world, pool.imap(() => Effect.void, Stream.never))
    reader.pull()
    expect(reader.isWaiting).toBe(true)
    expect(world.get(counters(pool))).toEqual({ free: size, running: 0, waiting: 0, borrowed: 0 })
    world.get(pool.waitall)
    expect(
      world.get(Effect.all(upTo(size).map((item) => pool.run(Effect.succeed(item))), { concurrency: "unbounded" }))
    )
      .toEqual(upTo(size))
  })

  it("grows its window with the pool, also when it is stalled by its reader", () => {
    const { jobs, pool, reader, source, world } = setUp(size)
    reader.pull()
    jobs.finish(...upTo(2 * size))
    world.run()
    // All in hand is done and nobody reads.
    const { length } = reader.values
    expect(jobs.running).toEqual([])
    expect(source.taken - length).toBe(size)
    world.get(pool.resize(size + 3))
    world.run()
    expect(source.taken - length).toBe(size + 3)
    expect(world.get(pool.running)).toBe(jobs.running.length)
  })

  it("grows its window with the pool, also when a slow head stalls it", () => {
    const { jobs, pool, reader, source, world } = setUp(size)
    reader.pull()
    jobs.finish(...upTo(size).slice(1))
    world.run()
    world.get(pool.resize(size + 2))
    world.run()
    expect(source.taken).toBe(size + 2)
    expect(jobs.running).toEqual([0, size, size + 1])
  })

  it("shrinks its window with the pool: what runs goes on, and nothing is taken until there is room", () => {
    const { jobs, pool, reader, source, world } = setUp(size + 2)
    reader.pull()
    expect(source.taken).toBe(size + 2)
    world.get(pool.resize(size))
    jobs.finish(0, 1)
    reader.readAll()
    expect(reader.values).toEqual([0, 1])
    expect(source.taken).toBe(size + 2)
    expect(jobs.running.length).toBe(size)
    jobs.finish(2)
    world.run()
    expect(source.taken).toBe(size + 3)
  })

  it("stops when the pool is paused and goes on when it is resized", () => {
    const { jobs, pool, reader, source, world } = setUp(size, 3 * size)
    reader.pull()
    world.get(pool.resize(0))
    jobs.finish(...upTo(3 * size))
    reader.readAll()
    expect(reader.values).toEqual(upTo(size))
    expect(source.taken).toBe(size + 1)
    expect(world.get(pool.waiting)).toBe(1)
    world.get(pool.resize(size))
    reader.readAll()
    expect(reader.values).toEqual(upTo(3 * size))
    expect(reader.exit).toEqual(Exit.void)
  })

  it("is counted by stats: each item is a job", () => {
    const { jobs, pool, reader, world } = setUp(size, 2 * size)
    reader.pull()
    expect(world.get(pool.stats)).toMatchObject({ running: size, started: size, succeeded: 0 })
    jobs.finish(...upTo(2 * size))
    reader.readAll()
    expect(world.get(pool.stats)).toMatchObject({ running: 0, started: 2 * size, succeeded: 2 * size, borrowed: 0 })
  })

  it("holds up waitall until its jobs have ended, and not for results that nobody has read", () => {
    const { jobs, pool, reader, world } = setUp(size, 2 * size)
    reader.pull()
    const idle = world.fork(pool.waitall)
    world.run()
    expect(idle.pollUnsafe()).toBeUndefined()
    jobs.finish(...upTo(2 * size))
    world.run()
    expect(reader.values.length).toBeLessThan(2 * size)
    expect(idle.pollUnsafe()).toEqual(Exit.void)
  })
})

describe.each(sizes)("imap of an input on a pool of size %i", (size) => {
  it("takes nothing before it is read, also when the pool is resized", () => {
    const { pool, source, world } = setUp(size)
    expect(source.taken).toBe(0)
    world.get(pool.resize(size + 1))
    world.run()
    expect(source.taken).toBe(0)
  })

  it("takes max(1, size) items when it is read", () => {
    const { pool, reader, source, world } = setUp(size)
    reader.pull()
    expect(source.taken).toBe(windowOf(size))
    expect(world.get(pool.running)).toBe(size)
    expect(world.get(pool.waiting)).toBe(size === 0 ? 1 : 0)
  })

  it("ends at once when the input is empty", () => {
    const { reader } = setUp(size, 0)
    reader.pull()
    expect(reader.exit).toEqual(Exit.void)
  })

  it("runs anew each time the stream is run", () => {
    const world = new World()
    const pool = world.pool(Math.max(1, size))
    const stream = pool.imap((n) => Effect.succeed(n + 1), [1, 2, 3])
    expect(world.get(Stream.runCollect(stream))).toEqual([2, 3, 4])
    expect(world.get(Stream.runCollect(stream))).toEqual([2, 3, 4])
  })

  it("ends with interruption on a closed pool, also in an uninterruptible region", () => {
    const { jobs, pool, world } = setUp(size)
    const source = new CountedIterable()
    world.close()
    for (const verb of verbs) {
      const fiber = world.fork(Effect.uninterruptible(Stream.runDrain(mapOf(pool, verb)(jobs.job, source))))
      world.run()
      expect(Exit.hasInterrupts(fiber.pollUnsafe() ?? Exit.void)).toBe(true)
    }
    expect(source.opened).toBe(0)
  })

  it("is interrupted, jobs and all, when the pool closes", () => {
    const { jobs, reader, source, world } = setUp(size)
    reader.pull()
    const { taken } = source
    const started = [...jobs.started]
    world.close()
    expect(Exit.hasInterrupts(reader.exit ?? Exit.void)).toBe(true)
    expect(jobs.interrupted).toEqual(started)
    expect(source.taken).toBe(taken)
    reader.leave()
    expect(source.closed).toBe(1)
  })

  it("ends with interruption at the next read when the pool closes while its reader is away", () => {
    const { jobs, pool, reader, source, world } = setUp(size)
    if (size === 0) world.get(pool.resize(1))
    reader.pull()
    jobs.finish(0)
    world.run()
    expect(reader.values).toEqual([0])
    const { taken } = source
    world.close()
    reader.pull()
    expect(Exit.hasInterrupts(reader.exit ?? Exit.void)).toBe(true)
    expect(source.taken).toBe(taken)
  })
})

describe("closing the pool", () => {
  it("waits for the finalizers of a map's jobs", () => {
    const { pool, world } = setUp(2)
    const finalizing = Latch.makeUnsafe()
    const reading = world.fork(
      Stream.runDrain(pool.imap(() => Effect.onInterrupt(Effect.never, () => finalizing.await), upTo(5)))
    )
    world.run()
    const closing = world.fork(Scope.close(world.scope, Exit.void))
    world.run()
    expect(closing.pollUnsafe()).toBeUndefined()
    expect(world.get(pool.running)).toBe(2)
    finalizing.openUnsafe()
    world.run()
    expect(closing.pollUnsafe()?._tag).toBe("Success")
    expect(Exit.hasInterrupts(reading.pollUnsafe() ?? Exit.void)).toBe(true)
    world.get(expectEmpty(pool))
  })

  it("from inside one of a map's jobs ends the map and does not wait for that job", () => {
    const { pool, world } = setUp(2)
    const source = new CountedIterable()
    const closed: Array<Exit.Exit<void>> = []
    const reading = world.fork(
      Stream.runDrain(pool.imap((item) =>
        item === 1
          ? Effect.uninterruptible(
            Effect.onExit(Scope.close(world.scope, Exit.void), (exit) => Effect.sync(() => closed.push(exit)))
          )
          : Effect.never, source))
    )
    world.run()
    expect(closed.map((exit) => exit._tag)).toEqual(["Success"])
    expect(Exit.hasInterrupts(reading.pollUnsafe() ?? Exit.void)).toBe(true)
    expect({ taken: source.taken, closed: source.closed }).toEqual({ taken: 2, closed: 1 })
    world.get(expectEmpty(pool))
  })
})

describe("as statics of a key", () => {
  class MapPool extends GreenPool.Service<MapPool>()("test/MapPool", { size: 2 }) {}

  const half = (item: number) => item % 2 === 0 ? Effect.succeed(item / 2) : Effect.fail(`${item} is odd`)

  const mapped = <I>(pool: Verbs<I>) =>
    Effect.gen(function*() {
      const items = Stream.make(0, 2, 4)
      expect(yield* Stream.runCollect(pool.imap(half, [0, 2, 4]))).toEqual([0, 1, 2])
      expect(yield* Stream.runCollect(items.pipe(pool.imap(half)))).toEqual([0, 1, 2])
      expect(yield* Stream.runCollect(items.pipe(pool.imapUnordered(half)))).toEqual([0, 1, 2])
      expect(yield* Stream.runCollect(Stream.make(2, 3).pipe(pool.imapExit(half))))
        .toEqual([Exit.succeed(1), Exit.fail("3 is odd")])
      expect(yield* Stream.runCollect(pool.imap((a, b) => Effect.succeed(`${a}${b}`), ["a", "b"], items)))
        .toEqual(["a0", "b2"])
      const difference = (a: number, b: number) => Effect.succeed(a - b)
      expect(yield* Stream.runCollect(pool.starmap(difference, [[3, 1], [5, 5]]))).toEqual([2, 0])
      const pairs = Stream.map(items, (item): [number, number] => [item, 1])
      expect(yield* Stream.runCollect(pairs.pipe(pool.starmap(difference)))).toEqual([-1, 1, 3])
      expect((yield* pool.stats).started).toBe(18)
    })

  it.effect("the maps use the pool of GreenPool, data-first and data-last", () =>
    Effect.provide(mapped(GreenPool), GreenPool.layer({ size: 2 })))

  it.effect("the maps use the pool of their own key, data-first and data-last", () =>
    Effect.provide(mapped(MapPool), MapPool.layer))
})

describe("the queue", () => {
  it("gets a map's freed slot before the map takes its next", () => {
    const { jobs, pool, reader, world } = setUp(1)
    const order: Array<string> = []
    reader.pull()
    world.fork(pool.run(Effect.sync(() => order.push("run"))))
    world.fork(pool.spawn(Effect.sync(() => order.push("spawn"))))
    expect(world.get(pool.waiting)).toBe(2)
    jobs.finish(0)
    reader.pull()
    expect(order).toEqual(["run", "spawn"])
    expect(jobs.started).toEqual([0, 1])
  })

  it("is shared by two maps item by item", () => {
    const { pool, world } = setUp(1)
    const order: Array<string> = []
    const job = (item: string) => Effect.andThen(Effect.sync(() => order.push(item)), Effect.yieldNow)
    world.fork(Stream.runDrain(pool.imap(job, ["a0", "a1", "a2"])))
    world.fork(Stream.runDrain(pool.imap(job, ["b0", "b1", "b2"])))
    world.run()
    expect(order).toEqual(["a0", "b0", "a1", "b1", "a2", "b2"])
  })

  it("is not held up by a map whose source is idle", () => {
    const { jobs, pool, world } = setUp(1)
    const more = Deferred.makeUnsafe<number>()
    const reader = new Reader(world, pool.imap(jobs.job, Stream.fromEffect(Deferred.await(more))))
    reader.pull()
    expect(world.get(pool.run(Effect.succeed("served")))).toBe("served")
    Deferred.doneUnsafe(more, Exit.succeed(7))
    world.run()
    expect(jobs.started).toEqual([7])
  })

  it("is left by a map whose reader leaves while an item waits for its slot", () => {
    const { pool, reader, source, world } = setUp(1)
    const held = occupy(world, pool, 1)
    reader.pull()
    expect(world.get(pool.waiting)).toBe(1)
    reader.leave()
    expect(world.get(pool.waiting)).toBe(0)
    expect(source.closed).toBe(1)
    held.release()
    world.get(expectEmpty(pool))
  })
})

describe("a stream source", () => {
  it("is pulled chunk by chunk, and only when the window has room for more", () => {
    const { jobs, pool, world } = setUp(2)
    let chunks = 0
    const source = Stream.unfold(0, (from) =>
      Effect.sync(() => {
        chunks++
        return [[from, from + 1, from + 2], from + 3] as const
      })).pipe(Stream.flatMap(Stream.fromIterable))
    const reader = new Reader(world, pool.imap(jobs.job, source))
    reader.pull()
    expect({ started: jobs.started, chunks }).toEqual({ started: [0, 1], chunks: 1 })
    jobs.finish(0)
    world.run()
    expect({ started: jobs.started, chunks }).toEqual({ started: [0, 1, 2], chunks: 1 })
    jobs.finish(1)
    reader.pull()
    expect({ started: jobs.started, chunks }).toEqual({ started: [0, 1, 2, 3], chunks: 2 })
  })

  it("gives its items to the window as they come, however large its chunk is", () => {
    const { jobs, pool, world } = setUp(3)
    const reader = new Reader(world, pool.imap(jobs.job, Stream.fromIterable(upTo(100))))
    reader.pull()
    expect(jobs.started).toEqual([0, 1, 2])
    jobs.finish(...upTo(100))
    reader.readAll()
    expect(reader.values).toEqual(upTo(100))
    expect(jobs.most).toBe(3)
  })
})

describe("the context of the reader", () => {
  class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}

  it.effect("is that of every job, also of those that start after waiting", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 1 })
      const seen: Array<string> = []
      const job = () =>
        Effect.tap(Tenant, (tenant) => Effect.andThen(Effect.yieldNow, Effect.sync(() => seen.push(tenant))))
      const read = (tenant: string) => Effect.provideService(Stream.runDrain(pool.imap(job, [1, 2, 3])), Tenant, tenant)
      yield* Effect.all([read("a"), read("b")], { concurrency: "unbounded" })
      expect(seen).toEqual(["a", "b", "a", "b", "a", "b"])
    }))

  it.live(
    "is seen in asynchronous storage by every job, also by those that start after waiting",
    () =>
      Effect.gen(function*() {
        const pool = yield* GreenPool.make({ size: 2 })
        const storage = yield* makeStorage<string>()
        const seen: Array<string> = []
        const job = (item: number) =>
          Effect.sync(() => {
            seen.push(`${storage.getStore()} ${item}`)
          }).pipe(Effect.andThen(Effect.promise(() => Promise.resolve())))
        const read = (tenant: string) =>
          Effect.promise(() => runWith(storage, tenant, Stream.runDrain(pool.imap(job, [0, 1, 2, 3, 4]))))
        const hog = yield* Deferred.make<void>()
        const hogs = yield* Effect.forEach([1, 2], () =>
          Effect.forkChild(pool.run(Deferred.await(hog)), {
            startImmediately: true
          }))
        const readers = yield* Effect.forkChild(Effect.all(["a", "b", "c"].map(read), { concurrency: "unbounded" }))
        while ((yield* pool.waiting) < 3) yield* turns(1)
        yield* Deferred.succeed(hog, undefined)
        yield* Fiber.join(readers)
        yield* Fiber.awaitAll(hogs)
        expect(seen.toSorted()).toEqual(["a", "b", "c"].flatMap((tenant) => upTo(5).map((item) => `${tenant} ${item}`)))
      })
  )

  it.live(
    "is seen in asynchronous storage by a source that is read after waiting",
    () =>
      Effect.gen(function*() {
        const pool = yield* GreenPool.make({ size: 1 })
        const storage = yield* makeStorage<string>()
        const seen: Array<unknown> = []
        const source = function*() {
          for (let item = 0; item < 4; item++) {
            seen.push(storage.getStore())
            yield item
          }
        }
        const other = Stream.runDrain(pool.imap(() => Effect.yieldNow, upTo(10)))
        const read = Effect.promise(() =>
          runWith(storage, "reader", Stream.runDrain(pool.imap(() => Effect.yieldNow, source())))
        )
        yield* Effect.all([other, read], { concurrency: "unbounded" })
        expect(seen).toEqual(["reader", "reader", "reader", "reader"])
      })
  )
})

it("waitall in a job of a map is a defect", () => {
  const { pool, world } = setUp(2)
  const reader = new Reader(world, pool.imap(() => pool.waitall, [1]))
  reader.readAll()
  expect(Exit.hasDies(reader.exit ?? Exit.void)).toBe(true)
})

describe("a map of items that are over already", () => {
  it.effect.each(verbs)("makes no fiber for them: %s", (verb) =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const counter = new FiberCounter()
      const mapped = mapOf(pool, verb)((item: number) => Effect.succeed(item), Array.from({ length: 100 }, (_, i) => i))
      expect(yield* Fiber.join(yield* counter.fork(Stream.runCount(mapped)))).toBe(100)
      // the reader's and the worker's
      expect(counter.started).toBe(2)
    }))
})
