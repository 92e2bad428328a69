import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Context, Effect, Exit, Scope } from "effect"
import { Dashboard } from "../src/index.ts"
import type { History } from "../src/internal/wire.ts"
import { ask, live, openFeed, serve, serveDashboard, until } from "./support/serve.ts"

const historyOf = (page: string): Effect.Effect<History> =>
  Effect.map(ask(`${page}?history`), ({ body }) => JSON.parse(body))

describe("a dashboard", () => {
  live("is where its path says, with or without a slash at the end", function*() {
    for (const path of ["/", "/p/", "/pools/", "/pools"] as const) {
      const { url } = yield* serve(Dashboard.layer({ path }))
      for (const end of ["", "/"]) {
        assert.strictEqual((yield* ask(url + path.replace(/\/$/, "") + end)).status, 200, path + end)
      }
    }
  })

  live("takes options at the ends of their ranges, of time in any form", function*() {
    for (
      const [history, expected] of [["10 seconds", 10], ["1 hour", 3600], [10_400, 10], [undefined, 300]] as const
    ) {
      const options = { interval: "50 millis", maxViewers: 1, ...history && { history } } as const
      assert.strictEqual((yield* historyOf((yield* serveDashboard(options)).page)).length, expected)
    }
  })

  live("shows further pools until their scopes close", function*() {
    const { context, page } = yield* serveDashboard({ pools: [GreenPool.make()] })
    const names = Effect.map(historyOf(page), ({ pools }) => pools.map(({ name }) => name))
    const scope = yield* Scope.make()
    const pool = yield* GreenPool.make({ name: "jobs" })
    for (const more of [pool, GreenPool.make()]) {
      yield* Dashboard.show(more).pipe(Effect.provideContext(context), Scope.provide(scope))
    }
    assert.deepStrictEqual(yield* names, ["default", "jobs", "default (2)"])
    yield* Scope.close(scope, Exit.void)
    assert.deepStrictEqual(yield* names, ["default"])
  })

  live("has 100 pages open, and no more", function*() {
    const { context, page } = yield* serveDashboard()
    const { watching } = Context.get(context, Dashboard)
    yield* Effect.forEach(Array.from({ length: 100 }), () => openFeed(page), { concurrency: "unbounded" })
    yield* until("all pages", () => Effect.runSync(watching) === 100)
    const { body, headers, status } = yield* ask(`${page}?feed`)
    assert.deepStrictEqual(
      [status, headers["retry-after"], body],
      [503, "5", "Too many pages are open: at most 100.\n"]
    )
  })
})

live("a part of the page is kept under its version, and compressed for those that take it so", function*() {
  const { page } = yield* serveDashboard()
  const part = (query: string, headers: Readonly<Record<string, string>> = {}) =>
    ask(`${page}?css${query}`, { headers })
  const { headers: { etag } } = yield* part("")
  for (
    const [query, expected] of [["", "no-cache"], [`=${JSON.parse(etag!)}`, "private, max-age=31536000, immutable"]]
  ) {
    assert.strictEqual((yield* part(query!)).headers["cache-control"], expected)
  }
  const known = yield* part("", { "if-none-match": etag! })
  assert.deepStrictEqual([known.status, known.body, known.headers["x-frame-options"]], [304, "", "DENY"])
  const whole = { "if-none-match": "\"other\"", "x-other": "gzip" }
  for (
    const [accepted, expected] of [["br, GZIP;q=0.5", "gzip"], ["gzip;q=0, br", undefined], ["", undefined]]
  ) {
    const { headers, status } = yield* part("", { ...whole, "accept-encoding": accepted! })
    assert.deepStrictEqual([status, headers["content-encoding"]], [200, expected])
  }
})
