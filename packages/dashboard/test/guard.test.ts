import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect } from "effect"
import { Dashboard } from "../src/index.ts"
import { ask, type Body, command, live, serveDashboard } from "./support/serve.ts"

const parts = ["", "?history", "?feed", "?js", "?css", "?icon", "?unlock"]

const pause = { pool: "default", command: "pause" }

/** A test of a dashboard that may be steered. */
const test = (title: string, body: (page: string) => Body) =>
  live(title, function*() {
    const pools = [GreenPool.make({ size: 4 })]
    const { page } = yield* serveDashboard({ pools, access: Dashboard.local("steer"), hosts: ["Pools.internal"] })
    yield* body(page)
  })

const statuses = (page: string, headers: Readonly<Record<string, string>>) =>
  Effect.forEach(
    parts,
    (part) =>
      Effect.map(ask(page + part, { headers, method: part === "?feed" ? "HEAD" : "GET" }), ({ status }) => status)
  )

describe("the guard", () => {
  for (
    const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "notlocalhost", "1.2.3", "a@b"]
  ) {
    test(`answers no request to the host ${host}`, function*(page) {
      assert.deepStrictEqual(new Set(yield* statuses(page, { host })), new Set([421]))
      assert.strictEqual((yield* command(page, pause, { host })).status, 421)
      assert.include((yield* ask(page, { headers: { host } })).body, "option `hosts`")
    })
  }

  for (const host of ["localhost", "app.localhost:80", "10.1.2.3", "[::1]:3000", "[fe80::1]", "pools.internal:8080"]) {
    test(`answers requests to the host ${host}`, function*(page) {
      assert.deepStrictEqual(yield* statuses(page, { host }), [200, 200, 200, 200, 200, 200, 303])
    })
  }

  for (const site of ["cross-site", "same-site"]) {
    test(`answers nothing to a page of another origin (${site}) but a link`, function*(page) {
      const headers = { "sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "empty" }
      assert.deepStrictEqual(new Set(yield* statuses(page, headers)), new Set([403]))
      assert.strictEqual((yield* command(page, pause, headers)).status, 403)
      const link = { "sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }
      assert.deepStrictEqual(yield* statuses(page, link), [200, 403, 403, 403, 403, 403, 403])
      const frame = { ...link, "sec-fetch-dest": "iframe" }
      assert.strictEqual((yield* ask(page, { headers: frame })).status, 403)
    })
  }

  test("takes commands only as small JSON, from its own page or a typed address", function*(page) {
    const { host, origin } = new URL(page)
    const text = "{\"pool\":\"default\"}"
    for (
      const [status, headers, body] of [
        [200, { "sec-fetch-site": "same-origin" }, pause],
        [200, { "sec-fetch-site": "none" }, pause],
        // A browser that sends no fetch metadata.
        [200, { origin, host }, pause],
        [403, { origin: "http://elsewhere.example" }, pause],
        [403, { origin: "null" }, pause],
        [415, { "content-type": "text/plain" }, pause],
        [415, { "content-type": "application/jsonp" }, pause],
        [413, {}, { ...pause, size: "x".repeat(5000) }],
        // A size that is none is refused by the pool.
        ...[{}, { size: null }, { size: "" }, { size: "many" }, { size: -1 }]
          .map((size) => [422, {}, { ...pause, command: "resize", ...size }] as const),
        ...["", "{", "[]", "null", text, { ...pause, pool: 1 }, { ...pause, command: "destroy" }]
          .map((broken) => [400, {}, broken] as const)
      ] as const
    ) assert.strictEqual((yield* command(page, body, headers)).status, status, JSON.stringify([headers, body]))
    const headers = { "content-type": "application/json", "transfer-encoding": "chunked" }
    assert.strictEqual((yield* ask(page, { method: "POST", headers, body: JSON.stringify(pause) })).status, 413)
  })

  test("sends every answer with the policy, and none with a header for other origins", function*(page) {
    const answers = yield* Effect.all([
      ...parts.filter((part) => part !== "?feed").map((part) => ask(page + part)),
      ask(page, { headers: { host: "evil.example" } }),
      ask(page, { headers: { "x-forwarded-for": "1.2.3.4" } }),
      command(page, pause),
      command(page, "{"),
      ask(page, { headers: { origin: new URL(page).origin } })
    ])
    for (const { headers } of answers) {
      assert.deepInclude(headers, {
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY"
      })
      assert.strictEqual(
        headers["content-security-policy"],
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
      )
      assert.deepStrictEqual(Object.keys(headers).filter((name) => name.startsWith("access-control-")), [])
    }
    const cached = answers.map(({ headers }) => headers["cache-control"])
    assert.deepStrictEqual(new Set(cached), new Set(["no-store", "no-cache"]))
  })

  live("escapes the title", function*() {
    const { page } = yield* serveDashboard({ title: "</title><script>alert(1)</script>\"'&" })
    const { body } = yield* ask(page)
    assert.include(body, "<title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;</title>")
  })
})
