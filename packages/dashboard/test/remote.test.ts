import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, it } from "@effect/vitest"
import { GreenPool, InvalidPoolSize, PoolStats } from "@greenpool/core"
import { Effect, Exit, Fiber, Latch, Redacted, Scope, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { Dashboard } from "../src/index.ts"
import { linkOf } from "../src/internal/link.ts"
import { statsOf } from "../src/internal/stats.ts"
import type { Pool } from "../src/internal/wire.ts"
import { ask, type Body, command, ownMetrics, serve, serveDashboard, test } from "./support/serve.ts"

const secret = { view: Redacted.make("look"), steer: Redacted.make("grün:2") }

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
  const there = yield* serveDashboard({ pools: [Effect.succeed(pool)], access: Dashboard.password(secret), keys: true })
  const shown = yield* Dashboard.remote(there.page, { pool: "jobs", name: "orders-1 jobs", password: secret.steer })
  const { page } = yield* serveDashboard({ pools: [Effect.succeed(shown)], access: Dashboard.local("steer") })
  yield* until(page, ({ ended, steer, times }) => ended === undefined && steer === true && times === true)
  yield* pool.spawn(Effect.never, { key: "ann" })
  // What an adaptive pool has found comes with samples, as its keys do.
  let stats = yield* shown.stats
  while (stats.running === 0 || stats.adaptive === undefined) {
    yield* TestClock.adjust("1 second")
    yield* listed(page)
    stats = yield* shown.stats
  }
  assert.deepInclude(stats, { name: "orders-1 jobs", size: 4, running: 1, free: 3, started: 1 })
  assert.deepInclude((yield* pool.stats).adaptive, { phase: "starting" as const, cuts: 0 })
  assert.deepStrictEqual(stats.adaptive, (yield* pool.stats).adaptive)
  assert.deepStrictEqual(yield* shown.keys!, [{ key: "ann", weight: 1, running: 1, waiting: 0 }])
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
  const { page } = yield* serveDashboard({ pools: [Dashboard.remote(there.page, { pool: "jobs" })] })
  // To be looked at, and not to be steered: that is all that it may there.
  yield* until(page, ({ ended, steer }) => ended === undefined && steer === undefined)
  const close = yield* Effect.forkChild(Scope.close(first, Exit.void))
  yield* until(page, ({ ended }) => ended?.startsWith(`No figures come from ${there.page}: `) === true)
  yield* Fiber.join(close)
  const again = Dashboard.layer({ pools: [GreenPool.make({ name: "jobs", size: 3 })] })
  yield* serve(again, Number(new URL(there.url).port))
  yield* until(page, ({ ended }) => ended === undefined)
})

const jobs = { id: 3, name: "jobs", steer: true }

const data = (event: object) => new TextEncoder().encode(`data: ${JSON.stringify(event)}\n\n`)

/** A pool whose process answers as the test says. What `send` sends has been taken in when it returns. */
const make = Effect.gen(function*() {
  const isIdle = yield* Latch.make()
  const requests: Array<string> = []
  let feed!: ReadableStreamDefaultController<Uint8Array>
  let isRead = false
  const there = {
    hello: { process: "there", access: "steer" },
    feed: Effect.sync(() => {
      const start = (controller: typeof feed) => {
        isRead = true
        feed = controller
        feed.enqueue(data(there.hello))
      }
      const pull = () => void isIdle.openUnsafe()
      const cancel = () => void (isRead = false)
      return new Response(new ReadableStream({ start, pull, cancel }, { highWaterMark: 0 }))
    }),
    history: Effect.sync(() => Response.json({ list: 1, pools: [jobs] })),
    resize: Effect.sync(() => new Response())
  }
  const client = HttpClient.make((request, { search }) => {
    requests.push(`${request.method} ${request.url}`)
    const part = request.method === "POST" ? there.resize : search === "?feed" ? there.feed : there.history
    return Effect.map(part, (response) => HttpClientResponse.fromWeb(request, response))
  })
  const shown = yield* Dashboard.remote("http://there/", { pool: "jobs" }).pipe(
    Effect.provideService(HttpClient.HttpClient, client)
  )
  const send = Effect.fnUntraced(function*(...events: ReadonlyArray<object>) {
    yield* isIdle.await
    for (const event of events) {
      isIdle.closeUnsafe()
      feed.enqueue(data(event))
      yield* isIdle.await
    }
  })
  return {
    requests,
    send,
    shown,
    problem: () => linkOf(shown)!.problem,
    isRead: () => isRead,
    there,
    end: () => feed.close()
  }
})

/** The figures of a pool of this size, without those of times. */
const figures = (size: number) => [3, size, 1, 2, 3, 30, 20, 4, 5, 6, size]

const adaptive = { phase: "starting" as const, cuts: 0, goodput: 1, latency: 1, elasticity: 1 }

test("frames say what there is, samples also times, keys and what an adaptive pool has found", function*() {
  const { send, shown } = yield* make
  const look = Effect.all({ stats: shown.stats, keys: shown.keys!, times: Effect.sync(() => linkOf(shown)!.times) })
  assert.deepStrictEqual(yield* look, { stats: statsOf("jobs", []), keys: [], times: undefined })
  yield* send({ list: 1, figures: [[1, 9], figures(4)] })
  const ends = { started: 30, succeeded: 20, failed: 4, interrupted: 5, rejected: 6 }
  const stats = new PoolStats({ name: "jobs", size: 4, running: 1, free: 3, waiting: 2, borrowed: 3, ...ends })
  assert.deepStrictEqual(yield* look, { stats, keys: [], times: undefined })
  const keys = { 3: { busiest: [["ann", 2, 1, 5], [null, 1, 0, 7]] } }
  const inUse = [{ key: "ann", weight: 2, running: 1, waiting: 5 }, { weight: 1, running: 0, waiting: 7 }]
  const times = [1, 2, 3, 4, 5, 6]
  yield* send({ sample: 1, list: 1, figures: [[...figures(4), ...times]], keys, adaptive: { 3: adaptive } })
  assert.deepInclude(yield* look, { keys: inUse, times })
  const found = (yield* shown.stats).adaptive
  assert.deepInclude(found, adaptive)
  // What is no sample, or isn't about this pool, leaves them as they are.
  yield* send({ list: 1, figures: [figures(5)] }, { list: 1, figures: [] })
  assert.deepStrictEqual(yield* look, { stats: statsOf("jobs", figures(5).slice(1), found), keys: inUse, times })
  yield* send({ sample: 2, list: 1, figures: [figures(6)], keys })
  assert.deepStrictEqual(yield* look, { stats: statsOf("jobs", figures(6).slice(1)), keys: inUse, times: undefined })
  yield* send({ sample: 3, list: 1, figures: [figures(6)], keys: {} }, { sample: 4, list: 1, figures: [figures(6)] })
  assert.deepStrictEqual(yield* shown.keys!, [])
})

test("the pool is looked for in each new list: one that a frame has, or else the one that is asked for", function*() {
  const { problem, requests, send, shown, there } = yield* make
  const asked = () => requests.splice(0)
  const lost = "There is no pool named \"jobs\"."
  const size = Effect.map(shown.stats, ({ size }) => size)
  yield* send()
  assert.deepStrictEqual([asked(), problem()], [["GET http://there/?feed", "GET http://there/?history"], undefined])
  assert.isDefined(shown.resize)
  const frames = [
    [{ list: 2, pools: [{ ...jobs, name: "other" }], figures: [figures(5)] }, lost, 0],
    [{ list: 1, pools: [jobs], figures: [figures(5)] }, lost, 0],
    [{ list: 3, pools: [{ id: 3, name: "jobs" }], figures: [figures(6)] }, undefined, 6],
    [{ list: 3, figures: [figures(7)] }, undefined, 7],
    [{ list: 4, pools: [{ id: 3, name: "jobs", ended: "" }], figures: [] }, "", 7]
  ] as const
  for (const [frame, expected, expectedSize] of frames) {
    yield* send(frame)
    assert.deepStrictEqual([problem(), yield* size, shown.resize], [expected, expectedSize, undefined])
  }
  assert.deepStrictEqual(asked(), [])
  there.history = Effect.sync(() => Response.json({ list: 6, pools: [{ ...jobs, id: 4 }] }))
  yield* send({ list: 6, figures: [figures(8), [4, 9]] })
  assert.deepStrictEqual([asked(), problem(), yield* size], [["GET http://there/?history"], undefined, 9])
  // A list that is older than the frame.
  yield* send({ list: 7, figures: [[4, 10]] })
  assert.deepStrictEqual([asked(), yield* size], [["GET http://there/?history"], 10])
  // Another process.
  there.history = Effect.sync(() => Response.json({ list: 1, pools: [jobs] }))
  yield* send({ ...there.hello, access: "view" }, { list: 1, figures: [figures(11)] })
  assert.deepStrictEqual([asked(), yield* size, shown.resize], [["GET http://there/?history"], 11, undefined])
})

test("it is read until the scope closes", function*() {
  const scope = yield* Scope.make()
  const { isRead, requests, send } = yield* Scope.provide(make, scope)
  yield* send()
  assert.isTrue(isRead())
  yield* Scope.close(scope, Exit.void)
  assert.isFalse(isRead())
  yield* TestClock.adjust("10 seconds")
  assert.strictEqual(requests.length, 2)
})

test("each change is told once, beginning with the present", function*() {
  const { send, shown } = yield* make
  const seen: Array<number> = []
  yield* Effect.forkChild(Stream.runForEach(shown.changes, ({ size }) => Effect.sync(() => void seen.push(size))))
  yield* send()
  assert.deepStrictEqual(seen, [0, 0])
  for (const size of [4, 5]) yield* send({ list: 1, figures: [figures(size)] })
  assert.deepStrictEqual(seen, [0, 0, 4, 5])
  yield* TestClock.adjust("5 seconds")
  assert.deepStrictEqual(seen, [0, 0, 4, 5, 5])
  assert.strictEqual((yield* Effect.flatMap(Stream.runHead(shown.changes), Effect.fromOption)).size, 5)
  // What comes while a reader is busy is told next.
  const busy = yield* Latch.make()
  const reads = Stream.runForEach(shown.changes, ({ size }) => Effect.map(busy.await, () => void seen.push(size)))
  yield* Effect.forkChild(reads, { startImmediately: true })
  yield* TestClock.adjust("3 seconds")
  yield* send({ list: 1, figures: [figures(6)] })
  seen.length = 0
  yield* busy.open
  yield* TestClock.adjust(0)
  assert.deepStrictEqual(seen, [5, 6])
})

test("after 5 seconds of silence the connection is lost, and opened again after 3", function*() {
  const { problem, requests, send, there } = yield* make
  const lost = "No figures come from http://there/: http://there/: There is no answer any more."
  yield* send()
  there.feed = Effect.never
  const steps = [[4999, undefined, 2], [1, lost, 2], [2999, lost, 2], [1, lost, 3], [7999, lost, 3], [
    1,
    lost,
    4
  ]] as const
  for (const [time, expected, count] of steps) {
    yield* TestClock.adjust(time)
    assert.deepStrictEqual([problem(), requests.length], [expected, count])
  }
})

test("it says why no figures come", function*() {
  const { end, problem, send, there } = yield* make
  assert.strictEqual(problem(), "There is no answer yet.")
  yield* send()
  end()
  const answers = [
    ["feed", Effect.never, "There is no answer any more."],
    ["feed", Effect.die(new Error("The wire is cut.")), "The wire is cut."],
    ["feed", Effect.sync(() => new Response("", { status: 502 })), "The answer has status 502."],
    ["history", Effect.never, "There is no answer any more."],
    ["history", Effect.sync(() => new Response("", { status: 403 })), "The answer has status 403."]
  ] as const
  const before = { ...there }
  for (const [part, answer, reason] of answers) {
    Object.assign(there, before, { [part]: answer })
    while (problem() !== `No figures come from http://there/: http://there/: ${reason}`) {
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
  }
})

test("a resize is one command, and fails with what is said of it", function*() {
  const { send, shown, there } = yield* make
  yield* send()
  const failed = (reason: string) => ({ _tag: "RemoteFailed", message: `http://there/: ${reason}` })
  const answers = [
    [Effect.sync(() => Response.json({ size: 7 })), undefined],
    [Effect.sync(() => new Response("", { status: 422 })), new InvalidPoolSize({ value: "7" })],
    [Effect.sync(() => Response.json({ error: "It has closed." }, { status: 409 })), failed("It has closed.")],
    [Effect.sync(() => Response.json({}, { status: 500 })), failed("The answer has status 500.")],
    [Effect.sync(() => new Response("<h1>", { status: 502 })), failed("The answer has status 502.")],
    [Effect.die(new Error("The wire is cut.")), failed("The wire is cut.")]
  ] as const
  for (const [answer, expected] of answers) {
    Object.assign(there, { resize: answer })
    const error = yield* Effect.flip(Effect.andThen(shown.resize!(7), Effect.fail(undefined)))
    assert.deepStrictEqual([error?._tag, error?.message], [expected?._tag, expected?.message])
  }
  there.resize = Effect.never
  const unanswered = yield* Effect.forkChild(Effect.flip(shown.resize!(7)), { startImmediately: true })
  yield* TestClock.adjust(4999)
  assert.isUndefined(unanswered.pollUnsafe())
  yield* TestClock.adjust(1)
  assert.strictEqual((yield* Fiber.join(unanswered)).message, "http://there/: There is no answer any more.")
})
