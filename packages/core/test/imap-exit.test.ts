import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Stream } from "effect"
import { expectEmpty } from "./support/counters.ts"
import { readMap } from "./support/map-reading.ts"
import { Reader } from "./support/reader.ts"
import { lengthsAround, openSizes, upTo } from "./support/sizes.ts"

/** What comes of an item where every third one fails. */
const exitOf = (item: number): Exit.Exit<number, string> =>
  item % 3 === 1 ? Exit.fail(`failed ${item}`) : Exit.succeed(item)

describe.each(openSizes)("imapExit on a pool of size %i", (size) => {
  it.each(lengthsAround(size))(
    "emits the exits in the order of the items, and goes on after failing ones, for an input of %i",
    (length) => {
      const { jobs, pool, reader, source, world } = readMap(size, { verb: "imapExit", length })
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

  it("emits defects and interruptions from inside, and ends with the failure of its source", () => {
    const { pool, world } = readMap(size)
    const job = (item: number) => item === 0 ? Effect.die("bug") : item === 1 ? Effect.interrupt : Effect.succeed(item)
    const source = Stream.concat(Stream.fromIterable(upTo(3)), Stream.fail("source"))
    const reader = new Reader(world, pool.imapExit(job, source))
    reader.readAll()
    const [first, second, third] = reader.values
    expect([reader.values.length, first, third]).toEqual([3, Exit.die("bug"), Exit.succeed(2)])
    expect(second !== undefined && Exit.isFailure(second) && Cause.hasInterruptsOnly(second.cause)).toBe(true)
    expect(reader.exit).toEqual(Exit.fail("source"))
    world.get(expectEmpty(pool))
  })
})
