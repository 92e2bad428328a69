import { assert, describe } from "@effect/vitest"
import { AdaptiveStats, InvalidPoolSize, type KeyStats, PoolStats } from "@greenpool/core"
import { type Cause, Clock, Effect, Exit, Fiber, Queue, Result, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Shown } from "../src/index.ts"
import { Board, type Settings } from "../src/internal/board.ts"
import { gunzip } from "../src/internal/bytes.ts"
import { Link, type Linked } from "../src/internal/link.ts"
import { statsOf } from "../src/internal/stats.ts"
import * as Wire from "../src/internal/wire.ts"
import { test } from "./support/serve.ts"

const hello: Wire.Hello = { process: "p", page: "v", access: "view", unlock: false, title: "T" }

/** A board that shows these. */
const boardOf = Effect.fnUntraced(function*(pools: ReadonlyArray<Shown<unknown>>, settings: Partial<Settings> = {}) {
  const all = { keys: false, history: 300, interval: 250, maxViewers: 100, ...settings }
  const board = new Board(all, yield* Effect.context<never>())
  for (const pool of pools) yield* board.show(pool)
  return board
})

/** One that runs on the clock of the test. */
const running = Effect.fnUntraced(function*(...args: Parameters<typeof boardOf>) {
  const board = yield* boardOf(...args)
  yield* Effect.forkScoped(board.run)
  return board
})

const parse = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes).replace(/^data: /, ""))

/** What a page gets that reads everything at once; the last is "end" when the stream has ended. */
const watch = Effect.fnUntraced(function*(board: Board, isListening = () => true) {
  const events: Array<any> = []
  const read = Stream.runForEach(
    board.feed(hello, isListening),
    (bytes) => Effect.sync(() => events.push(parse(bytes)))
  )
  yield* Effect.forkScoped(Effect.andThen(read, Effect.sync(() => events.push("end"))))
  yield* TestClock.adjust(0)
  return events
})

const historyOf = (board: Board): Effect.Effect<Wire.History> =>
  Effect.map(Effect.flatMap(board.history, gunzip), parse)

/** A pool of which the test says all: its size is what was set last. */
const told = Effect.fnUntraced(function*(name: string, size: number, more: Partial<Shown> = {}) {
  const changes = yield* Queue.make<ReturnType<typeof statsOf>, Cause.Done>()
  let stats = statsOf(name, [size])
  return {
    stats: Effect.sync(() => stats),
    changes: Stream.fromQueue(changes),
    ...more,
    /** Sets the size, and tells it unless told otherwise. */
    set: (size: number, isTold = true) => {
      stats = statsOf(name, [size])
      if (isTold) Queue.offerUnsafe(changes, stats)
    },
    close: () => Queue.endUnsafe(changes)
  }
})

/** What a frame has of a pool that was never used. */
const row = (id: number, size: number, resume = size) => [id, size, 0, 0, 0, 0, 0, 0, 0, 0, resume]

describe("the board", () => {
  test("sends what has changed after an interval, and all there is each second", function*() {
    const keys = Array.from({ length: 22 }, (_, i) => ({ key: `k${i}`, weight: 2, running: i % 2, waiting: i }))
    const all: ReadonlyArray<KeyStats> = [...keys, { key: undefined, weight: 1, running: 5, waiting: 50 }]
    const found = { phase: "steady", elasticity: 0.12345, goodput: 1234.5, latency: 0.98765, cuts: 1 } as const
    const a = yield* told("a", 3, {
      stats: Effect.succeed(statsOf("a", [3], new AdaptiveStats(found))),
      keys: Effect.succeed(all),
      resize: () => Effect.void
    })
    const b = yield* told("b", 0, { keys: Effect.succeed([]) })
    const c = yield* told("c", 1, { keys: Effect.succeed(keys.slice(0, 1)) })
    const board = yield* running([a, b, c], { keys: true })
    const events = yield* watch(board)
    for (const [at, pool] of [[1100, b], [1300, c], [1775, b], [2776, c]] as const) {
      yield* TestClock.setTime(at)
      pool.set(at)
    }
    yield* TestClock.setTime(4999)
    const pools = [{ id: 1, name: "a", steer: true }, { id: 2, name: "b" }, { id: 3, name: "c" }]
    const busiest = [
      [null, 1, 5, 50],
      ...[21, 19, 20, 17, 18, 15, 16, 13, 14, 11, 12, 9, 10, 7, 8, 5, 6, 3, 4]
        .map((i) => [`k${i}`, 2, i % 2, i])
    ]
    const more = {
      keys: {
        1: { count: 23, weight: 45, running: 16, busiest },
        3: { count: 1, weight: 2, running: 0, busiest: [["k0", 2, 0, 0]] }
      },
      adaptive: { 1: { ...found, elasticity: 0.123, goodput: 1230, latency: 0.988 } }
    }
    const sample = (sample: number, b: number, c: number) => ({
      time: 1000 * sample - 1000,
      sample,
      list: 3,
      figures: [row(1, 3), row(2, b), row(3, c)],
      ...more
    })
    assert.deepStrictEqual(events, [
      hello,
      { time: 250, list: 3, pools, figures: [row(1, 3), row(2, 0), row(3, 1)] },
      sample(2, 0, 1),
      { time: 1250, list: 3, figures: [row(2, 1100)] },
      { time: 1500, list: 3, figures: [row(3, 1300)] },
      { time: 1775, list: 3, figures: [row(2, 1775)] },
      sample(3, 1775, 1300),
      // What comes so late goes with the sample.
      sample(4, 1775, 2776),
      sample(5, 1775, 2776)
    ])
  })

  test("sends figures in the order of their names", function*() {
    const present = { size: 11, running: 2, waiting: 3, borrowed: 4 }
    const ends = { started: 35, succeeded: 6, failed: 7, interrupted: 8, rejected: 9 }
    const times = { wait50: 12, wait95: 13, wait99: 14, run50: 15, run95: 16, run99: 17 }
    const stats = new PoolStats({ name: "a", free: 9, ...present, ...ends })
    const linked: Shown & Linked = {
      ...yield* told("a", 11, { stats: Effect.succeed(stats) }),
      [Link]: { problem: undefined, times: Object.values(times) }
    }
    const events = yield* watch(yield* running([linked]))
    yield* TestClock.adjust("1 second")
    const [, ...figures] = events.at(-1).figures[0]
    const named = Object.fromEntries(figures.map((figure: number, i: number) => [Wire.fields[i], figure]))
    assert.deepStrictEqual(named, { ...present, ...ends, resume: 11, ...times })
  })

  test("names pools apart, and shows those that can't be read, each until its scope closes", function*() {
    const x = yield* told("x", 1)
    const board = yield* running([x, x])
    const events = yield* watch(board)
    yield* TestClock.adjust("1 second")
    const scope = yield* Scope.make()
    for (const reason of [new Error("down"), new Error(""), "text"]) {
      yield* Scope.provide(board.show({ stats: Effect.fail(reason), changes: Stream.never }), scope)
    }
    let isRead = false
    const reading = Effect.acquireRelease(Effect.sync(() => isRead = true), () => Effect.sync(() => isRead = false))
    yield* Scope.provide(board.show({ ...x, changes: Stream.unwrap(Effect.as(reading, Stream.never)) }), scope)
    yield* TestClock.adjust("250 millis")
    assert.isTrue(isRead)
    yield* Scope.close(scope, Exit.void)
    assert.isFalse(isRead)
    yield* TestClock.adjust("250 millis")
    const pools = [{ id: 1, name: "x" }, { id: 2, name: "x (2)" }]
    assert.deepStrictEqual(events.slice(3), [
      {
        time: 1250,
        list: 9,
        pools: [
          ...pools,
          { id: 3, name: "Unknown pool", ended: "down" },
          { id: 4, name: "Unknown pool (2)", ended: "Error" },
          { id: 5, name: "Unknown pool (3)", ended: "\"text\"" },
          { id: 6, name: "x (3)" }
        ],
        figures: [row(3, 0), row(4, 0), row(5, 0), row(6, 1)]
      },
      { time: 1500, list: 13, pools, figures: [] }
    ])
  })

  test("gives a further pool of a name the first number that is free", function*() {
    const x = yield* told("x", 1)
    const board = yield* boardOf([])
    const scope = yield* Scope.make()
    yield* Scope.provide(board.show(x), scope)
    yield* board.show(x)
    yield* Scope.close(scope, Exit.void)
    yield* board.show(x)
    assert.deepStrictEqual((yield* historyOf(board)).pools.map(({ name }) => name), ["x (2)", "x"])
  })

  test("shows a pool that has ended with the reason, and asks it nothing more", function*() {
    let reads = 0
    const closing = yield* told("closing", 1)
    const broken = yield* told("broken", 1, { changes: Stream.die(new Error("torn")), resize: () => Effect.void })
    const found = { phase: "steady", elasticity: 1, goodput: 1, latency: 1, cuts: 0 } as const
    const failing = yield* told("failing", 1, {
      stats: Effect.suspend(() =>
        reads++ === 3
          ? Effect.die(new Error("gone"))
          : Effect.succeed(statsOf("failing", [reads], new AdaptiveStats(found)))
      ),
      keys: Effect.succeed([{ key: "k", weight: 1, running: 1, waiting: 0 }])
    })
    const board = yield* running([closing, broken, failing], { keys: true })
    const events = yield* watch(board)
    yield* TestClock.adjust("1100 millis")
    closing.close()
    yield* TestClock.adjust("2 seconds")
    assert.strictEqual(reads, 4)
    const listed = (closing: object, failing: object) => [
      { id: 1, name: "closing", ...closing },
      { id: 2, name: "broken", ended: "torn" },
      { id: 3, name: "failing", ...failing }
    ]
    const figures = [row(1, 1), row(2, 1), row(3, 3)]
    const keys = { 3: { count: 1, weight: 1, running: 1, busiest: [["k", 1, 1, 0]] } }
    assert.deepStrictEqual(events.slice(1), [
      { time: 250, list: 4, pools: listed({}, {}), figures: [row(1, 1), row(2, 1), row(3, 2)] },
      { time: 1000, sample: 2, list: 4, figures, keys, adaptive: { 3: found } },
      { time: 1250, list: 5, pools: listed({ ended: "" }, {}), figures: [] },
      { time: 2000, sample: 3, list: 6, pools: listed({ ended: "" }, { ended: "gone" }), figures },
      { time: 3000, sample: 4, list: 6, figures }
    ])
    // Its past goes on, and out of sight as that of others does.
    const history = yield* historyOf(board)
    assert.deepStrictEqual(Object.values(history.figures).map(([column]) => column!.length), [4, 4, 4])
  })

  test("shows what is between it and a pool of another process, as long as that is so", function*() {
    const state: { problem: string | undefined; times: Wire.Figures | undefined } = {
      problem: "lost",
      times: undefined
    }
    const linked: Shown & Linked = { ...yield* told("far", 2), resize: () => Effect.void, [Link]: state }
    const board = yield* boardOf([linked])
    assert.deepInclude(yield* historyOf(board), {
      list: 1,
      pools: [{ id: 1, name: "far", ended: "lost" }],
      figures: { 1: [] }
    })
    yield* Effect.forkScoped(board.run)
    const events = yield* watch(board)
    yield* TestClock.adjust("1 second")
    const lists: Array<unknown> = []
    for (
      const [problem, times] of [[undefined, [1, 2, 3, 4, 5, 6]], [undefined, undefined], ["lost", undefined]] as const
    ) {
      Object.assign(state, { problem, times })
      yield* TestClock.adjust("1 second")
      const { figures, list, pools } = events.at(-1)
      lists.push([list, pools?.[0], figures[0].slice(11)])
    }
    assert.deepStrictEqual(lists, [
      [2, { id: 1, name: "far", steer: true, times: true }, [1, 2, 3, 4, 5, 6]],
      [2, undefined, []],
      [3, { id: 1, name: "far", ended: "lost", times: true }, []]
    ])
    const { figures } = yield* historyOf(board)
    assert.deepStrictEqual(figures[1]!.slice(9, 12), [[2, 0, 0, 0, 0], [-1, 0, 2, -2, 0], [-1, 0, 3, -3, 0]])
  })

  test("carries commands out, or says why not", function*() {
    let [breaks, isBroken] = [false, false]
    const pool = yield* told("s", 0)
    const board = yield* running([{
      ...pool,
      stats: Effect.suspend(() => isBroken ? Effect.die(new Error("broken")) : pool.stats),
      resize: (size) => {
        if (size === 13) return Effect.die(new Error("unlucky"))
        return Effect.sync(() => {
          pool.set(size, false)
          isBroken = breaks
        })
      }
    }])
    const events = yield* watch(board)
    yield* TestClock.adjust("1 second")
    const steer = (command: Wire.Command["command"], size?: unknown) =>
      Effect.map(board.steer({ pool: "s", command, size }), Result.merge)
    assert.deepStrictEqual(yield* steer("resize", 7), { from: 0, size: 7 })
    assert.deepStrictEqual(yield* steer("resize", 13), { status: 500, error: "unlucky" })
    const { message } = new InvalidPoolSize({ value: "\"abc\"" })
    assert.deepStrictEqual(yield* steer("resize", "abc"), { status: 422, error: message })
    // The program resizes it, too.
    pool.set(1, false)
    assert.deepStrictEqual(yield* steer("pause"), { from: 1, size: 0 })
    assert.deepStrictEqual(yield* steer("resume"), { from: 0, size: 1 })
    assert.deepStrictEqual(yield* steer("resize", 9), { from: 1, size: 9 })
    yield* TestClock.adjust("250 millis")
    assert.deepStrictEqual(events.at(-1), { time: 1250, list: 1, figures: [row(1, 9)] })
    breaks = true
    assert.deepStrictEqual(yield* steer("resize", 8), { from: 9, size: 8 })
    assert.deepStrictEqual(yield* steer("resize", 7), { status: 500, error: "broken" })
    yield* TestClock.adjust("1 second")
    isBroken = false
    assert.deepStrictEqual(yield* steer("resize", 6), { status: 409, error: "The pool has closed." })
  })

  test("refuses a page too many, and reads changes again for the next one", function*() {
    const pool = yield* told("a", 1)
    const board = yield* running([pool], { maxViewers: 1 })
    const scope = yield* Scope.make()
    yield* Scope.provide(watch(board), scope)
    assert.deepStrictEqual(yield* watch(board), ["end"])
    yield* Scope.close(scope, Exit.void)
    yield* TestClock.adjust("1 second")
    const events = yield* watch(board)
    pool.set(2)
    yield* TestClock.adjust("500 millis")
    assert.deepStrictEqual(events.at(-1).figures, [row(1, 2)])
  })

  test("ends the streams of a server that listens no more, and every stream after 10 minutes", function*() {
    const board = yield* running([])
    yield* TestClock.adjust("1 second")
    let asked = 0
    const closing = yield* watch(board, () => ++asked < 6)
    const other = yield* watch(board)
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual([asked, closing], [5, [hello, { time: 2000, sample: 3, list: 0, figures: [] }]])
    yield* TestClock.adjust("200 millis")
    assert.deepStrictEqual([closing.at(-1), board.watching], ["end", 1])
    yield* TestClock.setTime(600_999)
    assert.strictEqual(board.watching, 1)
    yield* TestClock.setTime(601_000)
    assert.deepStrictEqual([other.at(-1), board.watching], ["end", 0])
  })

  test("keeps a bounded number of frames for a page that reads slowly, of which the last is right", function*() {
    const pool = yield* told("a", 1)
    const board = yield* running([pool])
    const slow = board.feed(hello, () => true).pipe(
      Stream.rechunk(1),
      Stream.mapEffect((bytes) => Effect.delay(Effect.succeed(parse(bytes)), 59_500)),
      Stream.take(9),
      Stream.runCollect
    )
    const reading = yield* Effect.forkChild(slow)
    yield* TestClock.adjust("58 seconds")
    pool.set(2)
    yield* TestClock.adjust("10 minutes")
    const [first, ...frames] = yield* Fiber.join(reading)
    assert.deepStrictEqual(first, hello)
    // It had room for eight: those before them are gone.
    const times = frames.map(({ time }) => time)
    assert.deepStrictEqual(times, [53_000, 54_000, 55_000, 56_000, 57_000, 58_000, 58_250, 59_000])
    assert.deepStrictEqual(frames.at(-1).figures, [row(1, 2)])
  })

  test("reads a pool once a second while nobody watches, and encodes nothing", function*() {
    let reads = 0
    const stats = Effect.sync(() => (reads++, statsOf("a", [])))
    const board = yield* running([{ stats, changes: Stream.die("nobody reads"), keys: Effect.die("nobody asks") }], {
      keys: true
    })
    yield* TestClock.adjust(0)
    const before = reads
    yield* TestClock.adjust("60 seconds")
    assert.strictEqual(reads - before, 60)
    assert.deepStrictEqual([board["lastFrame"], board["encodedHistory"]], [0, undefined])
  })

  test("goes on without a pool that doesn't answer, after half a second", function*() {
    let asked = 0
    const pool = yield* told("silent", 4)
    const stats = Effect.suspend(() => asked++ === 0 ? pool.stats : Effect.never)
    const board = yield* running([{ ...pool, stats }])
    yield* TestClock.adjust("3 seconds")
    const { figures, times } = yield* historyOf(board)
    assert.deepStrictEqual([times, figures[1]![0]], [[500, 1000, 1000], [4, 0, 0]])
  })

  test("keeps the samples that it is told to, of each second, and of those after a pause of the process", function*() {
    const clock = yield* Clock.Clock
    let late = 0
    const pool = yield* told("a", 1)
    const board = yield* boardOf([pool], { history: 4 })
    const currentTimeMillis = Effect.map(clock.currentTimeMillis, (now) => now + late)
    yield* Effect.forkScoped(Effect.provideService(board.run, Clock.Clock, { ...clock, currentTimeMillis }))
    for (const [at, then] of [[1500, 20], [3000, 1020]] as const) {
      yield* TestClock.setTime(at)
      late = then
      pool.set(at)
    }
    yield* TestClock.setTime(5000)
    const bytes = yield* board.history
    assert.strictEqual(yield* board.history, bytes)
    const { figures, ...history } = yield* historyOf(board)
    const pools = [{ id: 1, name: "a" }]
    assert.deepStrictEqual(history, {
      process: board.process,
      list: 1,
      pools,
      length: 4,
      sample: 6,
      times: [2020, 980, 2000, 1000]
    })
    assert.deepStrictEqual(figures[1]![0], [1500, 0, 1500, 0])
    yield* board.show(pool)
    const next = yield* historyOf(board)
    assert.deepStrictEqual([next.pools.length, next.times], [2, history.times])
  })
})
