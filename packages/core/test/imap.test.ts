import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import type { Source } from "../src/index.ts"
import { countedSources } from "./support/counted-sources.ts"
import { emitted, expectEmpty, lengthsAround, openSizes, sizes, upTo, verbs, windowOf } from "./support/index.ts"
import { readMap } from "./support/map-reading.ts"
import { Reader } from "./support/reader.ts"

const cases = verbs.flatMap((verb) => openSizes.map((size) => ({ size, verb })))

describe.each(cases)("$verb on a pool of size $size", ({ size, verb }) => {
  it.each(countedSources.flatMap((from) => lengthsAround(size).map((length) => ({ from, kind: from.kind, length }))))(
    "emits a result for each item, in its order, and has size items in hand at every step, for $kind of $length",
    ({ from, length }) => {
      const { jobs, pool, reader, source, world } = readMap(size, { verb, from, length })
      reader.pull()
      for (let step = 0; reader.exit === undefined && step < 5 * length; step++) {
        expect(source.taken - reader.values.length).toBe(Math.min(size, length - reader.values.length))
        // Now from the front, now from the back.
        const next = jobs.running.at(step % 3 === 0 ? 0 : -1)
        if (next === undefined || step % 2 === 0) reader.pull()
        if (next !== undefined) jobs.finish(next)
        world.run()
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
})

it.each(openSizes)("imap on a pool of size %i that is full ends immediately if one of its sources is empty", (size) => {
  const { pool, world } = readMap(size)
  for (const _ of upTo(size)) world.fork(pool.run(Effect.never))
  const cases: ReadonlyArray<ReadonlyArray<Source<number>>> = [[[]], [Stream.empty], [[1, 2], [], [3]]]
  for (const sources of cases) {
    const reader = new Reader(world, pool.imap(() => Effect.void, ...sources))
    reader.pull()
    expect({ exit: reader.exit, values: reader.values }).toEqual({ exit: Exit.void, values: [] })
    expect(world.get(pool.waiting)).toBe(0)
  }
})

it.each(verbs.flatMap((verb) => sizes.map((size) => ({ size, verb }))))(
  "$verb takes nothing before it is read, also when the pool is resized to $size, and then max(1, size) items",
  ({ size, verb }) => {
    const { pool, reader, source, world } = readMap(size + 1, { verb })
    world.get(pool.resize(size))
    world.run()
    expect(source.taken).toBe(0)
    reader.pull()
    expect(source.taken).toBe(windowOf(size))
    expect([world.get(pool.running), world.get(pool.waiting)]).toEqual([size, size === 0 ? 1 : 0])
  }
)
