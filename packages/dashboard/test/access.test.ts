import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Context, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { Headers, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { Dashboard } from "../src/index.ts"
import { ask, command, openFeed, serve, serveDashboard, until } from "./support/serve.ts"

const basic = (password: string) => ({ authorization: `Basic ${btoa(`anyone:${password}`)}` })

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
  it.effect.each(["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"])(
    "lets %s look",
    (address) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* Dashboard.local()(from(address)), "view")
        assert.strictEqual(yield* Dashboard.local("steer")(from(address)), "steer")
      })
  )

  it.effect.each(
    [
      ["10.0.0.1", {}],
      ["127.0.0.1.example", {}],
      ["::2", {}],
      ["::ffff:10.0.0.1", {}],
      [undefined, {}],
      ["127.0.0.1", { forwarded: "for=10.0.0.1" }],
      ["127.0.0.1", { "x-forwarded-for": "127.0.0.1" }],
      ["127.0.0.1", { "x-forwarded-proto": "https" }],
      ["127.0.0.1", { "x-real-ip": "127.0.0.1" }],
      ["127.0.0.1", { via: "1.1 proxy" }],
      ["127.0.0.1", { origin: "http://elsewhere.example" }],
      ["127.0.0.1", { origin: "http://localhost:81" }],
      ["127.0.0.1", { origin: "null" }]
    ] as const
  )(
    "lets nobody in from %s with %j",
    ([address, headers]) =>
      Effect.map(Dashboard.local("steer")(from(address, headers)), (access) => assert.strictEqual(access, "none"))
  )

  it.effect("compares the origin with the host, ports included", () =>
    Effect.gen(function*() {
      const request = from("127.0.0.1", { host: "localhost:3000", origin: "http://localhost:3000" })
      assert.strictEqual(yield* Dashboard.local()(request), "view")
    }))

  it.live("is the default: to look, not to steer; others are told of the option", () =>
    Effect.gen(function*() {
      const { page } = yield* serveDashboard({ pools: [GreenPool.make()] })
      assert.deepStrictEqual([yield* status(page), yield* status(`${page}/`), yield* status(`${page}?history`)], [
        200,
        200,
        200
      ])
      const refused = yield* command(page, steer)
      assert.strictEqual(refused.status, 403)
      const elsewhere = yield* ask(page, { headers: { "x-forwarded-for": "10.0.0.1" } })
      assert.strictEqual(elsewhere.status, 403)
      assert.include(elsewhere.body, "option `access`")
      assert.isUndefined(elsewhere.headers["www-authenticate"])
    }))
})

describe("passwords", { concurrent: true }, () => {
  const both = Dashboard.password({ view: Redacted.make("look"), steer: Redacted.make("grün") })
  const utf8 = (password: string) => ({
    authorization: `Basic ${Buffer.from(`anyone:${password}`).toString("base64")}`
  })

  it.live("are one for looking and one for steering", () =>
    Effect.gen(function*() {
      const { page } = yield* serveDashboard({ pools: [GreenPool.make()], access: both })
      const asked = yield* ask(page)
      assert.strictEqual(asked.status, 401)
      assert.strictEqual(asked.headers["www-authenticate"], `Basic realm="GreenPool", charset="UTF-8"`)
      assert.strictEqual(yield* status(page, basic("wrong")), 401)
      assert.strictEqual(yield* status(page, basic("look")), 200)
      assert.strictEqual(yield* status(page, utf8("grün")), 200)
      assert.strictEqual((yield* command(page, steer)).status, 401)
      assert.strictEqual((yield* command(page, steer, basic("look"))).status, 403)
      assert.strictEqual((yield* command(page, steer, utf8("grün"))).status, 200)
      const feed = yield* openFeed(page, basic("look"))
      yield* until("a hello", () => feed.events.length > 0)
      assert.deepInclude(feed.events[0], { access: "view", unlock: true })
    }))

  it.effect("answer a wrong one after half a second", () =>
    Effect.gen(function*() {
      for (const wrong of ["", "loo", "look2", "looklook"]) {
        const answer = yield* Effect.forkChild(both(from("10.0.0.1", basic(wrong))))
        yield* TestClock.adjust(499)
        assert.isUndefined(answer.pollUnsafe())
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* Fiber.join(answer), "none")
      }
      for (const authorization of ["Bearer x", "Basic !", `Basic ${btoa("look")}`]) {
        assert.strictEqual(yield* both(from("10.0.0.1", { authorization })), "none")
      }
    }))

  it.live("without one for looking, everyone may look, and the page unlocks steering", () =>
    Effect.gen(function*() {
      const access = Dashboard.password({ steer: Redacted.make("s") })
      const { page } = yield* serveDashboard({ pools: [GreenPool.make()], access })
      assert.strictEqual(yield* status(page), 200)
      assert.strictEqual(yield* status(`${page}?unlock`), 401)
      const unlocked = yield* ask(`${page}?unlock`, { headers: basic("s") })
      assert.deepStrictEqual([unlocked.status, unlocked.headers["location"]], [303, "?"])
      assert.strictEqual((yield* command(page, steer)).status, 403)
    }))

  it.live("open no dialogue for what the page fetches by itself", () =>
    Effect.gen(function*() {
      const { page } = yield* serveDashboard({ access: both })
      const { headers, status } = yield* ask(`${page}?feed`, { headers: { accept: "text/event-stream" } })
      assert.deepStrictEqual([status, headers["www-authenticate"]], [403, undefined])
    }))

  it("are never empty", () => {
    assert.throws(() => Dashboard.password({ steer: Redacted.make("") }), /An empty password/)
  })
})

describe("access of one's own", () => {
  class Users extends Context.Service<Users, { readonly isAdmin: (name: string) => boolean }>()("test/Users") {}

  it.live("may need services, which the layer then needs", () =>
    Effect.gen(function*() {
      const layer = Dashboard.layer({
        pools: [GreenPool.make()],
        access: ({ headers }) => Effect.map(Users, ({ isAdmin }) => isAdmin(headers["x-user"] ?? "") ? "steer" : "none")
      })
      const { url } = yield* serve(
        layer.pipe(Layer.provide(Layer.succeed(Users, { isAdmin: (name) => name === "root" })))
      )
      assert.strictEqual(yield* status(`${url}/greenpool`), 403)
      assert.strictEqual(yield* status(`${url}/greenpool`, { "x-user": "root" }), 200)
    }))

  it.live("comes on top of the router's middleware", () =>
    Effect.gen(function*() {
      const marked = HttpRouter.middleware((answer) =>
        Effect.map(answer, HttpServerResponse.setHeader("x-middleware", "was here"))
      ).layer
      const { url } = yield* serve(Dashboard.layer({ path: "/pools" }).pipe(Layer.provide(marked)))
      const passed = yield* ask(`${url}/pools`)
      assert.deepStrictEqual([passed.status, passed.headers["x-middleware"]], [200, "was here"])
      const refused = yield* ask(`${url}/pools`, { headers: { host: "evil.example" } })
      assert.deepStrictEqual([refused.status, refused.headers["x-middleware"]], [421, "was here"])
    }))
})
