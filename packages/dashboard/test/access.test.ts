import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Context, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { Headers, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { Dashboard } from "../src/index.ts"
import { ask, command, live, openFeed, serve, serveDashboard, test, until } from "./support/serve.ts"

const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`anyone:${password}`).toString("base64")}` })

const steer = { pool: "default", command: "pause" }

const status = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.map(ask(url, { headers }), ({ status }) => status)

/** A request as `local` sees it, from this address. */
const from = (address: string | undefined, headers: Readonly<Record<string, string>> = {}) => {
  const request = HttpServerRequest.fromWeb(new Request("http://localhost/", { headers }))
  return request.modify({
    headers: Headers.fromInput({ host: "localhost", ...headers }),
    remoteAddress: Option.fromNullishOr(address)
  })
}

describe("local access", () => {
  it.effect.each(
    [
      ...["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"].map((address) => ["steer", address, {}] as const),
      ...["10.0.0.1", "127.0.0.1.example", "::2", "::ffff:10.0.0.1", undefined].map((from) =>
        ["none", from, {}] as const
      ),
      ["steer", "127.0.0.1", { host: "localhost:3000", origin: "http://localhost:3000" }],
      ["none", "127.0.0.1", { forwarded: "for=10.0.0.1" }],
      ["none", "127.0.0.1", { "x-forwarded-for": "127.0.0.1" }],
      ["none", "127.0.0.1", { "x-forwarded-proto": "https" }],
      ["none", "127.0.0.1", { "x-real-ip": "127.0.0.1" }],
      ["none", "127.0.0.1", { via: "1.1 proxy" }],
      ["none", "127.0.0.1", { origin: "http://elsewhere.example" }],
      ["none", "127.0.0.1", { origin: "http://localhost:81" }],
      ["none", "127.0.0.1", { origin: "null" }],
      ["none", "127.0.0.1", { origin: "null", host: "" }]
    ] as const
  )(
    "is %s from %s with %j",
    ([expected, address, headers]) =>
      Effect.map(Dashboard.local("steer")(from(address, headers)), (access) => assert.strictEqual(access, expected))
  )

  it.effect("is for neither a forwarded request of this machine nor one by a proxy on this machine", () =>
    Effect.gen(function*() {
      for (const [remote, peer] of [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"]] as const) {
        const request = from(remote).modify({ peerAddress: Option.some(peer) })
        assert.strictEqual(yield* Dashboard.local()(request), "none")
      }
    }))

  live("is the default: to look, not to steer; others are told of the option", function*() {
    const { page } = yield* serveDashboard({ pools: [GreenPool.make()] })
    for (const part of ["", "/", "?history"]) assert.strictEqual(yield* status(page + part), 200)
    assert.strictEqual((yield* command(page, steer)).status, 403)
    const elsewhere = yield* ask(page, { headers: { "x-forwarded-for": "10.0.0.1" } })
    assert.strictEqual(elsewhere.status, 403)
    assert.include(elsewhere.body, "option `access`")
    assert.isUndefined(elsewhere.headers["www-authenticate"])
  })
})

describe("passwords", { concurrent: true }, () => {
  const both = Dashboard.password({ view: Redacted.make("look"), steer: Redacted.make("grün:2 ") })
  const open = Dashboard.password({ steer: Redacted.make("s3cret") })

  live("are one for looking and one for steering", function*() {
    const { page } = yield* serveDashboard({ pools: [GreenPool.make()], access: both })
    const asked = yield* ask(page, { headers: { accept: "text/html, */*" } })
    assert.strictEqual(asked.status, 401)
    assert.strictEqual(asked.headers["www-authenticate"], `Basic realm="GreenPool", charset="UTF-8"`)
    // No dialogue for what the page fetches by itself.
    const fetched = yield* ask(`${page}?feed`, { headers: { accept: "text/event-stream" } })
    assert.deepStrictEqual([fetched.status, fetched.headers["www-authenticate"]], [403, undefined])
    assert.strictEqual(yield* status(page, basic("wrong")), 401)
    // No base64 has such a length.
    assert.strictEqual(yield* status(page, { authorization: "Basic abcde" }), 401)
    assert.strictEqual(yield* status(page, basic("look")), 200)
    assert.strictEqual(yield* status(page, basic("grün:2 ")), 200)
    assert.strictEqual((yield* command(page, steer)).status, 401)
    assert.strictEqual((yield* command(page, steer, basic("look"))).status, 403)
    assert.strictEqual((yield* command(page, steer, basic("grün:2 "))).status, 200)
    for (const [word, access, unlocked] of [["look", "view", 401], ["grün:2 ", "steer", 303]] as const) {
      const feed = yield* openFeed(page, basic(word))
      yield* until("a hello", () => feed.events.length > 0)
      assert.deepInclude(feed.events[0], { access, unlock: access === "view" })
      assert.strictEqual(yield* status(`${page}?unlock`, basic(word)), unlocked)
    }
    // Back to the page, whatever its path is for the browser.
    assert.strictEqual((yield* ask(`${page}?unlock`, { headers: basic("grün:2 ") })).headers.location, "?")
  })

  test("answer a wrong one after half a second", function*() {
    for (
      const [access, expected, wrong] of [
        ...["", "loo", "book", "look2", "looklook"].map((word) => [both, "none", word] as const),
        [open, "view", "look"]
      ] as const
    ) {
      const answer = yield* Effect.forkChild(access(from("10.0.0.1", basic(wrong))))
      yield* TestClock.adjust(499)
      assert.isUndefined(answer.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(answer), expected)
    }
    assert.strictEqual(yield* open(from("10.0.0.1", { authorization: `Basic ${btoa(":s3cret")}` })), "steer")
    assert.strictEqual(yield* open(from("10.0.0.1")), "view")
    for (const authorization of ["Bearer x", "Basic !", `Basic ${btoa("look")}`]) {
      assert.strictEqual(yield* both(from("10.0.0.1", { authorization })), "none")
    }
  })

  it("are never empty", () => {
    assert.throws(() => Dashboard.password({ steer: Redacted.make("") }), /An empty password/)
  })
})

describe("access of one's own", () => {
  class Users extends Context.Service<Users, { readonly isAdmin: (name: string) => boolean }>()("test/Users") {}

  live("may need services, which the layer then needs", function*() {
    const layer = Dashboard.layer({
      access: ({ headers }) => Effect.map(Users, ({ isAdmin }) => isAdmin(headers["x-user"] ?? "") ? "steer" : "none")
    })
    const users = Layer.succeed(Users, { isAdmin: (name) => name === "root" })
    const { url } = yield* serve(Layer.provide(layer, users))
    assert.strictEqual(yield* status(`${url}/greenpool`), 403)
    assert.strictEqual(yield* status(`${url}/greenpool`, { "x-user": "root" }), 200)
  })

  live("comes on top of the router's middleware", function*() {
    const marked = HttpRouter.middleware(Effect.map(HttpServerResponse.setHeader("x-middleware", "was here"))).layer
    const { url } = yield* serve(Dashboard.layer({ path: "/pools" }).pipe(Layer.provide(marked)))
    for (const [host, expected] of [["localhost", 200], ["evil.example", 421]] as const) {
      const { headers, status } = yield* ask(`${url}/pools`, { headers: { host } })
      assert.deepStrictEqual([status, headers["x-middleware"]], [expected, "was here"])
    }
  })
})
