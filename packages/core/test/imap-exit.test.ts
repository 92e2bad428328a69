import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { CountedIterable } from "./support/counted-sources.ts"
import { expectEmpty, openSizes, turns, upTo } from "./support/index.ts"
import { readMap } from "./support/map-reading.ts"
import { Reader } from "./support/reader.ts"

describe.each(openSizes)("imapExit on a pool of size %i", (size) => {
  it("emits failures, defects and interruptions in the order of the items, also what its function throws, and goes on", () => {
    const { pool, world } = readMap(size)
    const exits = [Exit.succeed("done"), Exit.fail("failed"), Exit.die("bug"), Exit.interrupt(1)]
    const job = (item: number) => {
      if (item % 8 === 2) throw "bug"
      return Effect.andThen(turns(1 + item % 3), exits[item % 4]!)
    }
    const source = new CountedIterable(8 * size)
    const reader = new Reader(world, pool.imapExit(job, source))
    reader.readAll()
    expect(reader.values).toEqual(upTo(8 * size).map((item) => exits[item % 4]))
    expect(reader.exit).toEqual(Exit.void)
    expect({ ends: source.ends, closed: source.closed }).toEqual({ ends: 1, closed: 0 })
    world.get(expectEmpty(pool))
  })
})
