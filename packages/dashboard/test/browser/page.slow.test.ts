import { assert, describe } from "@effect/vitest"
import { AdaptiveStats, GreenPool } from "@greenpool/core"
import { Deferred, Effect, Exit, Scope, Stream } from "effect"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import type { Locator, Page } from "playwright-core"
import { Dashboard, type DashboardOptions, type Shown } from "../../src/index.ts"
import { statsOf } from "../../src/internal/stats.ts"
import { act, openLive, rowOf, see, seeNot, shared, status } from "../support/browser.ts"
import { live, serveDashboard } from "../support/serve.ts"

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

interface Violation {
  readonly id: string
  readonly impact: string
  readonly nodes: ReadonlyArray<{ readonly html: string; readonly failureSummary: string }>
}

/** Makes a pool that so many callers keep busy until the scope closes. */
const make = (name: string, size: number, callers: number, metrics = false) =>
  Effect.tap(
    GreenPool.make({ name, size, metrics }),
    (pool) =>
      Effect.forEach(Array.from({ length: callers }), () => Effect.forkScoped(Effect.exit(pool.run(Effect.never))))
  )

/** Pools in all states but closed. */
const makeAll = Effect.gen(function*() {
  const idle = yield* make("idle", 3, 0)
  const queueing = yield* make("app/ApiPool", 12, 49, true)
  const measured = yield* make("measured", 3, 2, true)
  const shrinking = yield* make("shrinking", 3, 3)
  const paused = yield* make("paused", 3, 0)
  yield* Effect.yieldNow
  yield* shrinking.resize(1)
  yield* paused.resize(0)
  return { idle, queueing, measured, shrinking, paused }
})

/** Opens the page of these pools, whose changes come fast. */
const open = Effect.fnUntraced(function*(
  pools: ReadonlyArray<Shown<unknown>>,
  options: Omit<DashboardOptions<[], never>, "pools">
) {
  const shown = pools.map((pool): Effect.Effect<Shown<unknown>> => Effect.succeed(pool))
  const { context, page } = yield* serveDashboard({ ...options, pools: shown, interval: 50 })
  return { page: yield* openLive(page), context, address: page }
})

const texts = (locator: Locator) =>
  act(async () => (await locator.allInnerTexts()).map((text) => text.replace("\n", ": ")))

const isAbsent = (locator: Locator) => Effect.map(act(() => locator.count()), (count) => assert.strictEqual(count, 0))

/** Goes to a pool by its address. */
const go = (page: Page, name: string) =>
  Effect.andThen(
    act(() => page.evaluate(`location.hash = ${JSON.stringify(name)}`)),
    see(page.getByRole("heading", { level: 2, name, exact: true }))
  )

const steady = { phase: "steady", elasticity: 0.2134, goodput: 618.4, latency: 0.0487, cuts: 3, ceiling: 36 } as const

/** The page of a shop with pools in all states, whose reader may look, and not see keys. */
const withShop = shared(Effect.gen(function*() {
  const { idle, measured, paused, queueing, shrinking } = yield* makeAll
  const adaptive: Shown = {
    stats: Effect.sync(() => statsOf("adaptive", [31, 30], new AdaptiveStats(shop.adaptive))),
    changes: Stream.never,
    keys: Effect.succeed([{ key: "secret", weight: 1, running: 1, waiting: 0 }])
  }
  const shop = {
    idle,
    measured,
    adaptive: { phase: "starting", elasticity: 1, goodput: 0, latency: 0, cuts: 0 } as typeof AdaptiveStats.Encoded
  }
  const { page } = yield* open([idle, queueing, measured, shrinking, paused, adaptive], { title: "Shop" })
  return Object.assign(shop, { page })
}))

const markup = "<img src=x onerror=alert(1)> & </script>"

/** A page whose reader may steer and see keys, with pools in all states, that end, and whose names are markup. */
const withAll = shared(Effect.gen(function*() {
  const { idle, measured, paused, queueing, shrinking } = yield* makeAll
  const closed = yield* Effect.scoped(make("closed", 3, 0))
  const scope = yield* Scope.make()
  const short = yield* Scope.provide(GreenPool.make({ name: "short" }), scope)
  const keyed: Shown = {
    ...queueing,
    keys: Effect.succeed([
      ...Array.from({ length: 21 }, (_, i) => ({ key: `small ${i}`, weight: 1, running: 0, waiting: 1 })),
      { key: "bronze", weight: 1, running: 5, waiting: 20 },
      { key: undefined, weight: 2, running: 1, waiting: 30 }
    ])
  }
  const broken = yield* Deferred.make<never, { readonly message: string }>()
  const pool = yield* GreenPool.make({ name: markup })
  const failing: Shown<unknown> = {
    stats: pool.stats,
    changes: Stream.concat(Stream.fromEffect(pool.stats), Stream.fromEffect(Deferred.await(broken))),
    keys: Effect.succeed([{ key: `<b>${markup}`, weight: 1, running: 1, waiting: 0 }])
  }
  const never: Shown<unknown> = { stats: Effect.fail({ message: "no route" }), changes: Stream.never }
  const access = Dashboard.local("steer")
  const pools = [keyed, idle, measured, shrinking, paused, closed, short, failing, never]
  const opened = yield* open(pools, { access, keys: true, title: `<i>${markup}` })
  const fail = Deferred.fail(broken, { message: "gone <b>away</b>" })
  return { ...opened, close: Scope.close(scope, Exit.void), fail }
}))

withShop("the page of one who looks", (test) => {
  test("says what it is, that it is live, and what its reader may do", function*({ page }) {
    yield* see(page.getByRole("heading", { level: 1, name: "Shop", exact: true }))
    yield* see(page.getByText("Read-only", { exact: true }))
    assert.strictEqual(yield* act(() => page.title()), "Shop")
    yield* isAbsent(page.getByRole("button"))
    yield* isAbsent(page.getByRole("link", { name: "Unlock steering" }))
  })

  test("shows each pool with its state and figures, and a change within a second", function*({ idle, page }) {
    for (
      const [name, ...figures] of [
        ["idle", "Idle", "0 / 3", "0"],
        ["app/ApiPool", "Queueing", "12 / 12", "37"],
        ["measured", "Running", "2 / 3", "0"],
        ["shrinking", "Shrinking", "3 / 1", "0"],
        ["paused", "Paused", "0 / 0", "0"]
      ] as const
    ) assert.deepStrictEqual((yield* texts(rowOf(page, name).getByRole("cell"))).slice(0, 3), figures)
    assert.deepStrictEqual(
      yield* texts(page.getByRole("table", { name: "Pools" }).getByRole("columnheader")),
      ["Pool", "State", "Running / size", "In line", "Jobs/s", "Failed/s", "Wait p95", "Run p95", "Last 5 min"]
    )
    yield* idle.resize(7)
    yield* see(rowOf(page, "idle").getByText("0 / 7"), 1)
    const totals = page.locator("main > dl > div")
    // Rates need two samples.
    yield* see(totals.filter({ hasText: /^Jobs per second0$/ }))
    assert.deepStrictEqual((yield* texts(totals)).slice(0, 3), ["Pools: 6", "Running: 47", "In line: 37"])
  })

  test("shows the pool of the address: its picture, totals, and plots as images with names", function*({ page }) {
    yield* go(page, "app/ApiPool")
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
    const spark = "Last 5 min: Running 12, at most 12; In line 37, at most 37; Size 12, at most 12"
    yield* see(rowOf(page, "app/ApiPool").getByRole("img", { name: spark }))

    // One cursor in all plots: their legends have the figures of its time.
    const times = page.locator("h3 time")
    assert.deepStrictEqual(yield* texts(times), ["now", "now", "now", "now", "now"])
    yield* act(() => page.getByRole("img", { name: /^Slots: / }).hover())
    yield* see(times.filter({ hasText: /^\d\d:\d\d:\d\d$/ }).nth(4))
    assert.strictEqual(new Set(yield* texts(times)).size, 1)
    yield* act(() => page.getByRole("heading", { level: 1 }).hover())
    yield* see(times.filter({ hasText: "now" }).nth(4))

    // Another pool, by its link; its address can be sent on.
    yield* act(() => page.getByRole("link", { name: "idle" }).click())
    yield* see(page.getByRole("heading", { level: 2, name: "idle" }))
    assert.strictEqual(new URL(page.url()).hash, "#idle")
    yield* see(page.getByText("Waits and run times are measured for pools made with the option metrics: true."))
    yield* isAbsent(page.getByRole("img", { name: /^Time in line/ }))
    yield* act(() => page.goBack())
    yield* see(page.getByRole("heading", { level: 2, name: "app/ApiPool" }))
    yield* act(() => page.evaluate(`location.hash = "nowhere"`))
    yield* see(page.getByText("There is no pool named “nowhere” here."))
  })

  test("says what an adaptive pool has found, and nothing of keys", function*(shop) {
    const { page } = shop
    yield* go(page, "adaptive")
    const found = page.getByRole("region", { name: "adaptive" }).locator("dl > div")
    yield* see(found)
    const says = (text: string) => Effect.map(texts(found), (all) => assert.strictEqual(all.join(", "), text))
    const starting = "Goodput: –, Time in the slot: –, Elasticity: –, Ceiling: None met, Cuts: 0"
    yield* says(`Adaptive size: Starting, ${starting}`)
    shop.adaptive = steady
    yield* see(page.getByText("618 per second"))
    const measured = "Goodput: 618 per second, Time in the slot: 49 ms, Elasticity: 0.21, Ceiling: 36, Cuts: 3"
    yield* says(`Adaptive size: Steady, ${measured}`)
    shop.adaptive = { ...steady, phase: "paused" }
    yield* see(found.getByText("Paused by the backend"))
    yield* isAbsent(page.getByText(/Keys|secret/))
    yield* go(page, "idle")
    yield* isAbsent(page.getByText("Goodput"))
  })

  test("has all that is plotted in a table, too", function*({ measured, page }) {
    yield* go(page, "measured")
    const failed = page.locator("dl > div").filter({ hasText: "Failed, 5 min" })
    yield* see(failed.getByText("0", { exact: true }))
    yield* measured.run(Effect.void)
    yield* Effect.exit(measured.run(Effect.fail("no")))
    yield* act(() => page.getByText("As a table").click())
    const table = page.getByRole("table", { name: "Figures of measured, newest first" })
    yield* see(table)
    const counts = "Time, Size, Running, Borrowed, In line, Succeeded/s, Failed/s, Interrupted/s, Turned away/s"
    const times = "Wait p99, Wait p95, Wait p50, Run p99, Run p95, Run p50"
    assert.strictEqual((yield* texts(table.getByRole("columnheader"))).join(", "), `${counts}, ${times}`)
    const before = yield* act(() => table.getByRole("row").count())
    assert.isAbove(before, 1)
    yield* see(table.getByRole("row").nth(before))
    yield* see(table.getByText("<1 ms"))
    yield* see(failed.getByText("1", { exact: true }))
    const colour = yield* act(() => page.evaluate<string>(`getComputedStyle(document.querySelector("dd.bad")).color`))
    assert.match(colour, /^rgb\(19\d/)
  })
})

withAll("the page of one who steers", (test) => {
  test("shows the keys in use with their shares", function*({ page }) {
    yield* go(page, "app/ApiPool")
    const table = page.getByRole("table", { name: "Keys of app/ApiPool" })
    yield* see(table)
    const rows = yield* act(() => table.getByRole("row").allInnerTexts())
    assert.deepStrictEqual(rows.slice(0, 3).map((row) => row.split(/\t/).map((cell) => cell.trim())), [
      ["Key", "Weight", "Running", "In line", "Share of slots, and by weight"],
      ["(no key)", "2", "1", "30", "17% / 8%"],
      ["bronze", "1", "5", "20", "83% / 4%"]
    ])
    assert.strictEqual(rows.length, 21)
  })

  test("keeps a pool that closes, says Closed, and takes its controls away", function*({ close, context, page }) {
    yield* go(page, "short")
    yield* see(page.getByRole("button", { name: "Pause" }))
    yield* close
    yield* see(rowOf(page, "short").getByText("Closed"), 2)
    yield* see(page.getByText("This pool has closed. Its last figures are shown."))
    yield* isAbsent(page.getByRole("button", { name: "Pause" }))

    const other = yield* Scope.make()
    yield* Dashboard.show(GreenPool.make({ name: "short" })).pipe(Scope.provide(other), Effect.provideContext(context))
    yield* see(rowOf(page, "short (2)"), 2)
    yield* Scope.close(other, Exit.void)
    yield* seeNot(rowOf(page, "short (2)"), 2)
  })

  test("shows what fails as an end of its row alone, and text as text", function*({ fail, page }) {
    yield* see(page.getByRole("heading", { level: 1, name: `<i>${markup}`, exact: true }))
    yield* go(page, markup)
    yield* see(page.getByRole("rowheader", { name: markup, exact: true }))
    yield* see(page.getByRole("rowheader", { name: `<b>${markup}`, exact: true }))
    yield* fail
    yield* see(page.getByText("The figures of this pool have ended").and(page.getByText("gone <b>away</b>")), 2)
    yield* isAbsent(page.locator("img, b:has(*)"))
    yield* see(rowOf(page, "idle").getByText("Idle"))
    yield* go(page, "Unknown pool")
    yield* see(page.getByText("The figures of this pool have ended").and(page.getByText("no route")))
  })

  test("has no finding of axe, in light, in dark, and on a phone", function*({ address }) {
    const page = yield* openLive(`${address}#app/ApiPool`, { bypassCSP: true })
    yield* see(page.getByRole("table", { name: "Keys of app/ApiPool" }))
    yield* act(() => page.getByText("As a table").click())
    yield* act(() => page.evaluate(axe))
    for (
      const [colorScheme, width, ...pools] of [
        ["light", 1360, "app/ApiPool", "measured", "shrinking", "paused", "closed"],
        ["dark", 1360, "app/ApiPool", "measured", "shrinking", "paused"],
        ["light", 390, "app/ApiPool"]
      ] as const
    ) {
      yield* act(() => page.emulateMedia({ colorScheme }))
      yield* act(() => page.setViewportSize({ width, height: 900 }))
      for (const pool of pools) {
        yield* go(page, pool)
        // Of all that the first shows, other pools and the dark differ in their colours.
        const isAll = pool === "app/ApiPool" && colorScheme === "light"
        const rules = { selectors: false, resultTypes: ["violations"], ...!isAll && { runOnly: ["color-contrast"] } }
        const { violations } = yield* act(() =>
          page.evaluate<{ violations: ReadonlyArray<Violation> }>(`axe.run(${JSON.stringify(rules)})`)
        )
        const found = violations.filter(({ impact }) => impact !== "minor")
          .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)
        assert.deepStrictEqual(found, [], `${pool} in ${colorScheme}, ${width} px wide`)
      }
    }
  })

  test("can be used by keyboard alone", function*({ address }) {
    const page = yield* openLive(address)
    const press = (key: string) => act(() => page.keyboard.press(key))
    yield* press("Tab")
    assert.strictEqual(yield* act(() => page.evaluate<string>("document.activeElement.ariaLabel")), "Colours")
    for (let row = 0; row < 2; row++) yield* press("Tab")
    yield* press("Enter")
    yield* see(page.getByRole("heading", { level: 2, name: "idle" }))
    // Where the focus is can be seen.
    const outline = yield* act(() =>
      page.evaluate<string>(`getComputedStyle(document.activeElement, "::after").outlineStyle`)
    )
    assert.strictEqual(outline, "solid")
  })
})

describe("the page", () => {
  live("writes numbers in the reader's locale, and has the colours of the system or those chosen", function*() {
    const { page: address } = yield* serveDashboard({ pools: [GreenPool.make({ size: 1234567 })] })
    const page = yield* openLive(address, { colorScheme: "dark", locale: "de-DE" })
    yield* see(rowOf(page, "default").getByText("0 / 1.234.567"))
    const isDark = act(() =>
      page.evaluate("getComputedStyle(document.body).color").then((color) => color !== "rgb(18, 26, 22)")
    )
    assert.isTrue(yield* isDark)
    const colours = page.getByRole("combobox", { name: "Colours" })
    assert.deepStrictEqual(yield* texts(colours.getByRole("option")), ["Auto", "Light", "Dark"])
    yield* act(() => colours.selectOption("Light"))
    assert.isFalse(yield* isDark)
    yield* act(() => page.reload())
    yield* see(status(page, "Live"))
    assert.isFalse(yield* isDark)
    yield* act(() => colours.selectOption("Auto"))
    assert.isTrue(yield* isDark)
  })

  live("needs no scrolling sideways at 320 pixels, and shows 20 pools on one screen", function*() {
    const pools = Array.from({ length: 20 }, (_, i) => GreenPool.make({ name: `application/with/a/long/name/${i}` }))
    const { page: address } = yield* serveDashboard({ pools, access: Dashboard.local("steer") })
    const page = yield* openLive(address, { viewport: { width: 320, height: 600 } })
    yield* act(() => page.getByText("As a table").click())
    assert.strictEqual(yield* act(() => page.evaluate<number>("document.documentElement.scrollWidth")), 320)
    yield* see(page.getByRole("table", { name: "Pools" }))
    assert.strictEqual(yield* act(() => page.getByRole("rowheader", { name: /long/ }).count()), 20)
    yield* act(() => page.setViewportSize({ width: 1360, height: 1080 }))
    const box = yield* act(() => page.getByRole("rowheader", { name: "application/with/a/long/name/19" }).boundingBox())
    assert.isBelow(box!.y + box!.height, 1080)
  })
})
