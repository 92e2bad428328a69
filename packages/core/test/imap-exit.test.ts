import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Stream } from "effect"
import { CountedIterable } from "./support/counted-sources.ts"
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
  return { world, pool, jobs, source, reader: new Reader(world, pool.imapExit(jobs.job, source)) }
}

/** What comes of an item where every third one fails. */
const exitOf = (item: number): Exit.Exit<number, string> =>
  item % 3 === 1 ? Exit.fail(`failed ${item}`) : Exit.succeed(item)

describe.each(openSizes)("imapExit on a pool of size %i", (size) => {
  it.each(lengthsAround(size))(
    "gives the exits in the order of the items, and goes on after failing ones, for an input of %i",
    (length) => {
      const { jobs, pool, reader, source, world } = setUp(size, length)
      reader.readAll()
      while (reader.exit === undefined) {
        const last = jobs.last
        if (last % 3 === 1) jobs.fail(last)
        else jobs.finish(last)
        reader.readAll()
      }
      expect(reader.exit).toEqual(Exit.void)
      expect(reader.values).toEqual(upTo(length).map(exitOf))
      expect(jobs.started).toEqual(upTo(length))
      expect(jobs.interrupted).toEqual([])
      expect({ ends: source.ends, closed: source.closed }).toEqual({ ends: 1, closed: 0 })
      world.get(expectEmpty(pool))
    }
  )

  it("keeps failed items in hand until they are emitted", () => {
    const { jobs, reader, source, world } = setUp(size + 1)
    reader.pull()
    for (const item of upTo(size + 1).slice(1)) jobs.fail(item)
    world.run()
    expect(source.taken).toBe(size + 1)
    jobs.fail(0)
    world.run()
    expect(reader.chunks).toEqual([upTo(size + 1).map((item) => Exit.fail(`failed ${item}`))])
    expect(source.taken).toBe(2 * size + 2)
  })

  it("gives the exit of a defect, and of an item that is interrupted from inside, and goes on", () => {
    const world = new World()
    const pool = world.pool(size)
    const boom = new Error("boom")
    const reader = new Reader(
      world,
      pool.imapExit(
        (item) => item === 0 ? Effect.die(boom) : item === 1 ? Effect.interrupt : Effect.succeed(item),
        upTo(3)
      )
    )
    reader.readAll()
    expect(reader.exit).toEqual(Exit.void)
    expect(reader.values.length).toBe(3)
    const [first, second, third] = reader.values
    expect(first).toEqual(Exit.die(boom))
    expect(second !== undefined && Exit.isFailure(second) && Cause.hasInterruptsOnly(second.cause)).toBe(true)
    expect(third).toEqual(Exit.succeed(2))
  })

  it("ends with the failure of its source, after the exits of all items before", () => {
    const world = new World()
    const pool = world.pool(size)
    const source = Stream.concat(Stream.fromIterable(upTo(4)), Stream.fail("source"))
    const reader = new Reader(world, pool.imapExit((item) => exitOf(item), source))
    reader.readAll()
    expect(reader.values).toEqual(upTo(4).map(exitOf))
    expect(reader.exit).toEqual(Exit.fail("source"))
    world.get(expectEmpty(pool))
  })

  it("interrupts what is in flight and closes the source when it is left early", () => {
    const world = new World()
    const pool = world.pool(size)
    const jobs = new MapJobs()
    const source = new CountedIterable()
    const fiber = world.fork(Stream.runCollect(Stream.take(pool.imapExit(jobs.job, source), 1)))
    world.run()
    jobs.fail(0)
    world.run()
    expect(fiber.pollUnsafe()).toEqual(Exit.succeed([Exit.fail("failed 0")]))
    expect(jobs.running).toEqual([])
    expect(source.closed).toBe(1)
    world.get(expectEmpty(pool))
  })

  it("ends with interruption when the pool closes", () => {
    const { reader, world } = setUp(size)
    reader.pull()
    world.close()
    expect(reader.values).toEqual([])
    expect(Exit.hasInterrupts(reader.exit ?? Exit.void)).toBe(true)
  })
})

describe.each(sizes)("imapExit of an input on a pool of size %i", (size) => {
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
