/**
 * The options of maps, and the keys that a pool tells of.
 */
import { describe, expect } from "@effect/vitest"
import { Effect, Fiber, Formatter, Stream } from "effect"
import { GreenPool, type MapOptions } from "../src/index.ts"
import { CountedIterable } from "./support/counted-sources.ts"
import { atRest, defectOf, expectEmpty, expectWorking, forkNow, makePool, Stage, testEffect } from "./support/index.ts"
import { upTo } from "./support/sizes.ts"

describe.each(["imap", "imapUnordered", "imapExit", "imapExitUnordered"] as const)("%s", (verb) => {
  const mapOf = (pool: GreenPool) => pool[verb] as GreenPool["imap"]

  testEffect.each([{ concurrency: 2 }, { concurrency: 2, window: 20 }])(
    "runs at most `concurrency` jobs, and leaves other slots alone: %j",
    function*(options) {
      const pool = yield* makePool(5)
      let most = 0
      const note = Effect.map(pool.running, (running) => most = Math.max(most, running))
      const job = () => Effect.andThen(Effect.yieldNow, note)
      expect(yield* Stream.runCount(mapOf(pool)(job, upTo(50), options))).toBe(50)
      expect(most).toBe(2)
    }
  )

  // Where more may be in flight than run, one waits for its slot.
  testEffect.each<[MapOptions["window"], before: number, after: number]>([
    [undefined, 2, 4],
    [1, 1, 1],
    [7, 3, 5],
    [(size) => size * 3, 3, 5]
  ])("has at most `window` items in flight, at the size of the moment: %o", function*([window, before, after]) {
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

  const throwing = () => {
    throw new RangeError("window of the user's")
  }

  testEffect.each<MapOptions>([
    ...[0, 1.5, NaN].map((concurrency) => ({ concurrency })),
    ...[0, -1, Infinity, () => 0.5, throwing].map((window) => ({ window })),
    { concurrency: "2" as unknown as number },
    ...[NaN, "high" as unknown as number].map((priority) => ({ priority }))
  ])("takes no other options: a defect that names them: %j", function*(options) {
    const pool = yield* makePool(1)
    const source = new CountedIterable()
    const defect = defectOf(yield* Effect.exit(Stream.runDrain(mapOf(pool)(() => Effect.void, source, options))))
    expect(defect).toBeInstanceOf(RangeError)
    const [[name, value] = []] = Object.entries(options)
    const what = typeof value === "function" ? name : `${name} ${Formatter.format(value)}`
    expect((defect as RangeError).message).toContain(what)
    yield* expectWorking(pool)
  })
})

testEffect(
  "the results that wait for a slow item are no more than `concurrency`, where that is all that is given",
  function*() {
    const pool = yield* makePool(5)
    const source = new CountedIterable()
    const job = (item: number) => item === 0 ? Effect.never : Effect.void
    yield* forkNow(Stream.runDrain(pool.imap(job, source, { concurrency: 2 })))
    yield* atRest
    expect(source.taken).toBe(2)
  }
)

/** The keys of a pool, with their weights, and how many jobs of each run and wait. */
const keysOf = (pool: GreenPool) =>
  Effect.map(pool.keys, (keys) => keys.map(({ key, running, waiting, weight }) => [key, weight, running, waiting]))

testEffect("the place of a map in the queue has the map's key and priority", function*() {
  const pool = yield* makePool(1)
  const stage = new Stage()
  yield* pool.spawn(stage.gate("holder").await)
  yield* forkNow(pool.run(stage.around("plain", Effect.void)))
  const map = (name: string, options: MapOptions) =>
    forkNow(Stream.runDrain(pool.imap((item) => stage.around(`${name} ${item}`, Effect.void), [1, 2], options)))
  yield* map("high", { priority: 1 })
  yield* map("keyed", { key: "a" })
  expect(yield* keysOf(pool)).toEqual([[undefined, 1, 0, 2], ["a", 1, 0, 1]])
  yield* stage.finish("holder")
  yield* pool.waitall
  expect(stage.started.filter((name) => name.startsWith("keyed"))).toEqual(["keyed 1", "keyed 2"])
  expect(stage.started.indexOf("high 1")).toBeLessThan(stage.started.indexOf("plain"))
})

testEffect("the keys of a pool are those with a job in the queue or running, with their weights", function*() {
  const pool = yield* GreenPool.make({ size: 2, weight: (key) => key === "gold" ? 3 : 1 })
  expect(yield* keysOf(pool)).toEqual([])
  const stage = new Stage()
  for (const [name, key] of [["a", "gold"], ["b", undefined], ["c", "gold"], ["d", "iron"]] as const) {
    yield* forkNow(pool.run(stage.job(name), { key }))
  }
  expect(yield* keysOf(pool)).toEqual([["gold", 3, 1, 1], [undefined, 1, 1, 0], ["iron", 1, 0, 1]])
  yield* stage.finishAll
  yield* pool.waitall
  expect(yield* keysOf(pool)).toEqual([])
})
