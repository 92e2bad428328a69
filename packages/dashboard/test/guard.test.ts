import { assert } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect } from "effect"
import { Dashboard } from "../src/index.ts"
import { ask, command, serveDashboard, shared } from "./support/serve.ts"

const parts = ["", "?history", "?feed", "?js", "?css", "?icon", "?unlock"]

const pause = { pool: "default", command: "pause" }

/** The address of a dashboard that may be steered. */
const [Guarded, withGuarded] = shared(Effect.map(
  serveDashboard({
    pools: [GreenPool.make({ size: 4 })],
    access: Dashboard.local("steer"),
    hosts: ["Pools.internal"]
  }),
  ({ page }) => page
))

const statuses = (page: string, headers: Readonly<Record<string, string>>) =>
  Effect.forEach(
    parts,
    (part) =>
      Effect.map(ask(page + part, { headers, method: part === "?feed" ? "HEAD" : "GET" }), ({ status }) => status)
  )

withGuarded("the guard", (it) => {
  it.effect.each(
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "notlocalhost", "1.2.3", "a@b"]
  )("answers no request to the host %s", (host) =>
    Effect.gen(function*() {
      const page = yield* Guarded
      assert.deepStrictEqual(new Set(yield* statuses(page, { host })), new Set([421]))
      assert.strictEqual((yield* command(page, pause, { host })).status, 421)
      assert.include((yield* ask(page, { headers: { host } })).body, "option `hosts`")
    }))

  it.effect.each(
    ["localhost", "app.localhost:80", "10.1.2.3", "[::1]:3000", "[fe80::1]", "pools.internal:8080"]
  )("answers requests to the host %s", (host) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* statuses(yield* Guarded, { host }), [200, 200, 200, 200, 200, 200, 303])
    }))

  it.effect.each(["cross-site", "same-site"])(
    "answers nothing to a page of another origin (%s) but a link",
    (site) =>
      Effect.gen(function*() {
        const page = yield* Guarded
        const headers = { "sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "empty" }
        assert.deepStrictEqual(new Set(yield* statuses(page, headers)), new Set([403]))
        assert.strictEqual((yield* command(page, pause, headers)).status, 403)
        const link = { "sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }
        assert.deepStrictEqual(yield* statuses(page, link), [200, 403, 403, 403, 403, 403, 403])
        const frame = { ...link, "sec-fetch-dest": "iframe" }
        assert.strictEqual((yield* ask(page, { headers: frame })).status, 403)
      })
  )

  it.effect("answers its own page, and who types the address", () =>
    Effect.gen(function*() {
      const page = yield* Guarded
      for (const site of ["same-origin", "none"]) {
        assert.strictEqual((yield* command(page, pause, { "sec-fetch-site": site })).status, 200)
      }
    }))

  it.effect("compares the origin where a browser sends no fetch metadata", () =>
    Effect.gen(function*() {
      const page = yield* Guarded
      const { host, origin } = new URL(page)
      assert.strictEqual((yield* command(page, pause, { origin: "http://elsewhere.example" })).status, 403)
      assert.strictEqual((yield* command(page, pause, { origin: "null" })).status, 403)
      assert.strictEqual((yield* command(page, pause, { origin, host })).status, 200)
    }))

  it.effect("takes commands as JSON of a known length only", () =>
    Effect.gen(function*() {
      const page = yield* Guarded
      assert.strictEqual((yield* command(page, pause, { "content-type": "text/plain" })).status, 415)
      assert.strictEqual((yield* command(page, pause, { "content-type": "application/jsonp" })).status, 415)
      assert.strictEqual((yield* command(page, { ...pause, size: "x".repeat(5000) })).status, 413)
      const chunked = { "content-type": "application/json", "transfer-encoding": "chunked" }
      assert.strictEqual(
        (yield* ask(page, { method: "POST", headers: chunked, body: JSON.stringify(pause) })).status,
        413
      )
      for (const broken of ["", "{", "[]", "null", "{\"pool\":1,\"command\":\"pause\"}", "{\"pool\":\"default\"}"]) {
        assert.strictEqual((yield* command(page, broken)).status, 400, broken)
      }
      assert.strictEqual((yield* command(page, { pool: "default", command: "destroy" })).status, 400)
    }))

  it.effect("sends every answer with the policy, and none with a header for other origins", () =>
    Effect.gen(function*() {
      const page = yield* Guarded
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
        const policy = headers["content-security-policy"] as string
        for (
          const directive of [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'"
          ]
        ) assert.include(policy.split("; "), directive)
        assert.deepStrictEqual(Object.keys(headers).filter((name) => name.startsWith("access-control-")), [])
      }
      const cached = answers.map(({ headers }) => headers["cache-control"])
      assert.deepStrictEqual(new Set(cached), new Set(["no-store", "no-cache"]))
    }))

  it.effect("escapes the title", () =>
    Effect.gen(function*() {
      const { page } = yield* serveDashboard({ title: "</title><script>alert(1)</script>\"'&" })
      const { body } = yield* ask(page)
      assert.include(body, "<title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;</title>")
    }))
})
