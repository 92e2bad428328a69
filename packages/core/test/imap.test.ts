import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { GreenPool, type Source, type Verbs } from "../src/index.ts"
import { makeStorage, runWith } from "./support/async-storage.ts"
import { countedSources } from "./support/counted-sources.ts"
import { counters, expectEmpty } from "./support/counters.ts"
import { isInterrupted } from "./support/exits.ts"
import { FiberCounter } from "./support/fiber-counter.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { readMap } from "./support/map-reading.ts"
import { Reader } from "./support/reader.ts"
import { lengthsAround, openSizes, sizes, upTo, windowOf } from "./support/sizes.ts"
import { untilEffect } from "./support/turns.ts"
import { emitted, mapOf, verbs } from "./support/verbs.ts"

describe.each(verbs.flatMap((verb) => openSizes.map((size) => ({ size, verb }))))(
  "$verb on a pool of size $size",
  ({ size, verb }) => {
    it.each(countedSources.flatMap((from) => lengthsAround(size).map((length) => ({ from, kind: from.kind, length }))))(
      "emits a result for each item, in its order, however the jobs end, for $kind of $length",
      ({ from, length }) => {
        const { jobs, pool, reader, source, world } = readMap(size, { verb, from, length })
        reader.readAll()
        while (reader.exit === undefined) {
          // Last started, first ended.
          jobs.finish(jobs.last)
          reader.readAll()
        }
        expect(reader.exit).toEqual(Exit.void)
        expect(reader.values).toEqual((verb === "imapUnordered" ? jobs.ended : upTo(length)).map(emitted(verb)))
        expect(jobs.ended).toHaveLength(length)
        expect(jobs.started).toEqual(upTo(length))
        expect(jobs.most).toBe(Math.min(size, length))
        expect({ ends: source.ends, closed: source.closed }).toEqual({ ends: 1, closed: 0 })
        world.get(expectEmpty(pool))
      }
    )

    it("takes nothing while its reader is slow: what has finished counts as in hand, and the jobs go on", () => {
      const { jobs, pool, reader, source, world } = readMap(size, { verb })
      reader.pull()
      jobs.finish(0)
      world.run()
      expect(reader.values).toEqual([emitted(verb)(0)])
      expect(jobs.started).toEqual(upTo(size + 1))
      jobs.finish(...upTo(2 * size + 4))
      world.run()
      expect(jobs.running).toEqual([])
      expect(source.taken).toBe(size + 1)
      // The window grows with the pool.
      world.get(pool.resize(size + 3))
      world.run()
      expect(source.taken).toBe(size + 4)
      reader.pull()
      expect(reader.values).toHaveLength(size + 4)
      expect(source.taken).toBe(2 * size + 7)
    })
  }
)

describe.each(openSizes)("imap on a pool of size %i", (size) => {
  it.each(countedSources)(
    "has max(1, size) items in hand at every step, never more and never fewer, of $kind",
    (from) => {
      const length = 3 * size + 2
      const { jobs, reader, source, world } = readMap(size, { from, length })
      reader.pull()
      for (let step = 0; reader.exit === undefined && step < 5 * length; step++) {
        expect(source.taken - reader.values.length).toBe(Math.min(windowOf(size), length - reader.values.length))
        expect(jobs.running.length).toBeLessThanOrEqual(size)
        // Now from the front, now from the back.
        const next = jobs.running.at(step % 3 === 0 ? 0 : -1)
        if (next === undefined || step % 2 === 0) reader.pull()
        if (next !== undefined) jobs.finish(next)
        world.run()
      }
      expect(reader.values).toEqual(upTo(length))
    }
  )

  it("goes on behind a slow head up to the window, which grows with the pool, then emits all that is ready", () => {
    const { jobs, pool, reader, source, world } = readMap(size)
    reader.pull()
    jobs.finish(...upTo(size).slice(1))
    world.run()
    expect(reader.values).toEqual([])
    expect(jobs.running).toEqual([0])
    expect(source.taken).toBe(size)
    world.get(pool.resize(size + 2))
    world.run()
    expect(jobs.running).toEqual([0, size, size + 1])
    jobs.finish(0)
    world.run()
    expect(reader.chunks).toEqual([upTo(size)])
    expect(source.taken).toBe(2 * size + 2)
  })

  it.each<{ readonly title: string; readonly sources: ReadonlyArray<Source<number>> }>([
    { title: "an empty source", sources: [[]] },
    { title: "an empty stream", sources: [Stream.empty] },
    { title: "an empty source among others", sources: [[1, 2], [], [3]] }
  ])("ends immediately for $title while the pool is full", ({ sources }) => {
    const { pool, world } = readMap(size)
    for (const _ of upTo(size)) world.fork(pool.run(Effect.never))
    const reader = new Reader(world, pool.imap(() => Effect.void, ...sources))
    reader.pull()
    expect({ exit: reader.exit, values: reader.values }).toEqual({ exit: Exit.void, values: [] })
    expect(world.get(pool.waiting)).toBe(0)
  })

  it("stops when the pool is paused and goes on when it is resized", () => {
    const { jobs, pool, reader, source, world } = readMap(size, { length: 3 * size })
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
})

describe.each(verbs.flatMap((verb) => sizes.map((size) => ({ size, verb }))))(
  "$verb of an input on a pool of size $size",
  ({ size, verb }) => {
    it("takes nothing before it is read, also when the pool is resized, and then max(1, size) items", () => {
      const { pool, reader, source, world } = readMap(size + 1, { verb })
      world.get(pool.resize(size))
      world.run()
      expect(source.taken).toBe(0)
      reader.pull()
      expect(source.taken).toBe(windowOf(size))
      expect([world.get(pool.running), world.get(pool.waiting)]).toEqual([size, size === 0 ? 1 : 0])
    })

    it("is interrupted, jobs and all, when the pool closes", () => {
      const { jobs, reader, source, world } = readMap(size, { verb })
      reader.pull()
      const { taken } = source
      world.close()
      expect(isInterrupted(reader.exit)).toBe(true)
      expect(jobs.interrupted).toEqual(upTo(size))
      expect(reader.values).toEqual([])
      reader.leave()
      expect({ taken: source.taken, closed: source.closed }).toEqual({ taken, closed: 1 })
    })

    it("ends with interruption at the next read when the pool closes while its reader is away", () => {
      const { jobs, pool, reader, source, world } = readMap(size, { verb })
      if (size === 0) world.get(pool.resize(1))
      reader.pull()
      jobs.finish(0)
      world.run()
      expect(reader.values).toHaveLength(1)
      const { taken } = source
      world.close()
      reader.pull()
      expect(isInterrupted(reader.exit)).toBe(true)
      expect(source.taken).toBe(taken)
    })
  }
)

describe("a map", () => {
  it("runs anew each time the stream is run", () => {
    const { pool, world } = readMap(2)
    const stream = pool.imap((n) => Effect.succeed(n + 1), [1, 2, 3])
    for (let run = 0; run < 2; run++) expect(world.get(Stream.runCollect(stream))).toEqual([2, 3, 4])
  })

  it("holds no slot and no place in the queue while its source is idle, and ends when the source tells the end", () => {
    const { jobs, pool, world } = readMap(1)
    const end = Deferred.makeUnsafe<void>()
    const source = Stream.concat(Stream.make(0), Stream.drain(Stream.fromEffect(Deferred.await(end))))
    const reader = new Reader(world, pool.imap(jobs.job, source))
    jobs.finish(0)
    reader.readAll()
    expect(reader.values).toEqual([0])
    expect(reader.isWaiting).toBe(true)
    expect(world.get(counters(pool))).toEqual({ free: 1, running: 0, waiting: 0, borrowed: 0 })
    world.get(pool.waitall)
    expect(world.get(pool.run(Effect.succeed("served")))).toBe("served")
    Deferred.doneUnsafe(end, Exit.void)
    world.run()
    expect(reader.exit).toEqual(Exit.void)
  })

  it.effect.each(verbs)("of items that are over already makes no fiber for them: %s", (verb) =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const counter = new FiberCounter()
      const mapped = mapOf(pool, verb)((item: number) => Effect.succeed(item), upTo(100))
      expect(yield* Fiber.join(yield* counter.fork(Stream.runCount(mapped)))).toBe(100)
      // the reader's and the worker's
      expect(counter.started).toBe(2)
    }))

  it("pulls a stream chunk by chunk, and only when the window has room for more", () => {
    const { jobs, pool, world } = readMap(2)
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
})

describe("imapUnordered", () => {
  it.each(openSizes)("is not held up by a slow head, on a pool of size %i", (size) => {
    const { jobs, reader, source, world } = readMap(size + 1, { verb: "imapUnordered" })
    reader.pull()
    for (const item of upTo(3 * size + 1).slice(1)) {
      jobs.finish(item)
      world.run()
      reader.pull()
    }
    expect(reader.values).toEqual(upTo(3 * size + 1).slice(1))
    expect(jobs.running).toContain(0)
    expect(source.taken - reader.values.length).toBe(size + 1)
  })
})

describe("as statics of a key", () => {
  class MapPool extends GreenPool.Service<MapPool>()("test/MapPool", { size: 2 }) {}

  const half = (item: number) => item % 2 === 0 ? Effect.succeed(item / 2) : Effect.fail(`${item} is odd`)

  const mapped = <I>(pool: Verbs<I>) =>
    Effect.gen(function*() {
      const items = Stream.make(0, 2, 4)
      for (
        const stream of [pool.imap(half, [0, 2, 4]), items.pipe(pool.imap(half)), items.pipe(pool.imapUnordered(half))]
      ) {
        expect(yield* Stream.runCollect(stream)).toEqual([0, 1, 2])
      }
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
  it("gets a map's freed slot before the map takes its next, and is shared by two maps item by item", () => {
    const { pool, world } = readMap(1)
    const order: Array<string> = []
    const job = (item: string) => Effect.andThen(Effect.sync(() => order.push(item)), Effect.yieldNow)
    world.fork(Stream.runDrain(pool.imap(job, ["a0", "a1", "a2"])))
    world.fork(Stream.runDrain(pool.imap(job, ["b0", "b1"])))
    world.fork(pool.run(job("run")))
    world.fork(pool.spawn(job("spawn")))
    world.run()
    expect(order).toEqual(["a0", "b0", "run", "spawn", "a1", "b1", "a2"])
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

  it.live("is seen in asynchronous storage by every job and by the source, also after waiting", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 2 })
      const storage = yield* makeStorage<string>()
      const seen: Array<string> = []
      const source = function*() {
        for (const item of upTo(5)) {
          seen.push(`${storage.getStore()} takes ${item}`)
          yield item
        }
      }
      const job = (item: number) =>
        Effect.sync(() => seen.push(`${storage.getStore()} runs ${item}`)).pipe(
          Effect.andThen(Effect.promise(() => Promise.resolve()))
        )
      const read = (tenant: string) =>
        Effect.promise(() => runWith(storage, tenant, Stream.runDrain(pool.imap(job, source()))))
      const hog = yield* Deferred.make<void>()
      const hogs = yield* Effect.forEach([1, 2], () => forkNow(pool.run(Deferred.await(hog))))
      const tenants = ["a", "b", "c"]
      const readers = yield* Effect.forkChild(Effect.all(tenants.map(read), { concurrency: "unbounded" }))
      yield* untilEffect(Effect.map(pool.waiting, (waiting) => waiting === 3))
      yield* Deferred.succeed(hog, undefined)
      yield* Fiber.join(readers)
      yield* Fiber.awaitAll(hogs)
      expect(seen.toSorted()).toEqual(
        tenants.flatMap((tenant) =>
          ["runs", "takes"].flatMap((does) => upTo(5).map((item) => `${tenant} ${does} ${item}`))
        )
      )
    }))
})
