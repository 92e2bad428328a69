import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Context, Effect, Exit, Schedule, Scope } from "effect"
import type { Page } from "playwright-core"
import { Dashboard } from "../../src/index.ts"
import { act, openLive, openPage, rowOf, see, seeNot, status } from "../support/browser.ts"
import { proxy } from "../support/proxy.ts"
import { live, serve, serveDashboard, until } from "../support/serve.ts"

const options = { clock: true, expects: /Failed to load resource|ERR_/ }

/** Stops the clock of a page: from now on, only `pass` lets time go by. */
const stop = (page: Page) => act(() => page.clock.pauseAt(Date.now() + 1000))

/** Lets so many milliseconds go by on a page. */
const pass = (page: Page, millis: number) => act(() => page.clock.runFor(millis))

/** Lets so many milliseconds go by on a page, which then has this status. */
const after = (page: Page, millis: number, text: string) => Effect.andThen(pass(page, millis), see(status(page, text)))

const moves = (page: Page, count: number) =>
  until(`${count} animations`, () => page.evaluate(`document.getAnimations().length === ${count}`))

describe("the connection", () => {
  live("is told to be lost, tried again within 3 s, and replaced by that to another process", function*() {
    const first = yield* Scope.make()
    const pools = (name: string) => Dashboard.layer({ pools: [GreenPool.make({ name, size: 3 })] })
    const { url } = yield* Scope.provide(serve(pools("before")), first)
    const page = yield* openLive(`${url}/greenpool`, options)
    yield* stop(page)
    const started = Date.now()
    yield* Scope.close(first, Exit.void)
    assert.isBelow(Date.now() - started, 3000)
    yield* see(status(page, "Reconnecting"), 2)
    // What is old is marked, not passed off as new.
    yield* see(page.getByText(/^Figures from \d\d:\d\d:\d\d$/))
    yield* see(page.getByText("The server doesn't answer. The page tries again by itself."))
    yield* see(rowOf(page, "before"))
    // Something moves, but not for readers who asked that nothing moves.
    yield* moves(page, 1)
    yield* act(() => page.emulateMedia({ reducedMotion: "reduce" }))
    yield* moves(page, 0)
    yield* serve(pools("after"), Number(new URL(url).port))
    yield* after(page, 3000, "Live")
    yield* see(rowOf(page, "after"))
    yield* seeNot(rowOf(page, "before"))
    yield* seeNot(page.getByText(/^Figures from/))
  })

  live("is lost after 5 s without a frame, tried again every 5 s, and ends with access", function*() {
    let access: "none" | "view" = "view"
    const pool = yield* GreenPool.make()
    const { url } = yield* serveDashboard({ pools: [Effect.succeed(pool)], access: () => Effect.sync(() => access) })
    const front = yield* proxy(url, { from: "/", to: "/" })
    const page = yield* openLive(`http://127.0.0.1:${front.port}/greenpool`, options)
    yield* stop(page)

    // The last frame comes while the clock stands.
    yield* pool.resize(3)
    yield* see(rowOf(page, "default").getByText("0 / 3"))
    front.silence()
    yield* after(page, 4900, "Live")
    yield* after(page, 100, "Reconnecting")
    yield* after(page, 1000, "Live")

    front.isBroken = true
    front.drop()
    yield* see(status(page, "Reconnecting"))
    yield* pass(page, 1000)
    yield* see(page.getByText("The server answers with status 502. The page tries again by itself."))
    front.requests.length = 0
    front.isBroken = false
    yield* after(page, 4900, "Reconnecting")
    assert.strictEqual(front.requests.length, 0)
    yield* after(page, 100, "Live")

    access = "none"
    front.drop()
    yield* see(status(page, "Reconnecting"))
    yield* after(page, 1000, "No access")
    yield* see(page.getByText(/Access to the dashboard is refused/))
    access = "view"
    yield* after(page, 5000, "Live")
  })

  live("is refused to too many pages, which say so, and closed while nobody sees the page", function*() {
    const pool = yield* GreenPool.make({ size: 1 })
    const { context, page } = yield* serveDashboard({ pools: [Effect.succeed(pool)], maxViewers: 1 })
    const { watching } = Context.get(context, Dashboard)
    const isWatched = (count: number) =>
      Effect.repeat(watching, { until: (pages) => pages === count, schedule: Schedule.spaced("5 millis") })
    const first = yield* openLive(page, options)
    const second = yield* openPage(page, options)
    yield* see(second.getByText("Too many pages are open: at most 1."))
    yield* see(status(second, "Reconnecting"))
    yield* stop(second)

    const show = (state: "hidden" | "visible") =>
      act(() =>
        first.evaluate(`(() => {
          Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true })
          document.dispatchEvent(new Event("visibilitychange"))
        })()`)
      )
    yield* isWatched(1)
    yield* show("hidden")
    yield* isWatched(0)
    yield* after(second, 5000, "Live")
    yield* act(() => second.close())
    yield* isWatched(0)
    yield* pool.resize(9)
    yield* show("visible")
    yield* isWatched(1)
    yield* see(rowOf(first, "default").getByText("0 / 9"))
    yield* see(status(first, "Live"))
  })

  live("goes through proxies that have the page under other paths, and rewrite `Host`", function*() {
    const pool = yield* GreenPool.make({ size: 2 })
    const access = () => Effect.succeed("steer" as const)
    const { url } = yield* serveDashboard({ pools: [Effect.succeed(pool)], access })
    // As nginx does without being told otherwise.
    const headers = (headers: object) => ({ ...headers, host: new URL(url).host })
    const addresses = yield* Effect.forEach(
      [
        ["/tools/pools", "", "/tools/pools/greenpool"],
        ["/tools/pools", "/greenpool", "/tools/pools"],
        ["/tools/pools", "/greenpool", "/tools/pools/"],
        ["/greenpool", "/greenpool", "/greenpool/"]
      ],
      ([from, to, path]) =>
        Effect.map(proxy(url, { from: from!, to: to!, headers }), ({ port }) => `http://localhost:${port}${path}`)
    )
    const page = yield* openPage(addresses[0]!, { hosts: addresses.map((address) => new URL(address).host) })
    for (const address of addresses) {
      yield* act(() => page.goto(address))
      yield* see(status(page, "Live"))
      yield* act(() => page.getByRole("button", { name: "Pause" }).click())
      yield* see(rowOf(page, "default").getByText("Paused"))
      assert.strictEqual(yield* pool.size, 0, address)
      yield* pool.resize(2)
    }
  })
})
