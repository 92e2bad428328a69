import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Latch, References, Scope, Stream } from "effect"
import { GreenPile, GreenPool } from "../src/index.ts"
import { makeStorage } from "./support/async-storage.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"

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
    Effect.flatMap(
      Deferred.make<Effect.Success<typeof job>>(),
      (result) => Effect.andThen(pool.spawnN(Deferred.into(job, result)), Deferred.await(result))
    ),
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

describe.each(Object.entries(ways))("a job of %s", (_, go) => {
  it.effect("has the services, references, log annotations and span of its caller, never those of another job", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const stage = new Stage()
      yield* inSurroundings("holder", pool.spawn(stage.job("holder")))
      const names = ["a", "b", "c"]
      const fibers = yield* Effect.forEach(
        names,
        (name) => forkNow(inSurroundings(name, go(pool, Effect.andThen(Effect.yieldNow, surroundings))))
      )
      yield* inSurroundings("opener", stage.finishAll)
      expect(yield* Fiber.joinAll(fibers)).toEqual(
        names.map((name) => ({ tenant: name, shade: name, annotations: { request: name }, span: name }))
      )
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
    const names = ["a", "b", "c", "d"]
    const [, , ...results] = await Promise.all([
      storage.run("gate", () => Effect.runPromise(Effect.asVoid(pool.spawn(gate.await)))),
      storage.run("opener", () => Effect.runPromise(Effect.andThen(Effect.yieldNow, gate.open))),
      ...names.map((name) =>
        storage.run(name, () => Effect.runPromise(Effect.provideService(go(pool, look), Tenant, name)))
      )
    ])
    expect(results).toEqual(names.map((name) => [name, name, name]))
    await Effect.runPromise(Scope.close(scope, Exit.void))
  })
})

it.effect("run gives its caller's fiber back the very context that it had", () =>
  Effect.gen(function*() {
    const pool = yield* makePool(1)
    const before = yield* Effect.context()
    for (const job of [Effect.void, Effect.fail("no"), pool.run(Effect.die("bug"))]) {
      yield* Effect.exit(pool.run(job))
      expect(yield* Effect.context()).toBe(before)
    }
  }))

describe("a spawned job", () => {
  it.effect("outlives its spawner, however that ends, and the scope around it", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(4)
      const stage = new Stage()
      for (const end of [Effect.void, Effect.fail("no"), Effect.die("bug"), Effect.interrupt]) {
        const spawn = Effect.scoped(pool.spawnN(stage.job("job")))
        yield* Fiber.await(yield* Effect.forkChild(Effect.andThen(spawn, end)))
      }
      yield* atRest
      expect(stage.events).toEqual(["job starts", "job starts", "job starts", "job starts"])
      yield* stage.finishAll
      yield* pool.waitall
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
