import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Context, Effect, Exit, Scope } from "effect"
import { Dashboard } from "../../src/index.ts"
import { act, executablePath, openPage, rowOf, see, seeNot, status } from "../support/browser.ts"
import { proxy } from "../support/proxy.ts"
import { ownMetrics, serve, until } from "../support/serve.ts"

const failedLoads = /Failed to load resource|ERR_/

describe.skipIf(executablePath === undefined)("the connection", { timeout: 60_000, concurrent: true }, () => {
  it.live("is told to be lost, tried again, and replaced by that to another process", () =>
    Effect.gen(function*() {
      const first = yield* Scope.make()
      const pools = (name: string) => Dashboard.layer({ pools: [GreenPool.make({ name, size: 3 })] })
      const { url } = yield* Scope.provide(serve(pools("before")), first)
      const page = yield* openPage(`${url}/greenpool`, { expects: failedLoads })
      yield* see(rowOf(page, "before"))
      const started = Date.now()
      yield* Scope.close(first, Exit.void)
      assert.isBelow(Date.now() - started, 3000)
      yield* see(status(page, "Reconnecting"), 2)
      // What is old is marked, not passed off as new.
      yield* see(page.getByText(/^Figures from \d\d:\d\d:\d\d$/))
      yield* see(page.getByText("The server doesn't answer. The page tries again by itself."))
      yield* see(rowOf(page, "before"))
      yield* Effect.sleep(1500)
      yield* serve(pools("after"), Number(new URL(url).port))
      yield* see(status(page, "Live"), 3)
      yield* see(rowOf(page, "after"))
      yield* seeNot(rowOf(page, "before"))
      yield* seeNot(page.getByText(/^Figures from/))
    }).pipe(Effect.scoped, ownMetrics))

  it.live("is tried again every 5 s while a proxy answers 502", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(Dashboard.layer({ pools: [GreenPool.make()] }))
      const front = yield* proxy(url, { from: "/", to: "/" })
      const page = yield* openPage(`http://127.0.0.1:${front.port}/greenpool`, { expects: failedLoads })
      yield* see(status(page, "Live"))
      front.isBroken = true
      front.drop()
      yield* see(page.getByText("The server answers with status 502. The page tries again by itself."))
      yield* see(status(page, "Reconnecting"))
      front.requests.length = 0
      yield* until("two more attempts", () => front.requests.length >= 2, 12)
      const [one = 0, two = 0] = front.requests
      assert.isAtLeast(two - one, 4500)
      assert.isAtMost(two - one, 7000)
      front.isBroken = false
      yield* see(status(page, "Live"), 7)
    }).pipe(Effect.scoped, ownMetrics))

  it.live("is lost after 5 s without a frame", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(Dashboard.layer({ pools: [GreenPool.make()] }))
      const front = yield* proxy(url, { from: "/", to: "/" })
      const page = yield* openPage(`http://127.0.0.1:${front.port}/greenpool`, { expects: failedLoads })
      yield* see(status(page, "Live"))
      front.silence()
      const started = Date.now()
      yield* see(status(page, "Reconnecting"), 8)
      assert.isAtLeast(Date.now() - started, 4000)
      yield* see(status(page, "Live"), 3)
    }).pipe(Effect.scoped, ownMetrics))

  it.live("is closed while nobody sees the page, and opened again", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 1 })
      const { context, url } = yield* serve(Dashboard.layer({ pools: [Effect.succeed(pool)] }))
      const watching = Effect.runPromiseWith(context)
      const isWatching = (count: number) => () =>
        watching(Context.get(context, Dashboard).watching).then((pages) => pages === count)
      const page = yield* openPage(`${url}/greenpool`)
      yield* see(status(page, "Live"))
      yield* until("one page is open", isWatching(1))
      const show = (state: "hidden" | "visible") =>
        act(() =>
          page.evaluate(`(() => {
            Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true })
            document.dispatchEvent(new Event("visibilitychange"))
          })()`)
        )
      yield* show("hidden")
      yield* until("none is open", isWatching(0))
      yield* pool.resize(9)
      yield* Effect.sleep(300)
      yield* show("visible")
      yield* until("one is open again", isWatching(1))
      yield* see(rowOf(page, "default").getByText("0 / 9"))
      yield* see(status(page, "Live"))
    }).pipe(Effect.scoped, ownMetrics))

  it.live("is refused to too many pages, which say so", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(Dashboard.layer({ pools: [GreenPool.make()], maxViewers: 1 }))
      const first = yield* openPage(`${url}/greenpool`)
      yield* see(status(first, "Live"))
      const second = yield* openPage(`${url}/greenpool`, { expects: failedLoads })
      yield* see(second.getByText("Too many pages are open: at most 1."))
      yield* see(status(second, "Reconnecting"))
      yield* act(() => first.close())
      yield* see(status(second, "Live"), 8)
    }).pipe(Effect.scoped, ownMetrics))

  it.live("ends where access ends", () =>
    Effect.gen(function*() {
      let access: "none" | "view" = "view"
      const { url } = yield* serve(
        Dashboard.layer({ pools: [GreenPool.make()], access: () => Effect.sync(() => access) })
      )
      const front = yield* proxy(url, { from: "/", to: "/" })
      const page = yield* openPage(`http://127.0.0.1:${front.port}/greenpool`, { expects: failedLoads })
      yield* see(status(page, "Live"))
      access = "none"
      front.drop()
      yield* see(status(page, "No access"), 3)
      yield* see(page.getByText(/Access to the dashboard is refused/))
      access = "view"
      yield* see(status(page, "Live"), 8)
    }).pipe(Effect.scoped, ownMetrics))

  for (
    const [name, from, to, path] of [
      ["a prefix that is stripped", "/tools/pools", "", "/tools/pools/greenpool"],
      ["another path, without a slash", "/tools/pools", "/greenpool", "/tools/pools"],
      ["another path, with a slash", "/tools/pools", "/greenpool", "/tools/pools/"],
      ["its own path, with a slash", "/greenpool", "/greenpool", "/greenpool/"]
    ] as const
  ) {
    it.live(`goes through a proxy that has the page under ${name}`, () =>
      Effect.gen(function*() {
        const pool = yield* GreenPool.make({ size: 2 })
        const access = () => Effect.succeed("steer" as const)
        const { url } = yield* serve(Dashboard.layer({ pools: [Effect.succeed(pool)], access }))
        // As nginx does without being told otherwise.
        const rewritten = { from, to, headers: (headers: object) => ({ ...headers, host: new URL(url).host }) }
        const { port } = yield* proxy(url, rewritten)
        const page = yield* openPage(`http://localhost:${port}${path}`)
        yield* see(status(page, "Live"))
        yield* act(() => page.getByRole("button", { name: "Pause" }).click())
        yield* see(rowOf(page, "default").getByText("Paused"))
        assert.strictEqual(yield* pool.size, 0)
      }).pipe(Effect.scoped, ownMetrics))
  }
})
