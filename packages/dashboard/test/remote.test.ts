import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, it } from "@effect/vitest"
import { GreenPool, InvalidPoolSize } from "@greenpool/core"
import { Effect, Exit, Fiber, Redacted, Scope } from "effect"
import type { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { Dashboard } from "../src/index.ts"
import type { Pool } from "../src/internal/wire.ts"
import { ask, type Body, command, ownMetrics, serve, serveDashboard } from "./support/serve.ts"

const secret = { view: Redacted.make("look"), steer: Redacted.make("s3cret") }

const listed = (page: string): Effect.Effect<ReadonlyArray<Pool>> =>
  Effect.map(ask(`${page}?history`), ({ body }) => JSON.parse(body).pools)

/** Lets virtual time go by until the first pool of the page is listed so. */
const until = (page: string, isSo: (pool: Pool) => boolean): Effect.Effect<void> =>
  Effect.flatMap(listed(page), ([pool]) =>
    pool !== undefined && isSo(pool)
      ? Effect.void
      : Effect.andThen(TestClock.adjust("1 second"), until(page, isSo)))

/** A test with a client, which remote pools need. */
const remote = (title: string, body: () => Body<HttpClient.HttpClient>) =>
  it.effect(title, () => Effect.gen(body).pipe(ownMetrics, Effect.provide(NodeHttpClient.layerNodeHttp)))

remote("a pool of another process is shown and resized as one of this", function*() {
  const pool = yield* GreenPool.make({ name: "jobs", size: 4, metrics: true, adaptive: true })
  const there = yield* serveDashboard({ pools: [Effect.succeed(pool)], access: Dashboard.password(secret) })
  const shown = yield* Dashboard.remote(there.page, { pool: "jobs", name: "orders-1 jobs", password: secret.steer })
  const { page } = yield* serveDashboard({ pools: [Effect.succeed(shown)], access: Dashboard.local("steer") })
  yield* until(page, ({ ended, steer, times }) => ended === undefined && steer === true && times === true)
  yield* pool.spawn(Effect.never)
  // What an adaptive pool has found comes with samples.
  let stats = yield* shown.stats
  while (stats.running === 0 || stats.adaptive === undefined) {
    yield* TestClock.adjust("1 second")
    yield* listed(page)
    stats = yield* shown.stats
  }
  assert.deepInclude(stats, { name: "orders-1 jobs", size: 4, running: 1, free: 3, started: 1 })
  assert.deepInclude((yield* pool.stats).adaptive, { phase: "starting", cuts: 0 })
  assert.deepStrictEqual(stats.adaptive, (yield* pool.stats).adaptive)
  const resize = (size: number) => command(page, { pool: "orders-1 jobs", command: "resize", size })
  assert.strictEqual((yield* resize(9)).status, 200)
  assert.strictEqual(yield* pool.size, 9)
  const refused = yield* resize(-1)
  const { message } = new InvalidPoolSize({ value: "-1" })
  assert.deepStrictEqual([refused.status, JSON.parse(refused.body).error], [422, message])
})

remote("it says why where no figures come, and goes on when they come again", function*() {
  const first = yield* Scope.make()
  const there = yield* Scope.provide(serveDashboard({ pools: [GreenPool.make({ name: "jobs" })] }), first)
  const { page } = yield* serveDashboard({
    pools: ["jobs", "nowhere"].map((pool) => Dashboard.remote(there.page, { pool }))
  })
  // To be looked at, and not to be steered: that is all that it may there.
  yield* until(page, ({ ended }) => ended === undefined)
  assert.deepStrictEqual((yield* listed(page)).map(({ ended, steer }) => [ended, steer]), [
    [undefined, undefined],
    ["There is no pool named \"nowhere\".", undefined]
  ])
  const close = yield* Effect.forkChild(Scope.close(first, Exit.void))
  yield* until(page, ({ ended }) => ended?.startsWith(`No figures come from ${there.page}: `) === true)
  yield* Fiber.join(close)
  const again = Dashboard.layer({ pools: [GreenPool.make({ name: "jobs", size: 3 })] })
  yield* serve(again, Number(new URL(there.url).port))
  yield* until(page, ({ ended }) => ended === undefined)
})
