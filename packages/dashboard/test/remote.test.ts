import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { GreenPool, InvalidPoolSize } from "@greenpool/core"
import { Effect, Exit, Layer, Redacted, Schedule, Scope } from "effect"
import { Dashboard } from "../src/index.ts"
import { ask, command, ownMetrics, serve } from "./support/serve.ts"

const secret = { view: Redacted.make("look"), steer: Redacted.make("s3cret") }

interface Listed {
  readonly name: string
  readonly ended?: string
  readonly steer?: true
  readonly times?: true
}

const listed = (page: string): Effect.Effect<ReadonlyArray<Listed>> =>
  Effect.map(ask(`${page}?history`), ({ body }) => JSON.parse(body).pools)

/** Waits until the first pool of the page is listed so. */
const until = (page: string, isSo: (pool: Listed) => boolean) =>
  Effect.repeat(listed(page), {
    until: ([pool]) => pool !== undefined && isSo(pool),
    schedule: Schedule.spaced("50 millis")
  })

describe("a pool of another process", { timeout: 20_000 }, () => {
  it.live("is shown and resized as one of this", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ name: "jobs", size: 4, metrics: true, adaptive: true })
      const there = yield* serve(
        Dashboard.layer({ pools: [Effect.succeed(pool)], access: Dashboard.password(secret) })
      )
      const shown = yield* Dashboard.remote(`${there.url}/greenpool`, {
        pool: "jobs",
        name: "orders-1 jobs",
        password: secret.steer
      })
      const here = yield* serve(Dashboard.layer({
        pools: [Effect.succeed(shown)],
        access: Dashboard.local("steer")
      }))
      const page = `${here.url}/greenpool`
      yield* until(page, ({ ended, steer, times }) => ended === undefined && steer === true && times === true)
      const job = yield* pool.spawn(Effect.never)
      yield* Effect.repeat(shown.stats, {
        until: ({ running }) => running === 1,
        schedule: Schedule.spaced("50 millis")
      })
      assert.deepInclude(yield* shown.stats, { name: "orders-1 jobs", size: 4, running: 1, free: 3, started: 1 })
      // It passes on what an adaptive pool has found, from sample to sample.
      assert.deepInclude((yield* pool.stats).adaptive, { phase: "starting", cuts: 0 })
      const { adaptive } = yield* Effect.repeat(shown.stats, {
        until: ({ adaptive }) => adaptive !== undefined,
        schedule: Schedule.spaced("50 millis")
      })
      assert.deepStrictEqual(adaptive, (yield* pool.stats).adaptive)
      assert.strictEqual(
        (yield* command(page, { pool: "orders-1 jobs", command: "resize", size: 9 })).status,
        200
      )
      assert.strictEqual(yield* pool.size, 9)
      const refused = yield* command(page, { pool: "orders-1 jobs", command: "resize", size: -1 })
      assert.deepStrictEqual([refused.status, JSON.parse(refused.body).error], [
        422,
        new InvalidPoolSize({ value: "-1" }).message
      ])
      job.interruptUnsafe()
    }).pipe(Effect.scoped, ownMetrics, Effect.provide(NodeHttpClient.layerNodeHttp)))

  it.live("says why where no figures come, and goes on when they come again", () =>
    Effect.gen(function*() {
      const first = yield* Scope.make()
      const there = yield* Scope.provide(serve(Dashboard.layer({ pools: [GreenPool.make({ name: "jobs" })] })), first)
      const here = yield* serve(
        Dashboard.layer({
          pools: [
            Dashboard.remote(`${there.url}/greenpool`, { pool: "jobs" }),
            Dashboard.remote(`${there.url}/greenpool`, { pool: "nowhere" })
          ]
        }).pipe(Layer.provide(NodeHttpClient.layerNodeHttp))
      )
      const page = `${here.url}/greenpool`
      // To be looked at, and not to be steered: that is all that it may there.
      yield* until(page, ({ ended }) => ended === undefined)
      assert.deepStrictEqual((yield* listed(page)).map(({ ended, steer }) => [ended, steer]), [
        [undefined, undefined],
        ["There is no pool named \"nowhere\".", undefined]
      ])
      yield* Scope.close(first, Exit.void)
      yield* until(page, ({ ended }) => ended?.startsWith(`No figures come from ${there.url}/greenpool: `) === true)
      yield* serve(
        Dashboard.layer({ pools: [GreenPool.make({ name: "jobs", size: 3 })] }),
        Number(new URL(there.url).port)
      )
      yield* until(page, ({ ended }) => ended === undefined)
    }).pipe(Effect.scoped, ownMetrics))
})
