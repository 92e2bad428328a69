import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { layerClient } from "../src/linkcheck/request.ts"
import { fetchPolicy, policyOf } from "../src/linkcheck/robots.ts"
import { respond, serveRaw } from "./raw-server.ts"

const options = { timeout: Duration.seconds(5), retries: 0, pageLimit: 1000 }
const allows = (text: string, path: string) =>
  policyOf("http://site.test/robots.txt", text).allows(`http://site.test${path}`)

/** The policy of a server that gives this answer for its robots.txt. */
const policyWhen = (answer: string) =>
  Effect.gen(function*() {
    const server = yield* serveRaw((socket) => socket.end(answer))
    const policy = yield* fetchPolicy(server.origin, options)
    return policy.allows(`${server.origin}/page`)
  }).pipe(Effect.scoped, Effect.provide(layerClient))

describe("robots.txt", () => {
  it("rules by the group of this program, and without one by the group of all", () => {
    const text = "User-agent: *\nDisallow: /all\n\nUser-agent: Greenpool-LinkCheck\nDisallow: /own"
    assert.isTrue(allows(text, "/all"))
    assert.isFalse(allows(text, "/own/page"))
    assert.isFalse(allows("User-agent: *\nDisallow: /", "/"))
  })

  it("rules by the longest match, with wildcards and ends", () => {
    const text = "User-agent: *\nDisallow: /shop\nAllow: /shop/open\nDisallow: /*.pdf$"
    assert.isFalse(allows(text, "/shop/till"))
    assert.isTrue(allows(text, "/shop/open/today"))
    assert.isFalse(allows(text, "/docs/a.pdf"))
    assert.isTrue(allows(text, "/docs/a.pdf?x"))
  })

  it("that is empty or no robots.txt at all forbids nothing", () => {
    assert.isTrue(allows("", "/"))
    assert.isTrue(allows("<!doctype html><title>Welcome</title>", "/"))
  })

  it.effect("keeps requests apart by its Crawl-delay, the first one at once", () =>
    Effect.gen(function*() {
      const policy = policyOf("http://site.test/robots.txt", "User-agent: *\nCrawl-delay: 2")
      const turns = Effect.forEach([1, 2, 3], () => Effect.andThen(policy.turn, Clock.currentTimeMillis), {
        concurrency: "unbounded"
      })
      const fiber = yield* Effect.forkChild(turns)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [0, 2000, 4000])
    }))

  it.live("that is missing allows everything", () =>
    Effect.gen(function*() {
      assert.isTrue(yield* policyWhen(respond("404 Not Found", "Disallow: /")))
    }))

  it.live("that the server fails to give allows nothing", () =>
    Effect.gen(function*() {
      assert.isFalse(yield* policyWhen(respond("503 Service Unavailable", "")))
    }))

  it.live("is found where a redirect leads", () =>
    Effect.gen(function*() {
      const target = yield* serveRaw((socket) => socket.end(respond("200 OK", "User-agent: *\nDisallow: /page")))
      assert.isFalse(yield* policyWhen(respond("301 Moved", "", `Location: ${target.origin}/elsewhere.txt`)))
    }).pipe(Effect.scoped))

  it.live("whose server gives no answer fails, with the reason", () =>
    Effect.gen(function*() {
      const server = yield* serveRaw((socket) => socket.destroy())
      const error = yield* Effect.flip(fetchPolicy(server.origin, options))
      assert.strictEqual(error.reason, "Closed")
    }).pipe(Effect.scoped, Effect.provide(layerClient)))
})
