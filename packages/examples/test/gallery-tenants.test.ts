import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Option } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { ApiPool, DatabasePool, startServer, TenantPools } from "../src/gallery/tenants.ts"
import { eventually, liveWith } from "./live.ts"
import { numbers } from "./outside.ts"

const services = Layer.mergeAll(TenantPools.layer, DatabasePool.layer, NodeHttpClient.layerNodeHttp)
const live = liveWith(services)

const ask = Effect.fnUntraced(function*(address: string, tenant?: string) {
  const options = tenant === undefined ? {} : { headers: { "x-tenant": tenant } }
  const { headers, status, text } = yield* HttpClient.get(address, options)
  return { status, body: yield* text, retryAfter: headers["retry-after"] }
})

/** The pool of a tenant if there is one. Looking at it does not keep it. */
const poolOf = (tenant: string) =>
  TenantPools.contextEffectOption(tenant).pipe(
    Effect.map(Option.map((context) => Context.get(context, ApiPool))),
    Effect.scoped,
    Effect.orDie
  )

const existing = (tenant: string) => Effect.flatMap(poolOf(tenant), Effect.fromOption)

const load = Effect.fnUntraced(function*(tenant: string) {
  const pool = yield* poolOf(tenant)
  const { running, waiting } = Option.isSome(pool) ? yield* pool.value.stats : { running: 0, waiting: 0 }
  return `${running} running, ${waiting} waiting`
})

const until = (tenant: string, loaded: string) => eventually(Effect.map(load(tenant), (load) => load === loaded))

/** The server, at which the requests of one tenant wait for a gate. */
const startWith = Effect.fnUntraced(function*(held: string) {
  const gate = yield* Deferred.make<string>()
  const address = yield* startServer(0, (tenant) => tenant === held ? Deferred.await(gate) : Effect.succeed("soon"))
  return { address, open: Deferred.succeed(gate, "late") }
})

describe("tenants", { timeout: 30_000 }, () => {
  live("keeps a tenant that floods the server in its own queue, and rejects it where that is full", function*() {
    const { address, open } = yield* startWith("flood")
    const flood = yield* Effect.forEach(numbers(52), () => Effect.forkChild(ask(address, "flood")))
    yield* until("flood", "2 running, 50 waiting")
    for (const tenant of ["a", "b", "a"]) {
      assert.deepInclude(yield* ask(address, tenant), { status: 200, body: "soon" })
    }
    assert.deepInclude(yield* ask(address, "flood"), { status: 429, retryAfter: "1" })
    assert.strictEqual(yield* load("flood"), "2 running, 50 waiting")
    // Not more of it than its own pool lets through.
    assert.strictEqual(yield* DatabasePool.running, 2)
    // One pool for all requests of a tenant, and another for each tenant.
    assert.deepInclude(yield* (yield* existing("a")).stats, { name: "a", started: 2, rejected: 0 })
    assert.deepInclude(yield* (yield* existing("b")).stats, { name: "b", started: 1 })
    assert.deepInclude(yield* DatabasePool.use((pool) => pool.stats), { started: 5 })

    // A client that leaves gives its place back.
    yield* Fiber.interruptAll(flood.splice(0, 5))
    yield* until("flood", "2 running, 45 waiting")
    yield* open
    for (const answer of yield* Fiber.joinAll(flood)) assert.deepInclude(answer, { status: 200, body: "late" })
    yield* until("flood", "0 running, 0 waiting")
  })

  it.effect("closes the pool of a tenant that has been idle, and none that is in use", () =>
    Effect.gen(function*() {
      const { address, open } = yield* startWith("busy")
      const busy = yield* Effect.forkChild(ask(address, "busy"))
      yield* ask(address, "idle")
      yield* TestClock.withLive(until("busy", "1 running, 0 waiting"))
      const idle = yield* existing("idle")

      yield* TestClock.adjust("9 seconds")
      assert.isTrue(Option.isSome(yield* poolOf("idle")))
      yield* TestClock.adjust("11 seconds")
      assert.isTrue(Option.isNone(yield* poolOf("idle")))
      const exit = yield* Effect.exit(idle.run(Effect.void))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))

      assert.strictEqual(yield* load("busy"), "1 running, 0 waiting")
      yield* open
      assert.deepInclude(yield* Fiber.join(busy), { status: 200, body: "late" })
      // A tenant that comes again gets a new one.
      assert.deepInclude(yield* ask(address, "idle"), { status: 200 })
      assert.notStrictEqual(yield* existing("idle"), idle)
    }).pipe(Effect.provide(services)))

  live("answers 400 to a client that does not say who it is", function*() {
    const address = yield* startServer(0)
    for (const tenant of [undefined, "A", "x".repeat(33), "a b"]) {
      assert.deepInclude(yield* ask(address, tenant), { status: 400 })
    }
  })
})
