/**
 * Whether a map tells its adaptive pool that it would use more slots: only while its window is full of items that run.
 */
import { Effect, Stream } from "effect"
import { expect, it } from "vitest"
import { toInternal } from "../src/GreenPool.ts"
import type { MapOptions, Source } from "../src/index.ts"
import { upTo, World } from "./support/index.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { Reader } from "./support/reader.ts"

/** A map over the source, not read yet, on an adaptive pool of two slots. */
const openMap = (source: Source<number>, options?: MapOptions) => {
  const world = new World()
  const pool = world.pool(2, { adaptive: true })
  const jobs = new MapJobs()
  const reader = new Reader(world, pool.imap(jobs.job, source, options))
  const finish = (item: number) => {
    jobs.finish(item)
    world.run()
  }
  return { world, pool, jobs, finish, reader }
}

type Map = ReturnType<typeof openMap>

const many = upTo(10)

const pull = ({ reader }: Map) => reader.pull()

const finishSecond = ({ finish, reader }: Map) => {
  reader.pull()
  finish(1)
}

/** The first result is read, and another waits for the reader. */
const awaitReader = ({ finish, reader }: Map) => {
  reader.pull()
  finish(0)
  finish(1)
  expect(reader.values).toEqual([0])
}

const grows = (size: number) => size

it.each<[string, stalled: 0 | 1, (map: Map) => void, Source<number>?, MapOptions?]>([
  ["not before it is read", 0, () => {}],
  ["while its window is full of items that run", 1, pull],
  ["while it waits for the first of them, although others have ended", 1, finishSecond],
  ["not while it waits for its reader", 0, awaitReader],
  ["again when its reader has come", 1, (map) => {
    awaitReader(map)
    map.reader.pull()
  }],
  ["not once it is left, although its jobs go on", 0, ({ pool, world }) => {
    const reader = new Reader(world, pool.imap(() => Effect.uninterruptible(Effect.never), many))
    reader.pull()
    expect(toInternal(pool).ledger.adaptation?.stalled).toBe(1)
    reader.leave()
  }],
  ["not once a job has failed", 0, ({ jobs, reader, world }) => {
    reader.pull()
    jobs.fail(1)
    world.run()
  }],
  ["not while its source isn't open", 0, pull, Stream.unwrap(Effect.never)],
  ["not while an item waits for its slot", 0, ({ pool, reader, world }) => {
    world.fork(pool.run(Effect.never))
    reader.pull()
    expect(world.get(pool.waiting)).toBe(1)
  }],
  ["not while it is bounded by a window that is a number", 0, pull, many, { window: 2 }],
  ["not while it is bounded by its concurrency", 0, pull, many, { concurrency: 2 }],
  ["not while it is bounded by its concurrency in a window that grows", 0, pull, many, {
    concurrency: 2,
    window: grows
  }],
  [
    "where a job has ended within its concurrency, whose result keeps a window full that grows",
    1,
    finishSecond,
    many,
    { concurrency: 2, window: grows }
  ],
  ["not while its source has nothing ready", 0, pull, Stream.concat(Stream.make(0), Stream.never)],
  ["not after its source has ended", 0, pull, [0]],
  ["not after its pool has closed", 0, ({ reader, world }) => {
    reader.pull()
    world.close()
  }]
])("a map is counted as one that would use more slots %s", (_, stalled, act, source = many, options = undefined) => {
  const map = openMap(source, options)
  act(map)
  expect(toInternal(map.pool).ledger.adaptation?.stalled).toBe(stalled)
})
