/**
 * The options of maps, and the keys that a pool tells of.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Deferred, Effect, Exit, Fiber, Latch, Stream } from "effect"
import { TestClock } from "effect/testing"
import { GreenPool, type MapOptions } from "../src/index.ts"
import { CountedIterable } from "./support/counted-sources.ts"
import { expectEmpty, expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { atRest } from "./support/turns.ts"

const maps = ["imap", "imapUnordered", "imapExit", "imapExitUnordered"] as const

describe.each(maps)("%s", (verb) => {
  const mapOf = (pool: GreenPool) => pool[verb] as GreenPool["imap"]

  it.effect("runs at most `concurrency` jobs of the map, and leaves the other slots alone", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(5)
      let now = 0
      let most = 0
      const job = Effect.acquireUseRelease(
        Effect.sync(() => most = Math.max(most, ++now)),
        () => Effect.yieldNow,
        () => Effect.sync(() => now--)
      )
      for (const options of [{ concurrency: 2 }, { concurrency: 2, window: 20 }]) {
        most = 0
        const read = yield* Stream.runCollect(mapOf(pool)(() => job, new CountedIterable(50), options))
        expect(read).toHaveLength(50)
        expect(most).toBe(2)
      }
      yield* expectEmpty(pool)
    }))

  it.effect("has at most `window` items in flight, at the size of the moment", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const gate = yield* Latch.make()
      const windows: ReadonlyArray<[MapOptions["window"], number, number]> = [
        [undefined, 2, 4],
        [1, 1, 1],
        [7, 3, 5],
        [(size) => size * 3, 3, 5]
      ]
      for (const [window, before, after] of windows) {
        // Where more may be in flight than run, one waits for its slot.
        const source = new CountedIterable()
        yield* pool.resize(2)
        const reader = yield* forkNow(Stream.runDrain(mapOf(pool)(() => gate.await, source, { window })))
        yield* atRest
        expect(source.taken).toBe(before)
        yield* pool.resize(4)
        yield* atRest
        expect(source.taken).toBe(after)
        yield* Fiber.interrupt(reader)
      }
      yield* expectEmpty(pool)
    }))

  it.effect.each<MapOptions>([
    { concurrency: 0 },
    { concurrency: 1.5 },
    { concurrency: NaN },
    { window: 0 },
    { window: -1 },
    { window: Infinity },
    { window: () => 0.5 },
    {
      window: () => {
        throw new RangeError("window of the user's")
      }
    },
    { priority: NaN }
  ])("takes no other options: a defect that names them: %j", (options) =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const source = new CountedIterable()
      const exit = yield* Effect.exit(Stream.runDrain(mapOf(pool)(() => Effect.void, source, options)))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      expect(defect).toBeInstanceOf(RangeError)
      expect((defect as RangeError).message).toContain(Object.keys(options)[0])
      yield* expectWorking(pool)
    }))
})

describe("an ordered map behind a slow item", () => {
  it.effect("goes on up to its window, and emits in order", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const gate = yield* Deferred.make<void>()
      let ended = 0
      const job = (item: number) => Effect.as(item === 0 ? Deferred.await(gate) : Effect.sync(() => ended++), item)
      const reader = yield* forkNow(Stream.runCollect(pool.imap(job, new CountedIterable(30), { window: 10 })))
      yield* atRest
      expect(ended).toBe(9)
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(reader)).toEqual(Array.from({ length: 30 }, (_, item) => item))
    }))

  it.effect("keeps its slots at work with uneven jobs, as its window allows", () =>
    Effect.gen(function*() {
      // Exponential, of mean 0.6 s, with one of 8 s in the middle.
      const lengths = Array.from(
        { length: 120 },
        (_, item) => item === 60 ? 8000 : Math.round(-600 * Math.log(1 - (item * 0.618_034) % 1))
      )
      const total = lengths.reduce((sum, length) => sum + length, 0)
      const busy = (window: number | undefined) =>
        Effect.gen(function*() {
          const pool = yield* makePool(8)
          const start = yield* Clock.currentTimeMillis
          const reading = yield* forkNow(
            Stream.runDrain(pool.imap((length: number) => Effect.sleep(length), lengths, { window }))
          )
          while (reading.pollUnsafe() === undefined) yield* TestClock.adjust(10)
          return total / (8 * ((yield* Clock.currentTimeMillis) - start))
        })
      expect(yield* busy(64)).toBeGreaterThan(0.8)
      expect(yield* busy(undefined)).toBeLessThan(0.6)
    }))
})

describe("the place of a map in the queue", () => {
  it.effect("has the map's key and priority", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const gate = yield* Deferred.make<void>()
      const order: Array<string> = []
      const note = (name: string) => Effect.sync(() => order.push(name))
      yield* pool.spawn(Deferred.await(gate))
      yield* forkNow(pool.run(note("plain")))
      yield* forkNow(Stream.runDrain(pool.imap((item: number) => note(`high ${item}`), [1, 2], { priority: 1 })))
      yield* forkNow(Stream.runDrain(pool.imap((item: number) => note(`keyed ${item}`), [1, 2], { key: "a" })))
      expect((yield* pool.keys).map(({ key, running, waiting }) => [key, running, waiting])).toEqual([
        [undefined, 0, 2],
        ["a", 0, 1]
      ])
      yield* Deferred.succeed(gate, undefined)
      yield* pool.waitall
      expect(order.filter((name) => name.startsWith("keyed"))).toEqual(["keyed 1", "keyed 2"])
      expect(order.indexOf("high 1")).toBeLessThan(order.indexOf("plain"))
      expect(yield* pool.keys).toEqual([])
    }))
})

describe("keys", () => {
  it.effect("are those with a job in the queue or running, with their weights", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 2, weight: (key) => key === "gold" ? 3 : 1 })
      expect(yield* pool.keys).toEqual([])
      const gates = yield* Effect.forEach([1, 2, 3, 4], () => Deferred.make<void>())
      const ask = (index: number, key?: string) => forkNow(pool.run(Deferred.await(gates[index]!), { key }))
      yield* ask(0, "gold")
      yield* ask(1)
      yield* ask(2, "gold")
      yield* ask(3, "iron")
      const present = Effect.map(pool.keys, (keys) =>
        keys.map(({ key, running, waiting, weight }) => ({ key, running, waiting, weight })))
      expect(yield* present).toEqual([
        { key: "gold", running: 1, waiting: 1, weight: 3 },
        { key: undefined, running: 1, waiting: 0, weight: 1 },
        { key: "iron", running: 0, waiting: 1, weight: 1 }
      ])
      for (const gate of gates) {
        yield* Deferred.succeed(gate, undefined)
      }
      yield* pool.waitall
      expect(yield* pool.keys).toEqual([])
    }))
})
