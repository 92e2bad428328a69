import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Latch, Logger, References, Scope, Stream, type Tracer } from "effect"
import { GreenPile, GreenPool } from "../src/index.ts"
import { makeStorage } from "./support/async-storage.ts"
import { makePool } from "./support/makePool.ts"
import { Stage } from "./support/stage.ts"
import { atRest, until } from "./support/turns.ts"

class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}

const Shade = Context.Reference<string>("test/Shade", { defaultValue: () => "none" })

/** Ways to run a job and get its result. */
const ways: Record<
  string,
  <A>(pool: GreenPool, job: Effect.Effect<A, never, Tenant>) => Effect.Effect<A, never, Tenant>
> = {
  run: (pool, job) => pool.run(job),
  "nested run": (pool, job) => pool.run(pool.run(job)),
  spawn: (pool, job) => Effect.flatMap(pool.spawn(job), Fiber.join),
  "nested spawn": (pool, job) => pool.run(Effect.flatMap(pool.spawn(job), Fiber.join)),
  spawnN: (pool, job) =>
    Effect.flatMap(Latch.make(), (done) => {
      const results: Array<Effect.Success<typeof job>> = []
      const keep = Effect.andThen(Effect.map(job, (result) => results.push(result)), done.open)
      return Effect.andThen(pool.spawnN(keep), Effect.as(done.await, results[0])).pipe(
        Effect.flatMap(() => Effect.sync(() => results[0] as Effect.Success<typeof job>))
      )
    }),
  imap: (pool, job) =>
    Effect.map(Stream.runCollect(pool.imap(() => job, [1])), ([first]) => first as Effect.Success<typeof job>),
  pile: (pool, job) =>
    Effect.scoped(Effect.gen(function*() {
      const pile = yield* Effect.orDie(GreenPile.make<Effect.Success<typeof job>>(pool))
      yield* pile.spawn(job)
      return yield* Effect.flatMap(pile.next, Effect.fromOption).pipe(Effect.orDie)
    }))
}

/** What a job can see of where it comes from. */
const surroundings = Effect.gen(function*() {
  return {
    tenant: yield* Tenant,
    shade: yield* Shade,
    annotations: yield* References.CurrentLogAnnotations,
    span: (yield* Effect.orDie(Effect.currentSpan)).name
  }
})

/** Gives an effect surroundings that bear a name. */
const inSurroundings = <A, E, R>(name: string, effect: Effect.Effect<A, E, R | Tenant>) =>
  effect.pipe(
    Effect.withSpan(name),
    Effect.annotateLogs("request", name),
    Effect.provideService(Shade, name),
    Effect.provideService(Tenant, name)
  ) as Effect.Effect<A, E, Exclude<R, Tenant>>

describe.each(Object.keys(ways))("a job of %s", (way) => {
  const go = <A>(pool: GreenPool, job: Effect.Effect<A, never, Tenant>): Effect.Effect<A, never, Tenant> => {
    const call = ways[way]
    return call === undefined ? Effect.die(new Error(way)) : call(pool, job)
  }

  it.effect("has the services, references, log annotations and parent span of its caller", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      expect(yield* inSurroundings("a", go(pool, surroundings))).toEqual({
        tenant: "a",
        shade: "a",
        annotations: { request: "a" },
        span: "a"
      })
    }))

  it.effect("never has those of the job that ran in the slot before, or of whoever freed it", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* inSurroundings("holder", pool.spawn(stage.job("holder")))
      const fibers = yield* Effect.forEach(
        ["a", "b", "c"],
        (name) =>
          Effect.forkChild(inSurroundings(name, go(pool, Effect.andThen(Effect.yieldNow, surroundings))), {
            startImmediately: true
          })
      )
      yield* inSurroundings("opener", stage.finishAll)
      expect(yield* Fiber.joinAll(fibers)).toEqual(["a", "b", "c"].map((name) => ({
        tenant: name,
        shade: name,
        annotations: { request: name },
        span: name
      })))
    }))

  it.effect("leaves the context of its caller as it was", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const before = yield* Effect.context()
      yield* Effect.provideService(go(pool, Effect.provideService(Effect.void, Shade, "inner")), Tenant, "t")
      expect((yield* Effect.context()).mapUnsafe).toEqual(before.mapUnsafe)
      expect(yield* Shade).toBe("none")
    }))

  it("keeps the asynchronous context of its caller, of Node", async () => {
    const storage = await Effect.runPromise(makeStorage<string>())
    const scope = Scope.makeUnsafe()
    const pool = await Effect.runPromise(Effect.provideService(GreenPool.make({ size: 2 }), Scope.Scope, scope))
    const gate = Latch.makeUnsafe()
    const look = Effect.gen(function*() {
      const first = storage.getStore()
      yield* Effect.yieldNow
      const second = storage.getStore()
      yield* Effect.promise(() => Promise.resolve())
      return [first, second, storage.getStore()]
    })
    // they start on free slots, wait in the queue, and are woken by each other
    const results = await Promise.all([
      storage.run("gate", () => Effect.runPromise(Effect.as(pool.spawn(gate.await), ["gate"]))),
      ...["a", "b", "c", "d"].map((name) =>
        storage.run(name, () => Effect.runPromise(Effect.provideService(go(pool, look), Tenant, name)))
      ),
      storage.run("opener", () => Effect.runPromise(Effect.as(Effect.andThen(Effect.yieldNow, gate.open), ["opener"])))
    ])
    expect(results).toEqual([
      ["gate"],
      ...["a", "b", "c", "d"].map((name) => [name, name, name]),
      ["opener"]
    ])
    await Effect.runPromise(Scope.close(scope, Exit.void))
  })
})

describe("run", () => {
  it.effect("gives its caller's fiber back the very context that it had", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const before = yield* Effect.context()
      for (const job of [Effect.void, Effect.fail("no"), pool.run(Effect.die("bug"))]) {
        yield* Effect.exit(pool.run(job))
        expect(yield* Effect.context()).toBe(before)
      }
    }))
})

describe("a spawned job", () => {
  it.effect("outlives its spawner", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const spawner = yield* Effect.forkChild(pool.spawn(stage.job("job")))
      const fiber = yield* Fiber.join(spawner)
      yield* atRest
      expect(fiber.pollUnsafe()).toBeUndefined()
      yield* stage.finishAll
      expect(yield* Fiber.join(fiber)).toBe("job")
    }))

  it.effect("outlives its spawner that fails, dies or is interrupted", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(3)
      const stage = new Stage()
      for (const end of [Effect.fail("no"), Effect.die("bug"), Effect.interrupt]) {
        const spawner = yield* Effect.forkChild(Effect.andThen(pool.spawnN(stage.job("job")), end))
        yield* Fiber.await(spawner)
      }
      yield* atRest
      expect(stage.events).toEqual(["job starts", "job starts", "job starts"])
      yield* stage.finishAll
      yield* pool.waitall
    }))

  it.effect("ends when the pool's scope closes", () =>
    Effect.gen(function*() {
      const stage = new Stage()
      yield* Effect.scoped(Effect.gen(function*() {
        const pool = yield* makePool(1)
        yield* Effect.forkChild(pool.spawn(stage.around("job", Effect.never)))
        yield* until(() => stage.started.length === 1)
      }))
      expect(stage.events).toEqual(["job starts", "job is interrupted"])
    }))

  it.effect("is not ended by the scope in which it was spawned", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* Effect.scoped(pool.spawn(stage.job("job")))
      yield* atRest
      expect(stage.events).toEqual(["job starts"])
    }))

  it.effect("is a child of the span in which it was spawned", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const parent = (span: Tracer.Span) =>
        span.parent._tag === "Some" && span.parent.value._tag === "Span" ? span.parent.value.name : undefined
      const fiber = yield* pool.spawn(Effect.withSpan(Effect.orDie(Effect.currentSpan), "inner")).pipe(
        Effect.withSpan("outer")
      )
      expect(parent(yield* Fiber.join(fiber))).toBe("outer")
    }))

  it.effect("logs with the spawner's loggers and annotations", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const lines: Array<unknown> = []
      const logger = Logger.make<unknown, void>(({ fiber, message }) => {
        lines.push([message, fiber.getRef(References.CurrentLogAnnotations)])
      })
      yield* pool.spawn(Effect.log("hello")).pipe(
        Effect.annotateLogs("request", "42"),
        Effect.provide(Logger.layer([logger]))
      )
      yield* pool.waitall
      expect(lines).toEqual([[["hello"], { request: "42" }]])
    }))

  it.effect("is interruptible although it was spawned in an uninterruptible region, as a forked fiber is", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const fiber = yield* Effect.uninterruptible(pool.spawn(Effect.never))
      yield* atRest
      yield* Fiber.interrupt(fiber)
      expect(yield* pool.running).toBe(0)
    }))
})
