/**
 * The options of maps, and the keys that a pool tells of.
 */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Latch, Stream } from "effect"
import { TestClock } from "effect/testing"
import { GreenPool, type MapOptions } from "../src/index.ts"
import { CountedIterable } from "./support/counted-sources.ts"
import { expectEmpty, expectWorking } from "./support/counters.ts"
import { defectOf } from "./support/exits.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { upTo } from "./support/sizes.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"

describe.each(["imap", "imapUnordered", "imapExit", "imapExitUnordered"] as const)("%s", (verb) => {
  const mapOf = (pool: GreenPool) => pool[verb] as GreenPool["imap"]

  it.effect.each([{ concurrency: 2 }, { concurrency: 2, window: 20 }])(
    "runs at most `concurrency` jobs of the map, and leaves the other slots alone: %j",
    (options) =>
      Effect.gen(function*() {
        const pool = yield* makePool(5)
        let now = 0
        let most = 0
        const job = Effect.acquireUseRelease(
          Effect.sync(() => most = Math.max(most, ++now)),
          () => Effect.yieldNow,
          () => Effect.sync(() => now--)
        )
        const read = yield* Stream.runCollect(mapOf(pool)(() => job, new CountedIterable(50), options))
        expect([read.length, most]).toEqual([50, 2])
        yield* expectEmpty(pool)
      })
  )

  // Where more may be in flight than run, one waits for its slot.
  it.effect.each<[MapOptions["window"], before: number, after: number]>([
    [undefined, 2, 4],
    [1, 1, 1],
    [7, 3, 5],
    [(size) => size * 3, 3, 5]
  ])(
    "has at most `window` items in flight, at the size of the moment: %o",
    ([window, before, after]) =>
      Effect.gen(function*() {
        const pool = yield* makePool(2)
        const source = new CountedIterable()
        const reader = yield* forkNow(Stream.runDrain(mapOf(pool)(() => Effect.never, source, { window })))
        yield* atRest
        expect(source.taken).toBe(before)
        yield* pool.resize(4)
        yield* atRest
        expect(source.taken).toBe(after)
        yield* Fiber.interrupt(reader)
        yield* expectEmpty(pool)
      })
  )

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
      const defect = defectOf(yield* Effect.exit(Stream.runDrain(mapOf(pool)(() => Effect.void, source, options))))
      expect(defect).toBeInstanceOf(RangeError)
      expect((defect as RangeError).message).toContain(Object.keys(options)[0])
      yield* expectWorking(pool)
    }))
})

describe("an ordered map behind a slow item", () => {
  it.effect("goes on up to its window, and emits in order", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const gate = yield* Latch.make()
      let ended = 0
      const job = (item: number) => Effect.as(item === 0 ? gate.await : Effect.sync(() => ended++), item)
      const reader = yield* forkNow(Stream.runCollect(pool.imap(job, new CountedIterable(30), { window: 10 })))
      yield* atRest
      expect(ended).toBe(9)
      yield* gate.open
      expect(yield* Fiber.join(reader)).toEqual(upTo(30))
    }))

  it.effect("keeps its slots at work with uneven jobs, as its window allows", () =>
    Effect.gen(function*() {
      // Exponential, of mean 0.6 s, with one of 8 s in the middle.
      const lengths = upTo(120).map(
        (item) => item === 60 ? 8000 : Math.round(-600 * Math.log(1 - (item * 0.618_034) % 1))
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
      const stage = new Stage()
      yield* pool.spawn(stage.gate("holder").await)
      yield* forkNow(pool.run(stage.around("plain", Effect.void)))
      const map = (name: string, options: MapOptions) =>
        forkNow(Stream.runDrain(pool.imap((item) => stage.around(`${name} ${item}`, Effect.void), [1, 2], options)))
      yield* map("high", { priority: 1 })
      yield* map("keyed", { key: "a" })
      expect((yield* pool.keys).map(({ key, running, waiting }) => [key, running, waiting])).toEqual([
        [undefined, 0, 2],
        ["a", 0, 1]
      ])
      yield* stage.finish("holder")
      yield* pool.waitall
      expect(stage.started.filter((name) => name.startsWith("keyed"))).toEqual(["keyed 1", "keyed 2"])
      expect(stage.started.indexOf("high 1")).toBeLessThan(stage.started.indexOf("plain"))
      expect(yield* pool.keys).toEqual([])
    }))
})

describe("keys", () => {
  it.effect("are those with a job in the queue or running, with their weights", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 2, weight: (key) => key === "gold" ? 3 : 1 })
      expect(yield* pool.keys).toEqual([])
      const stage = new Stage()
      for (const [name, key] of [["a", "gold"], ["b", undefined], ["c", "gold"], ["d", "iron"]] as const) {
        yield* forkNow(pool.run(stage.job(name), { key }))
      }
      expect((yield* pool.keys).map(({ key, running, waiting, weight }) => ({ key, running, waiting, weight })))
        .toEqual([
          { key: "gold", running: 1, waiting: 1, weight: 3 },
          { key: undefined, running: 1, waiting: 0, weight: 1 },
          { key: "iron", running: 0, waiting: 1, weight: 1 }
        ])
      yield* stage.finishAll
      yield* pool.waitall
      expect(yield* pool.keys).toEqual([])
    }))
})
