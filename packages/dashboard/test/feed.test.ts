import { assert, describe, it } from "@effect/vitest"
import { AdaptiveStats, GreenPool, PoolStats } from "@greenpool/core"
import { Context, Data, Deferred, Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import { Dashboard, type Shown } from "../src/index.ts"
import { statsOf } from "../src/internal/stats.ts"
import { sums } from "../src/internal/wire.ts"
import { ask, openFeed, ownMetrics, serve, until } from "./support/serve.ts"

class ApiPool extends GreenPool.Service<ApiPool>()("app/ApiPool", { size: 2, metrics: true }) {}

class Gone extends Data.TaggedError("Gone")<{ readonly message: string }> {}

const stats = (figures: Partial<ConstructorParameters<typeof PoolStats>[0]> = {}) =>
  new PoolStats({ ...statsOf("elsewhere", [3]), ...figures })

const history = (url: string): Effect.Effect<any> => Effect.map(ask(`${url}?history`), ({ body }) => JSON.parse(body))

const names = (pools: ReadonlyArray<{ readonly name: string }>) => pools.map(({ name }) => name)

describe("the feed", { concurrent: true }, () => {
  it.live("begins with the process, then has a sample of all pools every second", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(Dashboard.layer({ pools: [ApiPool, GreenPool.make({ size: 7 })], title: "Shop" }))
      const feed = yield* openFeed(`${url}/greenpool`)
      yield* until("three samples", () => feed.events.filter(({ sample }) => sample !== undefined).length >= 3)
      const [hello] = feed.events
      assert.deepInclude(hello, { access: "view", unlock: false, title: "Shop" })
      const samples = feed.events.filter(({ sample }) => sample !== undefined)
      assert.deepStrictEqual(samples.map(({ sample }) => sample - samples[0].sample).slice(0, 3), [0, 1, 2])
      for (const { figures } of samples) {
        assert.deepStrictEqual(figures.map((row: any) => row.slice(0, 2)), [[1, 2], [2, 7]])
      }
    }).pipe(Effect.provide(ApiPool.layer), Effect.scoped, ownMetrics))

  it.live("has a change within an interval, and 1,000 changes a second as 4 frames", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 4 })
      const { url } = yield* serve(Dashboard.layer({ pools: [Effect.succeed(pool)] }))
      const feed = yield* openFeed(`${url}/greenpool`)
      yield* until("a sample", () => feed.events.length > 1)
      const gate = yield* Deferred.make<void>()
      const job = yield* pool.spawn(Deferred.await(gate))
      const started = Date.now()
      yield* until(
        "the running job",
        () => feed.events.at(-1).figures.some((row: ReadonlyArray<number>) => row[2] === 1)
      )
      assert.isBelow(Date.now() - started, 600)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(job)

      const before = feed.events.length
      const begin = Date.now()
      while (Date.now() - begin < 3000) {
        yield* pool.run(Effect.void)
        yield* Effect.sleep(1)
      }
      const frames = feed.events.length - before
      assert.isAtLeast(frames, 9)
      assert.isAtMost(frames, 14)
      const times = feed.events.slice(before).map(({ time }) => time)
      for (let i = 1; i < times.length; i++) assert.isAtLeast(times[i] - times[i - 1], 220)
    }).pipe(Effect.scoped, ownMetrics))

  it.live("calls a second pool of a name \"name (2)\", and drops what `show` shows with its scope", () =>
    Effect.gen(function*() {
      const { context, url } = yield* serve(Dashboard.layer({ pools: [GreenPool.make({ name: "jobs" })] }))
      const feed = yield* openFeed(`${url}/greenpool`)
      const scope = yield* Scope.make()
      yield* Dashboard.show(GreenPool.make({ name: "jobs" })).pipe(Scope.provide(scope), Effect.provideContext(context))
      assert.deepStrictEqual(names((yield* history(`${url}/greenpool`)).pools), ["jobs", "jobs (2)"])
      const listed = () => feed.events.findLast(({ pools }) => pools !== undefined)?.pools ?? []
      yield* until("both pools on the feed", () => names(listed()).includes("jobs (2)"), 1)
      yield* Scope.close(scope, Exit.void)
      yield* until("one pool on the feed", () => names(listed()).join() === "jobs", 1)
      assert.deepStrictEqual(names((yield* history(`${url}/greenpool`)).pools), ["jobs"])
    }).pipe(Effect.scoped, ownMetrics))

  it.live("keeps a pool that closes, says so within a second, and takes its controls away", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(GreenPool.make({ name: "short" }), scope)
      const { url } = yield* serve(Dashboard.layer({ pools: [Effect.succeed(pool)] }))
      const feed = yield* openFeed(`${url}/greenpool`)
      const listed = () => feed.events.findLast(({ pools }) => pools !== undefined)?.pools[0]
      yield* until("the pool", () => listed() !== undefined || feed.events.length > 1)
      assert.deepStrictEqual((yield* history(`${url}/greenpool`)).pools, [{ id: 1, name: "short", steer: true }])
      yield* Scope.close(scope, Exit.void)
      yield* until("closed", () => listed()?.ended === "", 1)
      assert.deepStrictEqual(listed(), { id: 1, name: "short", ended: "" })
    }).pipe(Effect.scoped, ownMetrics))

  it.live("shows anything that reports as a pool does; its failure ends its row alone", () =>
    Effect.gen(function*() {
      const broken = yield* Deferred.make<never, Gone>()
      const elsewhere: Shown<Gone> = {
        stats: Effect.succeed(stats()),
        changes: Stream.concat(Stream.succeed(stats()), Stream.fromEffect(Deferred.await(broken)))
      }
      const never: Shown<Gone> = { stats: Effect.fail(new Gone({ message: "no route" })), changes: Stream.never }
      const { url } = yield* serve(
        Dashboard.layer({ pools: [Effect.succeed(elsewhere), GreenPool.make(), Effect.succeed(never)] })
      )
      const feed = yield* openFeed(`${url}/greenpool`)
      yield* until("a frame", () => feed.events.length > 1)
      assert.deepStrictEqual((yield* history(`${url}/greenpool`)).pools, [
        { id: 1, name: "elsewhere" },
        { id: 2, name: "default", steer: true },
        { id: 3, name: "Unknown pool", ended: "no route" }
      ])
      yield* Deferred.fail(broken, new Gone({ message: "gone <b>away</b>" }))
      yield* until("ended", () =>
        feed.events.findLast(({ pools }) => pools !== undefined)?.pools[0].ended === "gone <b>away</b>", 1)
      yield* until("samples go on", () =>
        feed.events.at(-1).sample !== undefined)
      assert.strictEqual(feed.events.at(-1).figures.length, 3)
    }).pipe(Effect.scoped, ownMetrics))

  it.live("reads the changes of pools only while a page is open", () =>
    Effect.gen(function*() {
      let reading = 0
      const watched: Shown = {
        stats: Effect.succeed(stats()),
        changes: Stream.unwrap(Effect.acquireRelease(
          Effect.sync(() => (reading++, Stream.concat(Stream.succeed(stats()), Stream.never))),
          () => Effect.sync(() => reading--)
        ))
      }
      const { context, url } = yield* serve(Dashboard.layer({ pools: [Effect.succeed(watched)] }))
      const { watching } = Context.get(context, Dashboard)
      assert.deepStrictEqual([reading, yield* watching], [0, 0])
      const scope = yield* Scope.make()
      yield* Scope.provide(openFeed(`${url}/greenpool`), scope)
      yield* until("a reader", () => reading === 1)
      assert.strictEqual(yield* watching, 1)
      yield* Scope.close(scope, Exit.void)
      yield* until("no reader", () => reading === 0)
      assert.strictEqual(yield* watching, 0)
    }).pipe(Effect.scoped, ownMetrics))

  it.live("reads one state of a pool for each frame, however often it changes", () =>
    Effect.gen(function*() {
      let read = 0
      const busy: Shown = {
        stats: Effect.succeed(stats()),
        changes: Stream.fromEffectRepeat(Effect.sync(() => (read++, stats())))
      }
      const { url } = yield* serve(Dashboard.layer({ pools: [Effect.succeed(busy)] }))
      const feed = yield* openFeed(`${url}/greenpool`)
      yield* until("some frames", () => feed.events.length > 6)
      assert.isAtMost(read, feed.events.length + 2)
    }).pipe(Effect.scoped, ownMetrics))

  it.live("has the figures of the past, compressed, also of times when no page was open", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(Dashboard.layer({ pools: [ApiPool] }))
      const { run } = yield* ApiPool
      yield* run(Effect.sleep(2200))
      yield* Effect.sleep(1000)
      const answer = yield* ask(`${url}/greenpool?history`, { headers: { "accept-encoding": "br, gzip" } })
      assert.deepInclude(answer.headers, { "content-encoding": "gzip", "cache-control": "no-store" })
      const { figures, sample, times } = yield* history(`${url}/greenpool`)
      assert.isAtLeast(sample, 3)
      assert.strictEqual(times.length, sample)
      const columns = figures[1].map(sums)
      const running = columns[1]
      assert.include(running, 1)
      assert.strictEqual(running.at(-1), 0)
      assert.strictEqual(columns.length, 16)
    }).pipe(Effect.provide(ApiPool.layer), Effect.scoped, ownMetrics))

  it.live("has what adaptive pools have found once a second, and nothing of others", () =>
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
      const { url } = yield* serve(Dashboard.layer({
        pools: [GreenPool.make(), GreenPool.make({ name: "own", adaptive: true }), Effect.succeed(elsewhere)]
      }))
      const feed = yield* openFeed(`${url}/greenpool`)
      yield* until("a sample", () => feed.events.some(({ sample }) => sample !== undefined))
      assert.deepStrictEqual(feed.events.find(({ sample }) => sample !== undefined).adaptive, {
        2: { phase: "starting", elasticity: 1, goodput: 0, latency: 0, cuts: 0 },
        3: { ...found, elasticity: 0.213, goodput: 1230 }
      })
    }).pipe(Effect.scoped, ownMetrics))

  it.live("has the keys of a pool once a second, if it may", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 1, weight: (key) => key === "gold" ? 3 : 1 })
      for (const key of ["gold", "gold", "tin"]) yield* Effect.forkScoped(pool.run(Effect.never, { key }))
      yield* Effect.yieldNow
      const keysOf = Effect.fnUntraced(function*(keys: boolean) {
        const { url } = yield* serve(Dashboard.layer({ pools: [Effect.succeed(pool)], keys }))
        const feed = yield* openFeed(`${url}/greenpool`)
        yield* until("samples", () => feed.events.filter(({ sample }) => sample !== undefined).length >= 2)
        return feed.events.findLast(({ sample }) => sample !== undefined).keys
      })
      assert.deepStrictEqual(yield* keysOf(true), {
        1: { count: 2, weight: 4, running: 1, busiest: [["gold", 3, 1, 1], ["tin", 1, 0, 1]] }
      })
      assert.isUndefined(yield* keysOf(false))
    }).pipe(Effect.scoped, ownMetrics))

  it.live("lets in as many pages as it may", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(Dashboard.layer({ maxViewers: 2 }))
      yield* openFeed(`${url}/greenpool`)
      const scope = yield* Scope.make()
      yield* Scope.provide(openFeed(`${url}/greenpool`), scope)
      const third = yield* ask(`${url}/greenpool?feed`)
      assert.deepStrictEqual([third.status, third.body], [503, "Too many pages are open: at most 2.\n"])
      yield* Scope.close(scope, Exit.void)
      yield* Effect.scoped(openFeed(`${url}/greenpool`)).pipe(
        Effect.repeat({ until: ({ status }) => status === 200, schedule: Schedule.spaced("20 millis") })
      )
    }).pipe(Effect.scoped, ownMetrics))

  it.live("doesn't hold up the close of the server", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { url } = yield* Scope.provide(serve(Dashboard.layer({ pools: [GreenPool.make()] })), scope)
      const feed = yield* openFeed(`${url}/greenpool`)
      yield* until("a frame", () => feed.events.length > 1)
      const started = Date.now()
      yield* Scope.close(scope, Exit.void)
      assert.isBelow(Date.now() - started, 1000)
      yield* until("the feed has ended", () => feed.isOver)
    }).pipe(ownMetrics, Effect.scoped))
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
        const exit = yield* Effect.exit(serve(Dashboard.layer(options)))
        assert.match(String(Exit.isFailure(exit) && exit.cause), message)
      }).pipe(Effect.scoped, ownMetrics))
  }

  it.live("fails where one of its pools can't be made", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(serve(Dashboard.layer({ pools: [GreenPool.make({ size: -1 })] })))
      assert.strictEqual(error._tag, "InvalidPoolSize")
    }).pipe(Effect.scoped, ownMetrics))
})
