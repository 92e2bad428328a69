import { assert } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import type { Page } from "playwright-core"
import { Dashboard } from "../../src/index.ts"
import { act, openLive, openPage, see, shared, status } from "../support/browser.ts"
import { serve, serveDashboard } from "../support/serve.ts"

/** A dashboard that every local program may steer, and a hostile site on a port of its own. */
const withBattlefield = shared(Effect.gen(function*() {
  const pool = yield* GreenPool.make({ size: 5 })
  const { url } = yield* serveDashboard({
    pools: [Effect.succeed(pool)],
    access: Dashboard.local("steer"),
    hosts: ["pools.example"]
  })
  const evil = yield* serve(
    HttpRouter.add("GET", "/", HttpServerResponse.html("<!doctype html><title>Evil</title><p>Evil"))
  )
  // Their ports.
  return { pool, victim: new URL(url).port, evil: new URL(evil.url).port }
}))

const blocked = /Failed to load resource|CORS|Refused to|blocked|ERR_|frame/i

/** Fetches on the page, and tells how that ended. */
const fetchOn = (page: Page, url: string, init: object = {}) =>
  act(() =>
    page.evaluate<string>(
      `fetch(${JSON.stringify(url)}, ${JSON.stringify(init)}).then(async (response) => ` +
        `response.type + " " + response.status + " " + await response.text(), () => "refused")`
    )
  )

/** Has an element of the page load an address, and tells how that ended. */
const load = (page: Page, tag: "script" | "iframe", address: string) =>
  act(() =>
    page.evaluate<string>(`new Promise((resolve) => {
      const element = document.createElement("${tag}")
      element.onload = () => resolve("loaded")
      element.onerror = () => resolve("refused")
      element.src = "${address}"
      document.body.append(element)
    })`)
  )

const body = JSON.stringify({ pool: "default", command: "pause" })

withBattlefield("a hostile site", (test) => {
  for (const [name, host] of [["of another site", "pools.example"], ["of the same site", "localhost"]] as const) {
    test(`can neither steer nor read the dashboard ${name}`, function*({ evil, pool, victim }) {
      const target = `http://${host}:${victim}/greenpool`
      const origin = host === "localhost" ? "localhost" : "evil.example"
      const page = yield* openPage(`http://${origin}:${evil}/`, { expects: blocked, hosts: [`${host}:${victim}`] })
      for (const mode of ["cors", "no-cors"]) {
        for (const credentials of ["omit", "include"]) {
          const headers = { "content-type": mode === "cors" ? "application/json" : "text/plain" }
          const post = fetchOn(page, target, { mode, credentials, method: "POST", headers, body })
          const reads = ["", "?history", "?feed", "?js"].map((part) =>
            fetchOn(page, target + part, { mode, credentials })
          )
          for (const request of [...reads, post]) assert.include(["refused", "opaque 0 "], yield* request)
        }
      }
      // A form needs no permission to be sent; and a script or a picture none to be loaded.
      yield* act(() =>
        page.evaluate(`new Promise((resolve) => {
          document.body.innerHTML = '<iframe name="sink"></iframe><form method="post" enctype="text/plain" target="sink">' +
            '<input name="x"></form>'
          const form = document.querySelector("form")
          form.action = "${target}"
          const input = form.querySelector("input")
          input.name = ${JSON.stringify(body)}.slice(0, -1) + ',"x":"'
          input.value = '"}'
          document.querySelector("iframe").onload = resolve
          form.submit()
        })`)
      )
      assert.strictEqual(yield* load(page, "script", `${target}?js`), "refused")
      assert.strictEqual(yield* pool.size, 5)
    })
  }

  test("may link to the dashboard, but not frame it", function*({ evil, victim }) {
    const hosts = [`pools.example:${victim}`]
    const target = `http://${hosts[0]}/greenpool`
    const page = yield* openPage(`http://evil.example:${evil}/`, { expects: blocked, hosts })
    yield* load(page, "iframe", target)
    const [, frame] = page.frames()
    assert.notInclude(yield* act(() => frame!.content().catch(() => "")), "?js=")
    yield* act(() => page.evaluate(`location.href = "${target}"`))
    yield* see(status(page, "Live"))
  })

  test("gets nothing by pointing its own name at the dashboard", function*({ pool, victim }) {
    // Chromium takes it for the same origin: only the name in Host tells.
    const page = yield* openPage(`http://rebound.example:${victim}/greenpool`, { expects: blocked })
    yield* see(page.getByText("The dashboard isn't served under the name rebound.example."))
    const post = { method: "POST", headers: { "content-type": "application/json" }, body }
    for (const [part, init] of [[""], ["?history"], ["?feed"], ["", post]] as const) {
      assert.match(yield* fetchOn(page, `/greenpool${part}`, init), /^(basic 421|refused)/)
    }
    assert.strictEqual(yield* pool.size, 5)
  })

  test("may get markup into the page, which becomes no script", function*({ victim }) {
    const expects = /Trusted|Content Security Policy|Refused/i
    const page = yield* openLive(`http://127.0.0.1:${victim}/greenpool`, { expects })
    const run = (code: string) =>
      act(() => page.evaluate<string>(`(() => { try { ${code} } catch (error) { return error.name } })()`))
    assert.strictEqual(yield* run(`document.body.innerHTML = "<img src=x onerror=alert(1)>"`), "TypeError")
    yield* run(`const s = document.createElement("div"); s.setAttribute("onclick", "window.hacked = 1"); s.click()`)
    assert.isUndefined(yield* act(() => page.evaluate("window.hacked")))
    assert.strictEqual(yield* fetchOn(page, "http://127.0.0.1:1/"), "refused")
  })
})
