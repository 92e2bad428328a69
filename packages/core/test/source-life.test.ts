/**
 * The life of a map's source: the fiber it is pulled in, and what comes of the failure of its close.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Fiber, Queue, Stream } from "effect"
import type { Source } from "../src/index.ts"
import { expectEmpty, isInterrupted, makePool, testEffect, testLive, turns, upTo, World } from "./support/index.ts"

const closing = (what: string) => Stream.make(2, 3).pipe(Stream.ensuring(Effect.die(what)))
const next = () => ({ done: false, value: 2 })
const end = () => {
  throw "close"
}
const iterable = { [Symbol.iterator]: () => ({ next, return: end }) }
const asyncIterable = { [Symbol.asyncIterator]: () => ({ next: async () => next(), return: async () => end() }) }

testLive.each<[string, ReadonlyArray<Source<number>>, ReadonlyArray<string>]>([
  ["a stream", [closing("close")], ["close"]],
  ["an iterable", [iterable], ["close"]],
  ["an async iterable", [asyncIterable], ["close"]],
  ["several that are zipped", [closing("close a"), closing("close b")], ["close b", "close a"]]
])("a failure is kept, and comes first, where the close of %s fails as well", function*([, sources, closed]) {
  const pool = yield* makePool(1)
  const cause = yield* Effect.flip(Effect.sandbox(Stream.runDrain(pool.imap(() => Effect.fail("job"), ...sources))))
  const failures = cause.reasons.map((reason) => Cause.squash(Cause.fromReasons([reason])))
  expect(failures).toEqual(["job", ...closed])
})

describe("all pulls of a source run in one fiber, which lives as long as the map", () => {
  testEffect("so that what the source forks goes on between pulls and ends with the map", function*() {
    const pool = yield* makePool(2)
    let ended = 0
    const source = Stream.unwrap(Effect.gen(function*() {
      const queue = yield* Queue.bounded<number>(1)
      const feed = Effect.forEach(upTo(9), (item) => Effect.andThen(Queue.offer(queue, item), turns(3)))
      yield* Effect.forkChild(Effect.ensuring(feed, Effect.sync(() => ended++)))
      return Stream.take(Stream.fromQueue(queue), 5)
    }))
    expect(yield* Stream.runCollect(pool.imap(Effect.succeed, source))).toEqual(upTo(5))
    expect(ended).toBe(1)
  })

  testLive("of an async iterable, too", function*() {
    const pool = yield* makePool(2)
    const fibers = new Set<unknown>()
    let item = 0
    const next = () => {
      fibers.add(Fiber.getCurrent())
      return Promise.resolve({ done: ++item > 20, value: item })
    }
    const source = { [Symbol.asyncIterator]: () => ({ next }) }
    const read = yield* Stream.runCollect(pool.imap((item) => Effect.as(Effect.yieldNow, item), source))
    expect([read.length, fibers.size]).toEqual([20, 1])
  })

  testLive("a map over a map over a map … is bounded by memory, not by the stack", function*() {
    const pool = yield* makePool(2)
    let stream: Stream.Stream<number> = Stream.make(1, 2, 3)
    for (let i = 0; i < 5000; i++) stream = pool.imap((item: number) => Effect.sync(() => item + 1), stream)
    expect(yield* Stream.runCollect(stream)).toEqual([5001, 5002, 5003])
    expect(yield* Stream.runCollect(Stream.take(stream, 1))).toEqual([5001])
    yield* expectEmpty(pool)
  })
})

describe("the fiber that fills the window", () => {
  const interrupt = () => Fiber.getCurrent()?.interruptUnsafe()

  it.each<[string, Source<void>, () => Effect.Effect<void>]>([
    ["`f`, after a wait", [undefined], () => {
      interrupt()
      return Effect.yieldNow
    }],
    ["the source", Stream.fromEffectRepeat(Effect.sync(interrupt)), () => Effect.never]
  ])("ends the map with interruption when it is interrupted by %s", (_, source, job) => {
    const world = new World()
    const pool = world.pool(1)
    const holder = world.fork(pool.run(Effect.never))
    const reader = world.fork(Stream.runDrain(pool.imap(job, source)))
    holder.interruptUnsafe()
    world.run()
    expect(isInterrupted(reader.pollUnsafe())).toBe(true)
    world.get(expectEmpty(pool))
  })

  const jobs = [Effect.succeed, (n: number) => Effect.sync(() => n), (n: number) => Effect.as(Effect.void, n)]

  testLive.each([1, 100, 20_000].flatMap((size) => jobs.map((job) => [size, job] as const)))(
    "lets others have their turn while jobs end in their first step, at size %i",
    function*([size, job]) {
      const pool = yield* makePool(size)
      let over = false
      let done = 0
      let seen = 0
      let longest = 0
      const look = (): void => {
        longest = Math.max(longest, done - seen)
        seen = done
        if (!over) setImmediate(look)
      }
      look()
      const count = (item: number) => {
        done++
        return job(item)
      }
      yield* Stream.runDrain(pool.imapUnordered(count, upTo(20_000)))
      over = true
      look()
      expect(longest).toBeLessThanOrEqual(4 * 2048)
    }
  )
})
