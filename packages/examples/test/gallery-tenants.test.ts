import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Option, Schedule } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { ApiPool, DatabasePool, startServer, TenantPools } from "../src/gallery/tenants.ts"
import { runExample } from "./example.ts"

const services = Layer.mergeAll(TenantPools.layer, DatabasePool.layer, NodeHttpClient.layerNodeHttp)

const ask = (address: string, tenant?: string) =>
  Effect.gen(function*() {
    const { headers, status, text } = yield* HttpClient.get(
      address,
      tenant === undefined ? {} : {
        headers: { "x-tenant": tenant }
      }
    )
    return { status, body: yield* text, retryAfter: headers["retry-after"] }
  })

/** The pool of a tenant if there is one. Looking at it does not keep it. */
const poolOf = (tenant: string) =>
  TenantPools.contextEffectOption(tenant).pipe(
    Effect.map(Option.map((context) => Context.get(context, ApiPool))),
    Effect.scoped,
    Effect.orDie
  )

/** How many requests of a tenant run and wait. */
const load = (tenant: string) =>
  Effect.gen(function*() {
    const pool = yield* poolOf(tenant)
    if (Option.isNone(pool)) return [0, 0]
    const { running, waiting } = yield* pool.value.stats
    return [running, waiting]
  })

const until = (tenant: string, running: number, waiting: number) =>
  Effect.repeat(load(tenant), {
    until: (load) => load[0] === running && load[1] === waiting,
    schedule: Schedule.spaced("5 millis")
  })

describe("tenants", { timeout: 30_000 }, () => {
  it.live("keeps a tenant that floods the server in its own line, and turns it away where that is full", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const address = yield* startServer(
        0,
        (tenant) => tenant === "flood" ? Effect.as(Deferred.await(gate), "late") : Effect.succeed("soon")
      )
      const flood = yield* Effect.forEach(Array.from({ length: 52 }), () => Effect.forkChild(ask(address, "flood")))
      yield* until("flood", 2, 50)

      for (const tenant of ["a", "b", "a"]) {
        assert.deepInclude(yield* ask(address, tenant), { status: 200, body: "soon" })
      }
      assert.deepInclude(yield* ask(address, "flood"), { status: 429, retryAfter: "1" })
      assert.deepStrictEqual(yield* load("flood"), [2, 50])
      // Not more of it than its own pool lets through.
      assert.strictEqual(yield* DatabasePool.running, 2)

      // A client that leaves gives its place back.
      for (const fiber of flood.splice(0, 5)) yield* Fiber.interrupt(fiber)
      yield* until("flood", 2, 45)
      yield* Deferred.succeed(gate, undefined)
      const answers = yield* Effect.forEach(flood, Fiber.join)
      assert.strictEqual(answers.filter(({ body, status }) => status === 200 && body === "late").length, 47)
      yield* until("flood", 0, 0)
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("has one pool for all requests of a tenant, and another for each tenant", () =>
    Effect.gen(function*() {
      const address = yield* startServer(0, Effect.succeed)
      yield* Effect.forEach(["a", "b", "a", "a"], (tenant) => ask(address, tenant), { concurrency: "unbounded" })
      const [a, b] = yield* Effect.all([poolOf("a"), poolOf("b")]).pipe(
        Effect.map(Option.all),
        Effect.flatMap(Effect.fromOption)
      )
      assert.deepInclude(yield* a.stats, { name: "a", started: 3, rejected: 0 })
      assert.deepInclude(yield* b.stats, { name: "b", started: 1 })
      assert.deepInclude(yield* DatabasePool.use((pool) => pool.stats), { started: 4 })
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.effect("closes the pool of a tenant who has been idle, and none that is in use", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<string>()
      const address = yield* startServer(
        0,
        (tenant) => tenant === "busy" ? Deferred.await(gate) : Effect.succeed("done")
      )
      const busy = yield* Effect.forkChild(ask(address, "busy"))
      yield* ask(address, "idle")
      yield* TestClock.withLive(until("busy", 1, 0))
      const idle = yield* Effect.flatMap(poolOf("idle"), Effect.fromOption)

      yield* TestClock.adjust("9 seconds")
      assert.isTrue(Option.isSome(yield* poolOf("idle")))
      yield* TestClock.adjust("11 seconds")
      assert.isTrue(Option.isNone(yield* poolOf("idle")))
      const exit = yield* Effect.exit(idle.run(Effect.void))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))

      assert.deepStrictEqual(yield* load("busy"), [1, 0])
      yield* Deferred.succeed(gate, "done")
      assert.deepInclude(yield* Fiber.join(busy), { status: 200, body: "done" })
      // Who comes again gets a new one.
      assert.deepInclude(yield* ask(address, "idle"), { status: 200 })
      const again = yield* Effect.flatMap(poolOf("idle"), Effect.fromOption)
      assert.notStrictEqual(again, idle)
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("answers 400 to a client that does not say who it is", () =>
    Effect.gen(function*() {
      const address = yield* startServer(0)
      for (const tenant of [undefined, "A", "x".repeat(33), "a b"]) {
        assert.deepInclude(yield* ask(address, tenant), { status: 400 })
      }
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("runs by its name, with clients of its own", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* runExample("tenants", "--seconds", "1")
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, /^flood +100 +\d+\/s +[1-9]\d* +\d+ ms$/m)
      assert.match(stdout, /^one +1 +[1-9]\d*\/s +0 +\d+ ms$/m)
      assert.match(stdout, /^two +2 +[1-9]\d*\/s +0 +\d+ ms$/m)
    }).pipe(Effect.scoped, Effect.provide(services)))
})
