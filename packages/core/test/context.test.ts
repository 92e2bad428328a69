import { describe, expect } from "@effect/vitest"
import { Context, Effect, Fiber, Latch, References, Stream } from "effect"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { makeStorage, runWith } from "./support/async-storage.ts"
import { atRest, forkNow, makePool, Stage, testEffect } from "./support/index.ts"

class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}

const Shade = Context.Reference<string>("test/Shade", { defaultValue: () => "none" })

/** Ways to run a job. */
const ways: Record<string, (pool: GreenPool, job: Effect.Effect<void>) => Effect.Effect<unknown, unknown>> = {
  run: (pool, job) => pool.run(job),
  "nested run": (pool, job) => pool.run(pool.run(job)),
  spawn: (pool, job) => pool.spawn(job),
  "nested spawn": (pool, job) => pool.run(pool.spawn(job)),
  spawnN: (pool, job) => pool.spawnN(job),
  imap: (pool, job) => Stream.runDrain(pool.imap(() => job, [1])),
  pile: (pool, job) =>
    Effect.scoped(Effect.flatMap(GreenPile.make<void>(pool), (pile) => Effect.andThen(pile.spawn(job), pile.next)))
}

/** What a job can see of where it comes from. */
const surroundings = Effect.gen(function*() {
  const span = yield* Effect.orDie(Effect.currentSpan)
  return [yield* Tenant, yield* Shade, (yield* References.CurrentLogAnnotations)["request"], span.name]
})

/** Gives an effect surroundings that bear a name. */
const inSurroundings = <A, E>(name: string, effect: Effect.Effect<A, E>) =>
  effect.pipe(
    Effect.withSpan(name),
    Effect.annotateLogs("request", name),
    Effect.provideService(Shade, name),
    Effect.provideService(Tenant, name)
  )

describe.each(Object.entries(ways))("a job of %s", (_, go) => {
  testEffect("has the services, references, log annotations and span of its caller, of no other job", function*() {
    const pool = yield* makePool(2)
    const stage = new Stage()
    yield* inSurroundings("holder", pool.spawn(stage.job("holder")))
    const seen: Array<unknown> = []
    const look = Effect.andThen(Effect.yieldNow, Effect.map(surroundings, (names) => void seen.push(names)))
    // Jobs have the context of their callers, whatever the type of `go` says.
    for (const name of ["a", "b", "c"]) yield* forkNow(inSurroundings(name, go(pool, look as Effect.Effect<void>)))
    yield* inSurroundings("opener", stage.finishAll)
    yield* pool.waitall
    expect(seen).toEqual(["a", "b", "c"].map((name) => [name, name, name, name]))
  })

  testEffect("keeps the asynchronous context of its caller, of Node", function*() {
    const storage = yield* makeStorage<string>()
    const pool = yield* makePool(2)
    const gate = Latch.makeUnsafe()
    const seen = new Map<string, Array<string | undefined>>()
    const lookAs = Effect.fnUntraced(function*(name: string) {
      const first = storage.getStore()
      yield* Effect.yieldNow
      const second = storage.getStore()
      yield* Effect.promise(() => Promise.resolve())
      seen.set(name, [first, second, storage.getStore()])
    })
    // they start on free slots, wait in the queue, and are woken by each other
    const names = ["a", "b", "c", "d"]
    yield* Effect.promise(() =>
      Promise.all([
        runWith(storage, "gate", pool.spawn(gate.await)),
        runWith(storage, "opener", Effect.andThen(Effect.yieldNow, gate.open)),
        ...names.map((name) => runWith(storage, name, go(pool, lookAs(name))))
      ])
    )
    yield* pool.waitall
    expect([...seen].sort()).toEqual(names.map((name) => [name, [name, name, name]]))
  })
})

testEffect("run gives its caller's fiber back the very context that it had", function*() {
  const pool = yield* makePool(1)
  const before = yield* Effect.context()
  for (const job of [Effect.void, Effect.fail("no"), pool.run(Effect.die("bug"))]) {
    yield* Effect.exit(pool.run(job))
    expect(yield* Effect.context()).toBe(before)
  }
})

testEffect("a job that is spawned in an uninterruptible region is interruptible, as a forked fiber is", function*() {
  const pool = yield* makePool(1)
  const fiber = yield* Effect.uninterruptible(pool.spawn(Effect.never))
  yield* atRest
  yield* Fiber.interrupt(fiber)
  expect(yield* pool.running).toBe(0)
})
