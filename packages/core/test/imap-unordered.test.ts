import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Latch, Stream } from "effect"
import { CountedIterable, countedSources } from "./support/counted-sources.ts"
import { expectEmpty } from "./support/counters.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { Reader } from "./support/reader.ts"
import { lengthsAround, openSizes, sizes, upTo, windowOf } from "./support/sizes.ts"
import { World } from "./support/world.ts"

const setUp = (size: number, length?: number) => {
  const world = new World()
  const pool = world.pool(size)
  const jobs = new MapJobs()
  const source = new CountedIterable(length)
  return { world, pool, jobs, source, reader: new Reader(world, pool.imapUnordered(jobs.job, source)) }
}

describe.each(openSizes)("imapUnordered on a pool of size %i", (size) => {
  for (const { kind, make } of countedSources) {
    it.each(lengthsAround(size))(`gives the results as they finish, for ${kind} of %i`, (length) => {
      const world = new World()
      const pool = world.pool(size)
      const jobs = new MapJobs()
      const { counts, source } = make(length)
      const reader = new Reader(world, pool.imapUnordered(jobs.job, source))
      reader.readAll()
      while (reader.exit === undefined) {
        const last = jobs.last
        jobs.finish(last)
        reader.readAll()
        expect(reader.values.at(-1)).toBe(last)
      }
      expect(reader.values).toEqual(jobs.ended)
      expect(reader.values.toSorted((a, b) => a - b)).toEqual(upTo(length))
      expect({ ends: counts.ends, closed: counts.closed }).toEqual({ ends: 1, closed: 0 })
      world.get(expectEmpty(pool))
    })
  }

  it("is not held up by a slow head", () => {
    const { jobs, reader, source, world } = setUp(size + 1)
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

  it("gives several at a time when several are ready", () => {
    const { jobs, reader, world } = setUp(size)
    reader.pull()
    jobs.finish(0)
    world.run()
    jobs.finish(...upTo(size + 1).toReversed())
    world.run()
    reader.pull()
    expect(reader.chunks).toEqual([[0], upTo(size + 1).slice(1).toReversed()])
  })

  it("takes nothing while its reader is slow: what has finished counts as in hand", () => {
    const { jobs, pool, reader, source, world } = setUp(size)
    jobs.finish(...upTo(4 * size))
    reader.pull()
    const { length } = reader.values
    expect(jobs.running).toEqual([])
    expect(source.taken - length).toBe(size)
    world.get(pool.resize(size + 2))
    world.run()
    expect(source.taken - length).toBe(size + 2)
  })

  it("ends with the first failure to happen, after all that had finished, and drops what finishes later", () => {
    const { jobs, pool, reader, source, world } = setUp(size + 2)
    reader.pull()
    jobs.finish(size)
    jobs.fail(size + 1)
    jobs.fail(0)
    reader.readAll()
    expect(reader.values).toEqual([size])
    expect(reader.exit).toEqual(Exit.fail(`failed ${size + 1}`))
    expect(jobs.interrupted).toEqual(upTo(size).slice(1))
    // Nothing is taken for the slot that the failed item has left.
    expect(source.taken).toBe(size + 2)
    expect(source.closed).toBe(1)
    world.get(expectEmpty(pool))
  })

  it("ends after the finalizers of what is in flight when it fails", () => {
    const world = new World()
    const pool = world.pool(size + 1)
    const finalizing = Latch.makeUnsafe()
    const reader = new Reader(
      world,
      pool.imapUnordered(
        (item) => item === size ? Effect.fail("failed") : Effect.onInterrupt(Effect.never, () => finalizing.await),
        upTo(3 * size)
      )
    )
    reader.pull()
    expect(reader.exit).toBeUndefined()
    expect(world.get(pool.running)).toBe(size)
    finalizing.openUnsafe()
    world.run()
    expect(reader.exit).toEqual(Exit.fail("failed"))
  })

  it.each(countedSources)(
    "closes $kind when it is left early, after what is in flight has ended",
    ({ make }) => {
      const world = new World()
      const pool = world.pool(size)
      const jobs = new MapJobs()
      const { counts, source } = make()
      const fiber = world.fork(Stream.runCollect(Stream.take(pool.imapUnordered(jobs.job, source), 1)))
      world.run()
      jobs.finish(size - 1)
      world.run()
      expect(fiber.pollUnsafe()).toEqual(Exit.succeed([size - 1]))
      expect(jobs.running).toEqual([])
      expect(counts.closed).toBe(1)
      world.get(expectEmpty(pool))
    }
  )
})

describe.each(sizes)("imapUnordered of an input on a pool of size %i", (size) => {
  it("takes max(1, size) items when it is read, and ends when the input is empty", () => {
    const { reader, source } = setUp(size)
    expect(source.taken).toBe(0)
    reader.pull()
    expect(source.taken).toBe(windowOf(size))
    const empty = setUp(size, 0)
    empty.reader.pull()
    expect(empty.reader.exit).toEqual(Exit.void)
  })
})
