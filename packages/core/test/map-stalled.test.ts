/**
 * Whether a map tells its adaptive pool that it would use more slots: only while its window is full of items that run.
 */
import { Effect, Exit, Stream } from "effect"
import { describe, expect, it } from "vitest"
import { type GreenPool, toInternal } from "../src/GreenPool.ts"
import type { MapOptions } from "../src/MapOptions.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { Reader } from "./support/reader.ts"
import { World } from "./support/world.ts"

/** A map over the source, not read yet, on an adaptive pool of two slots. */
const openMap = (source: Iterable<number> | Stream.Stream<number>, options?: MapOptions) => {
  const world = new World()
  const pool: GreenPool = world.pool(2, { adaptive: true })
  const jobs = new MapJobs()
  const reader = new Reader(world, pool.imap(jobs.job, source, options))
  const stalled = () => toInternal(pool).ledger.adaptation?.stalled
  return { world, pool, jobs, reader, stalled }
}

const many = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

describe("a map is counted as one that would use more slots", () => {
  it("while it is read and its window is full of items that run", () => {
    const { jobs, reader, stalled, world } = openMap(many)
    expect(stalled()).toBe(0)
    reader.pull()
    expect(stalled()).toBe(1)
    jobs.finish(1)
    world.run()
    expect(stalled()).toBe(1)
    reader.leave()
    expect(stalled()).toBe(0)
  })

  it("not while it waits for its reader, and again when that has come", () => {
    const { jobs, reader, stalled, world } = openMap(many)
    reader.pull()
    jobs.finish(0)
    world.run()
    expect(reader.values).toEqual([0])
    jobs.finish(1)
    world.run()
    expect(stalled()).toBe(0)
    reader.pull()
    expect(stalled()).toBe(1)
  })

  it("not once it is left, although its jobs go on", () => {
    const world = new World()
    const pool = world.pool(2, { adaptive: true })
    const reader = new Reader(world, pool.imap(() => Effect.uninterruptible(Effect.never), many))
    reader.pull()
    expect(toInternal(pool).ledger.adaptation?.stalled).toBe(1)
    reader.leave()
    expect(toInternal(pool).ledger.adaptation?.stalled).toBe(0)
  })

  it("not once a job has failed", () => {
    const { jobs, reader, stalled, world } = openMap(many)
    reader.pull()
    jobs.fail(1)
    world.run()
    expect(stalled()).toBe(0)
  })

  it("not while its source isn't open", () => {
    const { reader, stalled } = openMap(Stream.unwrap(Effect.never))
    reader.pull()
    expect(stalled()).toBe(0)
  })

  it("not while an item waits for its slot", () => {
    const { pool, reader, stalled, world } = openMap(many)
    world.fork(pool.run(Effect.never))
    reader.pull()
    expect(world.get(pool.waiting)).toBe(1)
    expect(stalled()).toBe(0)
  })

  const bounded: ReadonlyArray<readonly [string, Iterable<number> | Stream.Stream<number>, MapOptions]> = [
    ["by a window that is a number", many, { window: 2 }],
    ["by its concurrency", many, { concurrency: 2 }],
    ["by its concurrency within a window that grows", many, { concurrency: 2, window: (size) => size }],
    ["by a source that has nothing ready", Stream.concat(Stream.make(0), Stream.never), {}],
    ["by a source that has ended", [0], {}]
  ]

  it.each(bounded)("not while it is bounded %s", (_, source, options) => {
    const { reader, stalled } = openMap(source, options)
    reader.pull()
    expect(stalled()).toBe(0)
  })

  it("where a job has ended within its concurrency, whose result keeps a window full that grows with the pool", () => {
    const { jobs, reader, stalled, world } = openMap(many, { concurrency: 2, window: (size) => size })
    reader.pull()
    jobs.finish(1)
    world.run()
    expect(stalled()).toBe(1)
  })

  it("not after its pool has closed", () => {
    const { reader, stalled, world } = openMap(many)
    reader.pull()
    world.close()
    expect(stalled()).toBe(0)
    expect(Exit.hasInterrupts(reader.exit ?? Exit.void)).toBe(true)
  })
})
