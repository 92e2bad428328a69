import { assert, describe, it } from "@effect/vitest"
import { AdaptiveStats, GreenPool, PoolStats } from "@greenpool/core"
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { Dashboard, type Shown } from "../../src/index.ts"
import { statsOf } from "../../src/internal/stats.ts"
import { act, executablePath, openPage, rowOf, see, seeNot, status } from "../support/browser.ts"
import { ownMetrics, serve } from "../support/serve.ts"

class ApiPool extends GreenPool.Service<ApiPool>()("app/ApiPool", { size: 12, metrics: true }) {}

/** Jobs of the pool that run or wait until the scope closes. */
const occupy = (pool: GreenPool, jobs: number) =>
  Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    yield* Effect.forEach(Array.from({ length: jobs }), () =>
      Effect.forkScoped(Effect.exit(pool.run(Deferred.await(gate)))))
    yield* Effect.addFinalizer(() =>
      Deferred.succeed(gate, undefined)
    )
  })

describe.skipIf(executablePath === undefined)("the page", { timeout: 30_000 }, () => {
  it.live("says what it is, that it is live, and what its reader may do", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(Dashboard.layer({ pools: [ApiPool], title: "Shop" }))
      const page = yield* openPage(`${url}/greenpool`)
      yield* see(status(page, "Live"))
      yield* see(page.getByRole("heading", { level: 1, name: "Shop", exact: true }))
      yield* see(page.getByText("Read-only", { exact: true }))
      assert.strictEqual(yield* act(() => page.title()), "Shop")
      assert.strictEqual(yield* act(() => page.getByRole("button").count()), 0)
      assert.strictEqual(yield* act(() => page.getByRole("link", { name: "Unlock steering" }).count()), 0)
    }).pipe(Effect.provide(ApiPool.layer), Effect.scoped, ownMetrics))

  it.live("shows each pool with its state and figures, and a change within a second", () =>
    Effect.gen(function*() {
      const pools = yield* Effect.forEach(["idle", "running", "queueing", "shrinking", "paused"], (name) =>
        GreenPool.make({ name, size: 3 }))
      const [, running, queueing, shrinking, paused] = pools
      yield* occupy(running!, 2)
      yield* occupy(queueing!, 5)
      yield* occupy(shrinking!, 3)
      yield* Effect.yieldNow
      yield* shrinking!.resize(1)
      yield* paused!.resize(0)
      const { url } = yield* serve(Dashboard.layer({
        pools: pools.map((pool) =>
          Effect.succeed(pool)
        )
      }))
      const page = yield* openPage(`${url}/greenpool`)
      yield* see(status(page, "Live"))
      const cells = (name: string) =>
        act(async () => (await rowOf(page, name).getByRole("cell").allInnerTexts()).slice(0, 3))
      assert.deepStrictEqual(yield* cells("idle"), ["Idle", "0 / 3", "0"])
      assert.deepStrictEqual(yield* cells("running"), ["Running", "2 / 3", "0"])
      assert.deepStrictEqual(yield* cells("queueing"), ["Queueing", "3 / 3", "2"])
      assert.deepStrictEqual(yield* cells("shrinking"), ["Shrinking", "3 / 1", "0"])
      assert.deepStrictEqual(yield* cells("paused"), ["Paused", "0 / 0", "0"])
      assert.deepStrictEqual(
        yield* act(() => page.getByRole("table", { name: "Pools" }).getByRole("columnheader").allInnerTexts()),
        ["Pool", "State", "Running / size", "In line", "Jobs/s", "Failed/s", "Wait p95", "Run p95", "Last 5 min"]
      )
      yield* pools[0]!.resize(7)
      yield* see(rowOf(page, "idle").getByText("0 / 7"), 2)
      const totals = yield* act(() => page.locator("dl > div").allInnerTexts())
      assert.deepStrictEqual(totals.map((text) => text.replace("\n", ": ")), [
        "Pools: 5",
        "Running: 8",
        "In line: 2",
        "Jobs per second: 0",
        "Failed, 5 min: 0",
        "Turned away, 5 min: 0"
      ])
    }).pipe(Effect.scoped, ownMetrics))

  it.live("shows the pool of the address: its picture, its totals, and its plots as images that have names", () =>
    Effect.gen(function*() {
      const pool = yield* ApiPool
      yield* occupy(pool, 49)
      const { url } = yield* serve(Dashboard.layer({ pools: [GreenPool.make(), ApiPool] }))
      const page = yield* openPage(`${url}/greenpool#app/ApiPool`)
      yield* see(page.getByRole("heading", { level: 2, name: "app/ApiPool" }))
      yield* see(page.getByRole("img", { name: "12 of 12 slots are taken, 37 in line." }))
      yield* see(page.getByText("12 started · 0 succeeded · 0 failed · 0 interrupted · 0 turned away"))
      const plot = (name: RegExp) => see(page.getByRole("img", { name }))
      yield* plot(/^Slots: Size 12, at most 12; Running 12, at most 12; Borrowed 0, at most 0$/)
      yield* plot(/^In line: In line 37, at most 37$/)
      yield* plot(
        /^Ended: Succeeded 0, at most 0; Failed 0, at most 0; Interrupted 0, at most 0; Turned away 0, at most 0$/
      )
      yield* plot(/^Time in line: p99 .+, at most .+; p95 .+; p50 /)
      yield* plot(/^Run time: p99 /)
      yield* see(
        rowOf(page, "app/ApiPool").getByRole("img", {
          name: "Last 5 min: Running 12, at most 12; In line 37, at most 37; Size 12, at most 12"
        })
      )

      // One cursor in all plots: their legends have the figures of its time.
      const times = page.locator("h3 time")
      assert.deepStrictEqual(yield* act(() => times.allInnerTexts()), ["now", "now", "now", "now", "now"])
      yield* act(() => page.getByRole("img", { name: /^Slots: / }).hover())
      yield* see(times.filter({ hasText: /^\d\d:\d\d:\d\d$/ }).nth(4))
      assert.strictEqual(new Set(yield* act(() => times.allInnerTexts())).size, 1)
      yield* act(() => page.getByRole("heading", { level: 1 }).hover())
      yield* see(times.filter({ hasText: "now" }).nth(4))

      // The other pool, by its link; its address can be sent on.
      yield* act(() => page.getByRole("link", { name: "default" }).click())
      yield* see(page.getByRole("heading", { level: 2, name: "default" }))
      assert.strictEqual(new URL(page.url()).hash, "#default")
      yield* see(page.getByText("Waits and run times are measured for pools made with the option metrics: true."))
      assert.strictEqual(yield* act(() => page.getByRole("img", { name: /^Time in line/ }).count()), 0)
      yield* act(() => page.goBack())
      yield* see(page.getByRole("heading", { level: 2, name: "app/ApiPool" }))
      yield* act(() => page.goto(`${url}/greenpool#nowhere`))
      yield* see(page.getByText("There is no pool named “nowhere” here."))
    }).pipe(Effect.provide(ApiPool.layer), Effect.scoped, ownMetrics))

  it.live("says what an adaptive pool has found", () =>
    Effect.gen(function*() {
      const stats = (adaptive: typeof AdaptiveStats.Encoded) =>
        new PoolStats({ ...statsOf("own", [31, 30]), adaptive: new AdaptiveStats(adaptive) })
      const steady = {
        phase: "steady",
        elasticity: 0.2134,
        goodput: 618.4,
        latency: 0.0487,
        cuts: 3,
        ceiling: 36
      } as const
      let present = stats({ phase: "starting", elasticity: 1, goodput: 0, latency: 0, cuts: 0 })
      const own: Shown = { stats: Effect.sync(() => present), changes: Stream.never }
      const { url } = yield* serve(Dashboard.layer({ pools: [Effect.succeed(own), GreenPool.make()] }))
      const page = yield* openPage(`${url}/greenpool#own`)
      const found = page.getByRole("region", { name: "own" }).locator("dl > div")
      yield* see(found)
      const texts = () => act(async () => (await found.allInnerTexts()).map((text) => text.replace("\n", ": ")))
      assert.deepStrictEqual(yield* texts(), [
        "Adaptive size: Starting",
        "Goodput: –",
        "Time in the slot: –",
        "Elasticity: –",
        "Ceiling: None met",
        "Cuts: 0"
      ])
      present = stats(steady)
      yield* see(page.getByText("618 per second"))
      assert.deepStrictEqual(yield* texts(), [
        "Adaptive size: Steady",
        "Goodput: 618 per second",
        "Time in the slot: 49 ms",
        "Elasticity: 0.21",
        "Ceiling: 36",
        "Cuts: 3"
      ])
      present = stats({ ...steady, phase: "paused" })
      yield* see(found.getByText("Paused by the backend"))
      yield* act(() => page.getByRole("link", { name: "default" }).click())
      yield* see(page.getByRole("heading", { level: 2, name: "default" }))
      assert.strictEqual(yield* act(() => page.getByText("Goodput").count()), 0)
    }).pipe(Effect.scoped, ownMetrics))

  it.live("has all that is plotted in a table, too", () =>
    Effect.gen(function*() {
      const pool = yield* ApiPool
      const { url } = yield* serve(Dashboard.layer({ pools: [ApiPool] }))
      const page = yield* openPage(`${url}/greenpool`)
      yield* see(status(page, "Live"))
      yield* pool.run(Effect.void)
      yield* Effect.exit(pool.run(Effect.fail("no")))
      yield* act(() => page.getByText("As a table").click())
      const table = page.getByRole("table", { name: "Figures of app/ApiPool, newest first" })
      yield* see(table)
      assert.deepStrictEqual(yield* act(() => table.getByRole("columnheader").allInnerTexts()), [
        "Time",
        "Size",
        "Running",
        "Borrowed",
        "In line",
        "Succeeded/s",
        "Failed/s",
        "Interrupted/s",
        "Turned away/s",
        ...["Wait", "Run"].flatMap((what) => ["p99", "p95", "p50"].map((quantile) => `${what} ${quantile}`))
      ])
      const before = yield* act(() => table.getByRole("row").count())
      assert.isAbove(before, 1)
      yield* see(table.getByRole("row").nth(before))
      yield* see(table.getByText("<1 ms"))
      const failed = page.locator("dl > div").filter({ hasText: "Failed, 5 min" })
      yield* see(failed.getByText("1", { exact: true }))
      const colours = yield* act(() =>
        page.evaluate<string>(`getComputedStyle(document.querySelector("dd.bad")).color`)
      )
      assert.match(colours, /^rgb\(19\d/)
    }).pipe(Effect.provide(ApiPool.layer), Effect.scoped, ownMetrics))

  it.live("keeps a pool that closes, says Closed, and takes its controls away", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(GreenPool.make({ name: "short" }), scope)
      const { context, url } = yield* serve(
        Dashboard.layer({ pools: [Effect.succeed(pool)], access: Dashboard.local("steer") })
      )
      const page = yield* openPage(`${url}/greenpool`)
      yield* see(page.getByRole("button", { name: "Pause" }))
      yield* Scope.close(scope, Exit.void)
      yield* see(rowOf(page, "short").getByText("Closed"), 2)
      yield* see(page.getByText("This pool has closed. Its last figures are shown."))
      assert.strictEqual(yield* act(() => page.getByRole("button", { name: "Pause" }).count()), 0)

      const other = yield* Scope.make()
      yield* Dashboard.show(GreenPool.make({ name: "short" })).pipe(
        Scope.provide(other),
        Effect.provideContext(context)
      )
      yield* see(rowOf(page, "short (2)"), 2)
      yield* Scope.close(other, Exit.void)
      yield* seeNot(rowOf(page, "short (2)"), 2)
    }).pipe(Effect.scoped, ownMetrics))

  it.live("shows the keys in use with their shares, if it may", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 6 })
      const keyed: Shown = {
        stats: pool.stats,
        changes: pool.changes,
        keys: Effect.succeed([
          ...Array.from({ length: 21 }, (_, i) => ({ key: `small ${i}`, weight: 1, running: 0, waiting: 1 })),
          { key: "bronze", weight: 1, running: 5, waiting: 20 },
          { key: undefined, weight: 2, running: 1, waiting: 30 }
        ])
      }
      const open = Effect.fnUntraced(function*(keys: boolean) {
        const { url } = yield* serve(Dashboard.layer({ pools: [Effect.succeed(keyed)], keys }))
        const page = yield* openPage(`${url}/greenpool`)
        yield* see(status(page, "Live"))
        return page.getByRole("table", { name: "Keys of default" })
      })
      const table = yield* open(true)
      yield* see(table)
      const rows = yield* act(() => table.getByRole("row").allInnerTexts())
      assert.deepStrictEqual(rows.slice(0, 3).map((row) => row.split(/\t/).map((cell) => cell.trim())), [
        ["Key", "Weight", "Running", "In line", "Share of slots, and by weight"],
        ["(no key)", "2", "1", "30", "17% / 8%"],
        ["bronze", "1", "5", "20", "83% / 4%"]
      ])
      assert.strictEqual(rows.length, 21)
      const hidden = yield* open(false)
      yield* Effect.sleep(1200)
      assert.strictEqual(yield* act(() => hidden.count()), 0)
    }).pipe(Effect.scoped, ownMetrics))

  it.live("shows what fails as an end of its row alone, and text as text", () =>
    Effect.gen(function*() {
      const markup = "<img src=x onerror=alert(1)> & </script>"
      const broken = yield* Deferred.make<never, { readonly message: string }>()
      const pool = yield* GreenPool.make({ name: markup })
      const shown: Shown<{ readonly message: string }> = {
        stats: pool.stats,
        changes: Stream.concat(Stream.fromEffect(pool.stats), Stream.fromEffect(Deferred.await(broken))),
        keys: Effect.succeed([{ key: `<b>${markup}`, weight: 1, running: 1, waiting: 0 }])
      }
      const { url } = yield* serve(
        Dashboard.layer({ pools: [Effect.succeed(shown), GreenPool.make()], title: `<i>${markup}`, keys: true })
      )
      const page = yield* openPage(`${url}/greenpool`)
      yield* see(page.getByRole("heading", { level: 1, name: `<i>${markup}`, exact: true }))
      yield* see(page.getByRole("rowheader", { name: markup, exact: true }))
      yield* see(page.getByRole("rowheader", { name: `<b>${markup}`, exact: true }))
      yield* Deferred.fail(broken, { message: "gone <b>away</b>" })
      yield* see(page.getByText("The figures of this pool have ended").and(page.getByText("gone <b>away</b>")), 2)
      assert.strictEqual(yield* act(() => page.locator("img, b:has(*)").count()), 0)
      yield* see(rowOf(page, "default").getByText("Idle"))
    }).pipe(Effect.scoped, ownMetrics))

  it.live("is right again after it has read nothing for a while", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 1 })
      const { url } = yield* serve(Dashboard.layer({ pools: [Effect.succeed(pool)] }))
      const page = yield* openPage(`${url}/greenpool`)
      yield* see(status(page, "Live"))
      yield* act(() => page.evaluate("{ const end = Date.now() + 2500; while (Date.now() < end); }"))
      const job = yield* pool.spawn(Effect.never)
      yield* pool.resize(2)
      yield* see(rowOf(page, "default").getByText("1 / 2"), 2)
      yield* Fiber.interrupt(job)
    }).pipe(Effect.scoped, ownMetrics))

  it.live("writes numbers and times in the reader's locale", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(Dashboard.layer({ pools: [GreenPool.make({ size: 1234567 })] }))
      const page = yield* openPage(`${url}/greenpool`, { locale: "de-DE" })
      yield* see(rowOf(page, "default").getByText("0 / 1.234.567"))
    }).pipe(Effect.scoped, ownMetrics))

  it.live("follows the colours of the system, or those that are chosen", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(Dashboard.layer())
      const page = yield* openPage(`${url}/greenpool`, { colorScheme: "dark" })
      yield* see(status(page, "Live"))
      const isDark = act(() =>
        page.evaluate("getComputedStyle(document.body).color").then((color) => color !== "rgb(18, 26, 22)")
      )
      assert.isTrue(yield* isDark)
      const colours = page.getByRole("combobox", { name: "Colours" })
      assert.deepStrictEqual(yield* act(() => colours.getByRole("option").allInnerTexts()), ["Auto", "Light", "Dark"])
      yield* act(() => colours.selectOption("Light"))
      assert.isFalse(yield* isDark)
      yield* act(() => page.reload())
      yield* see(status(page, "Live"))
      assert.isFalse(yield* isDark)
      yield* act(() => colours.selectOption("Auto"))
      assert.isTrue(yield* isDark)
    }).pipe(Effect.scoped, ownMetrics))

  it.live("needs no scrolling sideways at 320 pixels, and shows 20 pools on one screen", () =>
    Effect.gen(function*() {
      const pools = Array.from({ length: 20 }, (_, i) => GreenPool.make({ name: `application/with/a/long/name/${i}` }))
      const { url } = yield* serve(Dashboard.layer({ pools, access: Dashboard.local("steer") }))
      const narrow = yield* openPage(`${url}/greenpool`, { viewport: { width: 320, height: 600 } })
      yield* see(status(narrow, "Live"))
      yield* act(() => narrow.getByText("As a table").click())
      assert.strictEqual(yield* act(() => narrow.evaluate<number>("document.documentElement.scrollWidth")), 320)
      yield* see(narrow.getByRole("table", { name: "Pools" }))
      assert.strictEqual(yield* act(() => narrow.getByRole("rowheader", { name: /long/ }).count()), 20)
      const wide = yield* openPage(`${url}/greenpool`, { viewport: { width: 1360, height: 1080 } })
      yield* see(status(wide, "Live"))
      const box = yield* act(() =>
        wide.getByRole("rowheader", { name: "application/with/a/long/name/19" }).boundingBox()
      )
      assert.isBelow(box!.y + box!.height, 1080)
    }).pipe(Effect.scoped, ownMetrics))
})
