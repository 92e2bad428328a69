import { assert } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Dashboard } from "../../src/index.ts"
import { act, openLive, openPage, see, status } from "../support/browser.ts"
import { serve, serveDashboard, shared } from "../support/serve.ts"

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

/** Runs in the page, and tells how the request ended. */
const outcome = (request: string) =>
  `${request}.then(async (response) => response.type + " " + response.status + " " + await response.text(), () => "refused")`

withBattlefield("a hostile site", (test) => {
  for (const [name, host] of [["of another site", "pools.example"], ["of the same site", "localhost"]] as const) {
    test(`can neither steer nor read the dashboard ${name}`, function*({ evil, pool, victim }) {
      const target = `http://${host}:${victim}/greenpool`
      const origin = host === "localhost" ? "localhost" : "evil.example"
      const page = yield* openPage(`http://${origin}:${evil}/`, {
        expects: blocked,
        hosts: [`${host}:${victim}`]
      })
      const run = (request: string) => act(() => page.evaluate<string>(outcome(request)))
      const command = JSON.stringify(JSON.stringify({ pool: "default", command: "pause" }))
      for (const mode of ["cors", "no-cors"]) {
        for (const credentials of ["omit", "include"]) {
          for (const part of ["", "?history", "?feed", "?js"]) {
            const answer = yield* run(
              `fetch("${target}${part}", { mode: "${mode}", credentials: "${credentials}" })`
            )
            assert.include(["refused", "opaque 0 "], answer)
          }
          const type = mode === "cors" ? "application/json" : "text/plain"
          assert.include(
            ["refused", "opaque 0 "],
            yield* run(
              `fetch("${target}", { method: "POST", mode: "${mode}", credentials: "${credentials}", ` +
                `headers: { "content-type": "${type}" }, body: ${command} })`
            )
          )
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
          input.name = ${command}.slice(0, -1) + ',"x":"'
          input.value = '"}'
          document.querySelector("iframe").onload = resolve
          form.submit()
        })`)
      )
      const loaded = yield* act(() =>
        page.evaluate<string>(`new Promise((resolve) => {
          const script = document.createElement("script")
          script.onload = () => resolve("loaded")
          script.onerror = () => resolve("refused")
          script.src = "${target}?js"
          document.head.append(script)
        })`)
      )
      assert.strictEqual(loaded, "refused")
      assert.strictEqual(yield* pool.size, 5)
    })
  }

  test("may link to the dashboard, but not frame it", function*({ evil, victim }) {
    const target = `http://pools.example:${victim}/greenpool`
    const page = yield* openPage(`http://evil.example:${evil}/`, {
      expects: blocked,
      hosts: [`pools.example:${victim}`]
    })
    yield* act(() =>
      page.evaluate(`new Promise((resolve) => {
        const frame = document.createElement("iframe")
        frame.onload = resolve
        frame.src = "${target}"
        document.body.append(frame)
      })`)
    )
    const [, frame] = page.frames()
    assert.notInclude(yield* act(() => frame!.content().catch(() => "")), "?js=")
    yield* act(() => page.evaluate(`location.href = "${target}"`))
    yield* see(status(page, "Live"))
  })

  test("gets nothing by pointing its own name at the dashboard", function*({ pool, victim }) {
    // Chromium takes it for the same origin: only the name in Host tells.
    const page = yield* openPage(`http://rebound.example:${victim}/greenpool`, { expects: blocked })
    yield* see(page.getByText("The dashboard isn't served under the name rebound.example."))
    const run = (request: string) => act(() => page.evaluate<string>(outcome(request)))
    for (const part of ["", "?history", "?feed"]) {
      assert.match(yield* run(`fetch("/greenpool${part}")`), /^(basic 421|refused)/)
    }
    assert.match(
      yield* run(
        `fetch("/greenpool", { method: "POST", headers: { "content-type": "application/json" }, ` +
          `body: JSON.stringify({ pool: "default", command: "pause" }) })`
      ),
      /^(basic 421|refused)/
    )
    assert.strictEqual(yield* pool.size, 5)
  })

  test("may get markup into the page, which becomes no script", function*({ victim }) {
    const page = yield* openLive(`http://127.0.0.1:${victim}/greenpool`, {
      expects: /Trusted|Content Security Policy|Refused/i
    })
    const run = (code: string) =>
      act(() =>
        page.evaluate<string>(`(() => { try { ${code}; return "done" } catch (error) { return error.name } })()`)
      )
    assert.strictEqual(yield* run(`document.body.innerHTML = "<img src=x onerror=alert(1)>"`), "TypeError")
    yield* run(`const s = document.createElement("div"); s.setAttribute("onclick", "window.hacked = 1"); s.click()`)
    assert.isUndefined(yield* act(() => page.evaluate("window.hacked")))
    const elsewhere = yield* act(() => page.evaluate<string>(outcome(`fetch("http://127.0.0.1:1/")`)))
    assert.strictEqual(elsewhere, "refused")
  })
})
