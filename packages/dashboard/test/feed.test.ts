import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Context, Effect, Exit, Fiber, Layer, Metric, Scope, Stream } from "effect"
import { HttpRouter } from "effect/http"
import { TestClock } from "effect/testing"
import { Dashboard, type Shown } from "../src/index.ts"
import { statsOf } from "../src/internal/stats.ts"
import { sums } from "../src/internal/wire.ts"
import { ask, live, openFeed, samplesOf, seconds, serveDashboard, test, until } from "./support/serve.ts"

/** A pool that is watched from elsewhere. */
const stats = statsOf("elsewhere", [3])

/** Lets an interval of virtual time go by, and waits for what it brings. */
const change = (description: string, isTrue: () => boolean) =>
  Effect.andThen(TestClock.adjust("250 millis"), until(description, isTrue))

describe("the feed", () => {
  test("begins with the process, then has a sample of all pools every second", function*() {
    const { page } = yield* serveDashboard({
      pools: [
        GreenPool.make({ name: "api", size: 2 }),
        GreenPool.make({ size: 7 }),
        Effect.succeed({
          stats: Effect.succeed(stats),
          changes: Stream.never,
          keys: Effect.die("nobody asks for keys")
        })
      ],
      title: "Shop"
    })
    const feed = yield* openFeed(page)
    yield* seconds(feed, 3)
    assert.deepInclude(feed.events[0], { access: "view", unlock: false, title: "Shop" })
    const samples = samplesOf(feed)
    assert.deepStrictEqual(samples.map(({ sample, time }) => [sample, time]), [[2, 1000], [3, 2000], [4, 3000]])
    for (const { figures } of samples) {
      assert.deepStrictEqual(figures.map((row: any) => row.slice(0, 2)), [[1, 2], [2, 7], [3, 3]])
    }
    assert.notInclude(JSON.stringify(feed.events), "nobody asks")
  })

  test("has a change within an interval, and 1,000 changes a second as 4 frames", function*() {
    const pool = yield* GreenPool.make({ size: 4 })
    const { page } = yield* serveDashboard({ pools: [Effect.succeed(pool)] })
    const feed = yield* openFeed(page)
    yield* seconds(feed)
    const job = yield* pool.spawn(Effect.never)
    yield* change("the running job", () => feed.events.at(-1).figures[0][2] === 1)
    yield* Fiber.interrupt(job)
    yield* seconds(feed)

    // A frame that is due when the first change comes doesn't keep the others.
    const before = feed.events.length
    for (let frame = 1; frame <= 12; frame++) {
      for (let step = 0; step < 25; step++) {
        for (let job = 0; job < 10; job++) yield* pool.run(Effect.void)
        // Changes are told once per turn of the event loop.
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        yield* TestClock.adjust(10)
      }
      yield* until("a frame", () => feed.events.length >= before + frame)
    }
    const times = feed.events.slice(before, before + 12).map(({ time }) => time)
    assert.deepStrictEqual(times, Array.from({ length: 12 }, (_, frame) => 2250 + 250 * frame))
  })

  test("reads the changes of pools only while a page is open, and one state for each frame", function*() {
    let [reading, read] = [0, 0]
    const changes = Effect.sync(() => (reading++, Stream.fromEffectRepeat(Effect.sync(() => (read++, stats)))))
    const busy: Shown = {
      stats: Effect.succeed(stats),
      changes: Stream.unwrap(Effect.acquireRelease(changes, () => Effect.sync(() => reading--)))
    }
    const { context, page } = yield* serveDashboard({ pools: [Effect.succeed(busy)] })
    const { watching } = Context.get(context, Dashboard)
    assert.deepStrictEqual([reading, yield* watching], [0, 0])
    const scope = yield* Scope.make()
    const feed = yield* Scope.provide(openFeed(page), scope)
    yield* until("a reader", () => reading === 1)
    assert.strictEqual(yield* watching, 1)
    for (let frame = 2; frame < 8; frame++) yield* change("a frame", () => feed.events.length >= frame)
    assert.isAtMost(read, feed.events.length + 2)
    yield* Scope.close(scope, Exit.void)
    yield* until("no reader", () => reading === 0)
    assert.strictEqual(yield* watching, 0)
  })

  test("has the figures of the past, compressed, also of times when no page was open", function*() {
    const pool = yield* GreenPool.make({ metrics: true })
    const { page } = yield* serveDashboard({ pools: [Effect.succeed(pool), GreenPool.make()] })
    yield* pool.spawn(Effect.sleep(2200))
    yield* TestClock.adjust("3 seconds")
    const answer = yield* ask(`${page}?history`, { headers: { "accept-encoding": "br, gzip" } })
    assert.deepInclude(answer.headers, { "content-encoding": "gzip", "cache-control": "no-store" })
    const { figures, sample, times } = JSON.parse((yield* ask(`${page}?history`)).body)
    assert.deepStrictEqual([sample, times], [4, [0, 1000, 1000, 1000]])
    const columns = figures[1].map(sums)
    assert.deepStrictEqual(columns[1], [1, 1, 1, 0])
    // Pools of one name share their times.
    assert.deepStrictEqual([columns.length, figures[2].length], [16, 16])
  })

  test("ends 200 ms after the server has stopped listening", function*() {
    const scope = yield* Scope.make()
    const { page } = yield* Scope.provide(serveDashboard(), scope)
    const feed = yield* openFeed(page)
    yield* until("a hello", () => feed.events.length > 0)
    const close = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
    yield* TestClock.adjust("200 millis")
    yield* until("the close of the server", () => close.pollUnsafe() !== undefined)
  })
})

describe("a layer", () => {
  for (
    const [options, message] of [
      [{ history: "2 hours" }, /history is 10 to 3600 seconds, not 7200/],
      [{ interval: 10 }, /interval is at least 50 ms, not 10/],
      [{ maxViewers: 0 }, /maxViewers is at least 1, not 0/]
    ] as const
  ) {
    live(`dies of ${JSON.stringify(options)}`, function*() {
      const exit = yield* Effect.exit(serveDashboard(options))
      assert.match(String(Exit.isFailure(exit) && exit.cause), message)
    })
  }

  test("reads its pools, in their order, until its scope closes", function*() {
    const read: Array<string> = []
    const shown = (name: string): Shown => ({
      stats: Effect.sync(() => (read.push(name), statsOf(name, []))),
      changes: Stream.never
    })
    const pools = [Effect.as(Effect.yieldNow, shown("a")), Effect.succeed(shown("b"))]
    const scope = yield* Scope.make()
    let samples = 0
    const metrics = Object.assign(new Map<never, never>(), { values: () => (samples++, [].values()) })
    yield* Layer.build(Layer.provide(Dashboard.layer({ pools }), HttpRouter.layer)).pipe(
      Scope.provide(scope),
      Effect.provideService(Metric.MetricRegistry, metrics)
    )
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(read, ["a", "b", "a", "b", "a", "b"])
    yield* Scope.close(scope, Exit.void)
    yield* TestClock.adjust("2 seconds")
    assert.deepStrictEqual([read.length, samples], [6, 2])
  })

  live("fails where one of its pools can't be made", function*() {
    const error = yield* Effect.flip(serveDashboard({ pools: [GreenPool.make({ size: -1 })] }))
    assert.strictEqual(error._tag, "InvalidPoolSize")
  })
})
