import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Deferred, Effect, Redacted } from "effect"
import { Dashboard } from "../src/index.ts"
import { nginx, startNginx } from "./support/nginx.ts"
import { ask, command, live, openFeed, serveDashboard, until } from "./support/serve.ts"

const pause = { pool: "default", command: "pause" }

const pass = (url: string, more = "") => `location / { ${more} proxy_pass ${url}; }`

describe.skipIf(nginx === undefined)("behind an nginx that is told nothing but where to pass on", () => {
  live("frames come as they are made, compressed history as it is", function*() {
    const pool = yield* GreenPool.make({ size: 2 })
    const { url } = yield* serveDashboard({ pools: [Effect.succeed(pool)] })
    const page = `${yield* startNginx(pass(url))}/greenpool`
    const feed = yield* openFeed(page)
    yield* until("a sample", () => feed.events.length > 1)
    const gate = yield* Deferred.make<void>()
    yield* pool.spawn(Deferred.await(gate))
    const began = Date.now()
    yield* until("the job", () => feed.events.at(-1).figures.some((row: ReadonlyArray<number>) => row[2] === 1))
    assert.isBelow(Date.now() - began, 1000)
    const history: any = yield* Effect.promise(() => fetch(`${page}?history`).then((response) => response.json()))
    assert.deepInclude(history.pools[0], { name: "default" })
    yield* Deferred.succeed(gate, undefined)
  })

  live("everyone looks local and may look, and no browser may steer", function*() {
    const { url } = yield* serveDashboard({ pools: [GreenPool.make()], access: Dashboard.local("steer") })
    const origin = yield* startNginx(pass(url))
    const page = `${origin}/greenpool`
    assert.strictEqual((yield* ask(page)).status, 200)
    assert.strictEqual((yield* command(page, pause, { origin })).status, 403)
    // As the docs say: what sends no `Origin` is taken for a program of this machine.
    assert.strictEqual((yield* command(page, pause)).status, 200)
  })

  live("which names the client, nobody is local, and a password lets them in and steer", function*() {
    const forwarded = "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;"
    const local = yield* serveDashboard({ pools: [GreenPool.make()], access: Dashboard.local("steer") })
    assert.strictEqual((yield* ask(`${yield* startNginx(pass(local.url, forwarded))}/greenpool`)).status, 403)
    const access = Dashboard.password({ steer: Redacted.make("secret") })
    const { url } = yield* serveDashboard({ pools: [GreenPool.make()], access })
    const origin = yield* startNginx(pass(url, forwarded))
    const steers = (password: string) =>
      command(`${origin}/greenpool`, pause, { origin, authorization: `Basic ${btoa(`me:${password}`)}` })
    assert.strictEqual((yield* steers("wrong")).status, 403)
    assert.strictEqual((yield* steers("secret")).status, 200)
  })
})
