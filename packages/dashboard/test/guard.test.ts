import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Redacted } from "effect"
import { Headers, HttpServerRequest } from "effect/http"
import { Dashboard } from "../src/index.ts"
import { commandRefusal } from "../src/internal/guard.ts"
import { hostName, isOriginOfHost, isOriginOfPage, isUnspoofable } from "../src/internal/request.ts"
import { ask, type Body, command, live, serveDashboard } from "./support/serve.ts"

const parts = ["", "?history", "?feed", "?js", "?css", "?icon", "?unlock"]

const pause = { pool: "default", command: "pause" }

/** A test of a dashboard that everyone may steer, so that only the guard refuses anything. */
const test = (title: string, body: (page: string) => Body) =>
  live(title, function*() {
    const pools = [GreenPool.make({ size: 4 })]
    const { page } = yield* serveDashboard({ pools, access: () => Effect.succeed("steer"), hosts: ["Pools.internal"] })
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
      const name = host === "a@b" ? "of this request" : host
      const { body } = yield* ask(page, { headers: { host } })
      assert.include(body, `under the name ${name}. Add the name to the option \`hosts\``)
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
      for (const other of [{ "sec-fetch-dest": "iframe" }, { "sec-fetch-mode": "no-cors" }]) {
        assert.strictEqual((yield* ask(page, { headers: { ...link, ...other } })).status, 403)
      }
    })
  }

  live("refuses before it asks for a password", function*() {
    const secret = Redacted.make("s3cret")
    const { page } = yield* serveDashboard({ access: Dashboard.password({ view: secret, steer: secret }) })
    for (
      const [status, headers] of [[421, { host: "evil.example" }], [403, { "sec-fetch-site": "cross-site" }]] as const
    ) {
      const answers = [...parts.map((part) => ask(page + part, { headers })), command(page, pause, headers)]
      for (const { headers, status: found } of yield* Effect.all(answers)) {
        assert.deepStrictEqual([found, headers["www-authenticate"]], [status, undefined])
      }
    }
  })

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
      ...parts.map((part) => ask(page + part, { method: part === "?feed" ? "HEAD" : "GET" })),
      ask(page, { headers: { host: "evil.example" } }),
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

describe("headers", () => {
  it.each([
    [true, true, { host: "localhost" }],
    [true, true, { host: "localhost:80", origin: "http://localhost" }],
    [true, true, { host: "localhost:443", origin: "https://localhost" }],
    [false, false, { host: "localhost", origin: "ftp://localhost" }],
    [false, false, { host: "localhost", origin: "http://undefined" }],
    [false, false, { origin: "http://undefined" }],
    [false, true, { host: "backend", origin: "https://shop.example", "x-forwarded-host": "shop.example" }],
    [false, false, { host: "backend", origin: "https://evil.example", "x-forwarded-host": "shop.example" }]
  ])("are of the origin of the host: %s, of the page: %s, in %j", (ofHost, ofPage, input) => {
    const headers = Headers.fromInput(input)
    assert.deepStrictEqual([isOriginOfHost(headers), isOriginOfPage(headers)], [ofHost, ofPage])
  })

  it("have a name that is an IP address, or is none", () => {
    assert.isUndefined(hostName(undefined))
    const names = ["1.2.3.255", "1.2.3.256", "1.2.3.x", "1.2.3.1e1", "1.2.3."]
    assert.deepStrictEqual(names.filter(isUnspoofable), ["1.2.3.255"])
  })

  it.each([
    ...["4097", "-1", "1e3", "", undefined].map((length) => [413, "application/json", length] as const),
    ...["4096", "0"].map((length) => [undefined, "application/json;charset=utf-8", length] as const),
    [415, undefined, "1"] as const
  ])("refuse a command with %s: %s of the length %s", (status, type, length) => {
    const headers = Headers.fromInput({ "content-type": type, "content-length": length })
    const request = HttpServerRequest.fromWeb(new Request("http://localhost/")).modify({ headers })
    assert.strictEqual(commandRefusal(request)?.status, status)
  })
})
