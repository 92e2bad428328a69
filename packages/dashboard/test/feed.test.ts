import { assert, describe, it } from "@effect/vitest"
import { AdaptiveStats, GreenPool, PoolStats } from "@greenpool/core"
import { Context, Data, Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Dashboard, type Shown } from "../src/index.ts"
import { statsOf } from "../src/internal/stats.ts"
import { sums } from "../src/internal/wire.ts"
import { ask, type Feed, openFeed, ownMetrics, samplesOf, seconds, serveDashboard, until } from "./support/serve.ts"

class ApiPool extends GreenPool.Service<ApiPool>()("app/ApiPool", { size: 2, metrics: true }) {}

class Gone extends Data.TaggedError("Gone")<{ readonly message: string }> {}

const stats = (figures: Partial<ConstructorParameters<typeof PoolStats>[0]> = {}) =>
  new PoolStats({ ...statsOf("elsewhere", [3]), ...figures })

const history = (page: string): Effect.Effect<any> => Effect.map(ask(`${page}?history`), ({ body }) => JSON.parse(body))

/** The list of pools that came last on a feed. */
const listed = ({ events }: Feed): ReadonlyArray<any> =>
  events.findLast(({ pools }) => pools !== undefined)?.pools ?? []

/** Lets an interval of virtual time go by, and waits for what it brings. */
const change = (description: string, isTrue: () => boolean) =>
  Effect.andThen(TestClock.adjust("250 millis"), until(description, isTrue))

describe("the feed", () => {
  it.effect("begins with the process, then has a sample of all pools every second", () =>
    Effect.gen(function*() {
      const { page } = yield* serveDashboard({ pools: [ApiPool, GreenPool.make({ size: 7 })], title: "Shop" })
      const feed = yield* openFeed(page)
      yield* seconds(feed, 3)
      assert.deepInclude(feed.events[0], { access: "view", unlock: false, title: "Shop" })
      const samples = samplesOf(feed)
      assert.deepStrictEqual(samples.map(({ sample, time }) => [sample, time]), [[2, 1000], [3, 2000], [4, 3000]])
      for (const { figures } of samples) {
        assert.deepStrictEqual(figures.map((row: any) => row.slice(0, 2)), [[1, 2], [2, 7]])
      }
    }).pipe(Effect.provide(ApiPool.layer), ownMetrics))

  it.effect("has a change within an interval, and 1,000 changes a second as 4 frames", () =>
    Effect.gen(function*() {
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
    }))

  it.effect("calls a second pool of a name \"name (2)\", and drops what `show` shows with its scope", () =>
    Effect.gen(function*() {
      const { context, page } = yield* serveDashboard({ pools: [GreenPool.make({ name: "jobs" })] })
      const feed = yield* openFeed(page)
      const names = (pools: ReadonlyArray<{ readonly name: string }>) => pools.map(({ name }) => name).join()
      const scope = yield* Scope.make()
      yield* Dashboard.show(GreenPool.make({ name: "jobs" })).pipe(Scope.provide(scope), Effect.provideContext(context))
      assert.strictEqual(names((yield* history(page)).pools), "jobs,jobs (2)")
      yield* change("both pools on the feed", () => names(listed(feed)) === "jobs,jobs (2)")
      yield* Scope.close(scope, Exit.void)
      yield* change("one pool on the feed", () => names(listed(feed)) === "jobs")
      assert.strictEqual(names((yield* history(page)).pools), "jobs")
    }))

  it.effect("keeps a pool that closes, says so within a second, and takes its controls away", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(GreenPool.make({ name: "short" }), scope)
      const { page } = yield* serveDashboard({ pools: [Effect.succeed(pool)] })
      const feed = yield* openFeed(page)
      yield* seconds(feed)
      assert.deepStrictEqual((yield* history(page)).pools, [{ id: 1, name: "short", steer: true }])
      yield* Scope.close(scope, Exit.void)
      yield* seconds(feed)
      assert.deepStrictEqual(listed(feed), [{ id: 1, name: "short", ended: "" }])
    }))

  it.effect("shows anything that reports as a pool does; its failure ends its row alone", () =>
    Effect.gen(function*() {
      const broken = yield* Deferred.make<never, Gone>()
      const elsewhere: Shown<Gone> = {
        stats: Effect.succeed(stats()),
        changes: Stream.concat(Stream.succeed(stats()), Stream.fromEffect(Deferred.await(broken)))
      }
      const never: Shown<Gone> = { stats: Effect.fail(new Gone({ message: "no route" })), changes: Stream.never }
      const { page } = yield* serveDashboard({
        pools: [Effect.succeed(elsewhere), GreenPool.make(), Effect.succeed(never)]
      })
      const feed = yield* openFeed(page)
      yield* seconds(feed)
      assert.deepStrictEqual((yield* history(page)).pools, [
        { id: 1, name: "elsewhere" },
        { id: 2, name: "default", steer: true },
        { id: 3, name: "Unknown pool", ended: "no route" }
      ])
      yield* Deferred.fail(broken, new Gone({ message: "gone <b>away</b>" }))
      yield* seconds(feed, 2)
      assert.strictEqual(listed(feed)[0].ended, "gone <b>away</b>")
      assert.strictEqual(samplesOf(feed).at(-1).figures.length, 3)
    }))

  it.effect("reads the changes of pools only while a page is open", () =>
    Effect.gen(function*() {
      let reading = 0
      const watched: Shown = {
        stats: Effect.succeed(stats()),
        changes: Stream.unwrap(Effect.acquireRelease(
          Effect.sync(() => (reading++, Stream.concat(Stream.succeed(stats()), Stream.never))),
          () => Effect.sync(() => reading--)
        ))
      }
      const { context, page } = yield* serveDashboard({ pools: [Effect.succeed(watched)] })
      const { watching } = Context.get(context, Dashboard)
      assert.deepStrictEqual([reading, yield* watching], [0, 0])
      const scope = yield* Scope.make()
      yield* Scope.provide(openFeed(page), scope)
      yield* until("a reader", () => reading === 1)
      assert.strictEqual(yield* watching, 1)
      yield* Scope.close(scope, Exit.void)
      yield* until("no reader", () => reading === 0)
      assert.strictEqual(yield* watching, 0)
    }))

  it.effect("reads one state of a pool for each frame, however often it changes", () =>
    Effect.gen(function*() {
      let read = 0
      const busy: Shown = {
        stats: Effect.succeed(stats()),
        changes: Stream.fromEffectRepeat(Effect.sync(() => (read++, stats())))
      }
      const { page } = yield* serveDashboard({ pools: [Effect.succeed(busy)] })
      const feed = yield* openFeed(page)
      for (let frame = 2; frame < 8; frame++) yield* change("a frame", () => feed.events.length >= frame)
      assert.isAtMost(read, feed.events.length + 2)
    }))

  it.effect("has the figures of the past, compressed, also of times when no page was open", () =>
    Effect.gen(function*() {
      const { page } = yield* serveDashboard({ pools: [ApiPool] })
      const { spawn } = yield* ApiPool
      yield* spawn(Effect.sleep(2200))
      yield* TestClock.adjust("3 seconds")
      const answer = yield* ask(`${page}?history`, { headers: { "accept-encoding": "br, gzip" } })
      assert.deepInclude(answer.headers, { "content-encoding": "gzip", "cache-control": "no-store" })
      const { figures, sample, times } = yield* history(page)
      assert.deepStrictEqual([sample, times], [4, [0, 1000, 1000, 1000]])
      const columns = figures[1].map(sums)
      assert.deepStrictEqual(columns[1], [1, 1, 1, 0])
      assert.strictEqual(columns.length, 16)
    }).pipe(Effect.provide(ApiPool.layer), ownMetrics))

  it.effect("has what adaptive pools have found once a second, and nothing of others", () =>
    Effect.gen(function*() {
      const found = {
        phase: "steady",
        elasticity: 0.2134567,
        goodput: 1234.5,
        latency: 0.05,
        cuts: 2,
        ceiling: 37.5
      } as const
      const elsewhere: Shown = {
        stats: Effect.succeed(stats({ adaptive: new AdaptiveStats(found) })),
        changes: Stream.never
      }
      const { page } = yield* serveDashboard({
        pools: [GreenPool.make(), GreenPool.make({ name: "own", adaptive: true }), Effect.succeed(elsewhere)]
      })
      const feed = yield* openFeed(page)
      yield* seconds(feed)
      assert.deepStrictEqual(samplesOf(feed)[0].adaptive, {
        2: { phase: "starting", elasticity: 1, goodput: 0, latency: 0, cuts: 0 },
        3: { ...found, elasticity: 0.213, goodput: 1230 }
      })
    }))

  it.effect("has the keys of a pool once a second, if it may", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 1, weight: (key) => key === "gold" ? 3 : 1 })
      for (const key of ["gold", "gold", "tin"]) yield* Effect.forkScoped(pool.run(Effect.never, { key }))
      yield* Effect.yieldNow
      const keysOf = Effect.fnUntraced(function*(keys: boolean) {
        const { page } = yield* serveDashboard({ pools: [Effect.succeed(pool)], keys })
        const feed = yield* openFeed(page)
        yield* seconds(feed, 2)
        return samplesOf(feed).map(({ keys }) => keys?.[1])
      })
      const found = { count: 2, weight: 4, running: 1, busiest: [["gold", 3, 1, 1], ["tin", 1, 0, 1]] }
      assert.deepStrictEqual(yield* keysOf(true), [found, found])
      assert.deepStrictEqual(yield* keysOf(false), [undefined, undefined])
    }))

  it.effect("lets in as many pages as it may", () =>
    Effect.gen(function*() {
      const { page } = yield* serveDashboard({ maxViewers: 2 })
      yield* openFeed(page)
      const scope = yield* Scope.make()
      yield* Scope.provide(openFeed(page), scope)
      const third = yield* ask(`${page}?feed`)
      assert.deepStrictEqual([third.status, third.body], [503, "Too many pages are open: at most 2.\n"])
      yield* Scope.close(scope, Exit.void)
      yield* Effect.repeat(Effect.scoped(openFeed(page)), { until: ({ status }) => status === 200 })
    }))

  it.live("doesn't hold up the close of the server", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { page } = yield* Scope.provide(serveDashboard({ pools: [GreenPool.make()] }), scope)
      const feed = yield* openFeed(page)
      yield* until("a frame", () => feed.events.length > 1)
      const started = Date.now()
      yield* Scope.close(scope, Exit.void)
      assert.isBelow(Date.now() - started, 1000)
      yield* until("the feed has ended", () => feed.isOver)
    }))
})

describe("a layer", () => {
  for (
    const [options, message] of [
      [{ history: "2 hours" }, /history is 10 to 3600 seconds, not 7200/],
      [{ interval: 10 }, /interval is at least 50 ms, not 10/],
      [{ maxViewers: 0 }, /maxViewers is at least 1, not 0/]
    ] as const
  ) {
    it.live(`dies of ${JSON.stringify(options)}`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(serveDashboard(options))
        assert.match(String(Exit.isFailure(exit) && exit.cause), message)
      }))
  }

  it.live("fails where one of its pools can't be made", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(serveDashboard({ pools: [GreenPool.make({ size: -1 })] }))
      assert.strictEqual(error._tag, "InvalidPoolSize")
    }))
})
