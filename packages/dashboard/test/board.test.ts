import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Shown } from "../src/index.ts"
import { Board } from "../src/internal/board.ts"
import type * as Wire from "../src/internal/wire.ts"
import { test } from "./support/serve.ts"

const hello: Wire.Hello = { process: "p", page: "v", access: "view", unlock: false, title: "T" }

/** A board that runs on the clock of the test, and shows a pool. */
const boardOf = Effect.fnUntraced(function*(pool: Shown, keys = false) {
  const settings = { keys, history: 300, interval: 250, maxViewers: 100 }
  const board = new Board(settings, yield* Effect.context<never>())
  yield* board.show(pool)
  yield* Effect.forkScoped(board.run)
  return board
})

const make = Effect.flatMap(GreenPool.make({ size: 1 }), (pool) => boardOf(pool))

const parse = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes).replace(/^data: /, ""))

describe("the board", () => {
  test("ends the streams of a server that listens no more, and every stream after 10 minutes", function*() {
    const board = yield* make
    let isListening = true
    const closing = yield* Effect.forkChild(Stream.runDrain(board.feed(hello, () => isListening)))
    const other = yield* Effect.forkChild(Stream.runDrain(board.feed(hello, () => true)))
    yield* TestClock.adjust("1 second")
    isListening = false
    yield* TestClock.adjust("300 millis")
    yield* Fiber.join(closing)
    yield* TestClock.adjust("9 minutes")
    assert.isUndefined(other.pollUnsafe())
    assert.strictEqual(board.watching, 1)
    yield* TestClock.adjust("61 seconds")
    yield* Fiber.join(other)
    assert.strictEqual(board.watching, 0)
  })

  test("keeps a bounded number of frames for a page that reads slowly, of which the last is right", function*() {
    const pool = yield* GreenPool.make({ size: 1 })
    const board = yield* boardOf(pool)
    const slow = board.feed(hello, () => true).pipe(
      Stream.rechunk(1),
      Stream.mapEffect((bytes) => Effect.delay(Effect.succeed(parse(bytes)), "1 minute")),
      Stream.take(10),
      Stream.runCollect
    )
    const reading = yield* Effect.forkChild(slow)
    for (let second = 1; second <= 59; second++) {
      yield* pool.resize(second)
      yield* TestClock.adjust("1 second")
    }
    yield* TestClock.adjust("12 minutes")
    const frames = yield* Fiber.join(reading)
    assert.deepStrictEqual(frames[0], hello)
    // It had room for eight: those before them are gone.
    assert.isAbove(frames.find(({ sample }) => sample !== undefined)?.sample, 40)
    assert.strictEqual(frames.at(-1).figures[0][1], 59)
  })

  test("reads a pool once a second while nobody watches, and encodes nothing", function*() {
    let reads = 0
    const pool = yield* GreenPool.make()
    const stats = Effect.suspend(() => (reads++, pool.stats))
    const board = yield* boardOf({ stats, changes: Stream.die("nobody reads"), keys: Effect.die("nobody asks") }, true)
    yield* TestClock.adjust(0)
    const before = reads
    yield* TestClock.adjust("60 seconds")
    assert.strictEqual(reads - before, 60)
    assert.deepStrictEqual([board["lastFrame"], board["encodedHistory"]], [0, undefined])
  })

  test("goes on without a pool that doesn't answer", function*() {
    const pool = yield* GreenPool.make()
    let asked = 0
    const board = yield* boardOf({ ...pool, stats: Effect.suspend(() => asked++ === 0 ? pool.stats : Effect.never) })
    yield* TestClock.adjust("3 seconds")
    assert.isAtLeast(board["sampleCount"], 3)
  })

  test("keeps the history that it is told to", function*() {
    const board = yield* make
    yield* TestClock.adjust("400 seconds")
    const bytes = new Uint8Array(yield* board.history)
    const text = yield* Effect.promise(() =>
      new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text()
    )
    const { figures, times } = JSON.parse(text) as Wire.History
    assert.deepStrictEqual([times.length, figures["1"]![0]!.length], [300, 300])
  })
})
