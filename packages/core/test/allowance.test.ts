/**
 * Pools whose slots come from elsewhere: `@greenpool/core/allowance`.
 */
import { describe, expect, it } from "@effect/vitest"
import { allowanceOf } from "@greenpool/core/allowance"
import { Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { GreenPile, GreenPool } from "../src/index.ts"
import { counters, expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { atRest } from "./support/turns.ts"

describe.each([0, 2, 10])("A pool of size 3 that may use %i slots", (allowed) => {
  const fit = Math.min(3, allowed)

  it.effect("grants as many as fit both, and serves the queue in order when the allowance grows", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(3)
      const allowance = allowanceOf(pool)
      allowance.allow(allowed)
      const order: Array<number> = []
      for (let i = 0; i < 5; i++) {
        yield* forkNow(pool.run(Effect.andThen(Effect.sync(() => order.push(i)), Effect.never)))
      }
      yield* atRest
      expect([allowance.running(), allowance.waiting()]).toEqual([fit, 5 - fit])
      allowance.allow(10)
      expect([allowance.running(), allowance.waiting()]).toEqual([3, 2])
      yield* atRest
      expect(order).toEqual([0, 1, 2])
      expect(yield* pool.size).toBe(3)
      expect(yield* counters(pool)).toEqual({ running: 3, free: 0, waiting: 2, borrowed: 0 })
    }))

  it.effect("keeps the size of the pool for maps, and lends whatever the allowance is", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(3)
      const allowance = allowanceOf(pool)
      allowance.allow(1)
      yield* pool.run(Effect.sync(() => allowance.allow(0)).pipe(Effect.andThen(pool.run(Effect.void))))
      allowance.allow(allowed)
      const gate = yield* Deferred.make<void>()
      const taken: Array<number> = []
      const source = function*() {
        for (let i = 0; i < 9; i++) {
          taken.push(i)
          yield i
        }
      }
      const map = yield* forkNow(Stream.runCollect(pool.imap(() => Deferred.await(gate), source())))
      yield* atRest
      // One that waits, beside those that run.
      expect(taken.length).toBe(Math.min(3, fit + 1))
      allowance.allow(3)
      yield* Deferred.succeed(gate, undefined)
      expect((yield* Fiber.join(map)).length).toBe(9)
    }))
})

it.effect("the listener is called in the step in which a caller joins or leaves the queue or a job ends, until there is another one", () =>
  Effect.gen(function*() {
    const pool = yield* makePool(1)
    const allowance = allowanceOf(pool)
    const seen: Array<readonly [number, number]> = []
    allowance.onDemand(() => seen.push([allowance.running(), allowance.waiting()]))
    const gate = yield* Deferred.make<void>()
    yield* pool.spawn(Deferred.await(gate))
    yield* atRest
    expect(seen).toEqual([])
    const impatient = yield* forkNow(pool.run(Effect.void))
    expect(seen.splice(0)).toEqual([[1, 1]])
    yield* Fiber.interrupt(impatient)
    expect(seen.splice(0)).toEqual([[1, 0]])
    yield* forkNow(pool.run(Effect.never))
    expect(seen.splice(0)).toEqual([[1, 1]])
    yield* Deferred.succeed(gate, undefined)
    // The slot has been passed on by then.
    expect(seen.splice(0)).toEqual([[1, 0]])
    let calls = 0
    allowance.onDemand(() => calls++)
    yield* forkNow(pool.run(Effect.never))
    expect([calls, seen]).toEqual([1, []])
  }))

it.effect("evict interrupts what holds a slot and awaits it, in maps and piles too; callers in the queue stay", () =>
  Effect.gen(function*() {
    const pool = yield* makePool(4)
    const allowance = allowanceOf(pool)
    const finalized: Array<string> = []
    const job = (name: string) => Effect.onInterrupt(Effect.never, () => Effect.sync(() => finalized.push(name)))
    const run = yield* forkNow(pool.run(job("run")))
    const spawned = yield* pool.spawn(job("spawn"))
    const pile = yield* GreenPile.make<never, never>(pool)
    yield* pile.spawn(job("pile"))
    const map = yield* forkNow(Stream.runDrain(pool.imap(() => job("map"), [1])))
    yield* atRest
    const waiting = yield* forkNow(pool.run(Effect.succeed("served")))
    allowance.allow(0)
    yield* allowance.evict
    expect(finalized.toSorted()).toEqual(["map", "pile", "run", "spawn"])
    for (const fiber of [run, spawned, map]) {
      expect(Exit.hasInterrupts(yield* Fiber.await(fiber as Fiber.Fiber<unknown>))).toBe(true)
    }
    expect([allowance.running(), allowance.waiting()]).toEqual([0, 1])
    expect(waiting.pollUnsafe()).toBeUndefined()
    allowance.allow(4)
    expect(yield* Fiber.join(waiting)).toBe("served")
    yield* allowance.evict
    yield* expectWorking(pool)
  }))

class Elsewhere extends GreenPool.Service<Elsewhere>()("test/Elsewhere", { size: 1 }) {}

it.effect("a key uses the pool's own resize, waitall and …IfAvailable, in either order of arguments", () =>
  Effect.gen(function*() {
    const asked: Array<string> = []
    const note = <A>(what: string, effect: Effect.Effect<A>) =>
      Effect.andThen(Effect.sync(() => asked.push(what)), effect)
    const pool = yield* makePool(1)
    const program = Effect.gen(function*() {
      yield* Elsewhere.resize(2)
      yield* Elsewhere.waitall
      yield* Elsewhere.runIfAvailable(Effect.void)
      yield* Effect.void.pipe(Elsewhere.runIfAvailable({ key: "a" }))
      yield* Elsewhere.spawnIfAvailable(Effect.void)
      yield* Effect.void.pipe(Elsewhere.spawnIfAvailable)
    })
    yield* Effect.provideService(program, Elsewhere, {
      ...pool,
      resize: () => note("resize", Effect.void),
      waitall: note("waitall", Effect.void),
      runIfAvailable: (() => note("run", Effect.succeedNone)) as never,
      spawnIfAvailable: (() => note("spawn", Effect.succeedNone)) as never
    })
    expect(asked).toEqual(["resize", "waitall", "run", "run", "spawn", "spawn"])
  }))
