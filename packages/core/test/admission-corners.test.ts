import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { GreenPool } from "../src/index.ts"
import { expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"

describe("a key that has not yet paid off", () => {
  it.effect("takes a free slot and gives it back", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const other = yield* pool.spawn(Effect.never, { key: "other" })
      const first = yield* forkNow(pool.run(Effect.sleep(10), { key: "a" }))
      yield* TestClock.adjust(10)
      yield* Fiber.join(first)
      expect(yield* pool.run(Effect.succeed("again"), { key: "a" })).toBe("again")
      yield* Fiber.interrupt(other)
      yield* expectWorking(pool)
    }))

  it.effect("keeps its place among the keys when another one is granted", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const timed = (name: string) => Effect.ensuring(stage.job(name), Effect.sleep(10))
      yield* pool.spawn(timed("a1"), { key: "a" })
      yield* stage.finish("a1")
      for (const [name, key] of [["a2", "a"], ["a3", "a"], ["b1", "b"], ["c1", "c"], ["c2", "c"]] as const) {
        yield* forkNow(pool.run(timed(name), { key }))
        yield* stage.finish(name)
      }
      for (let i = 0; i < 7; i++) {
        yield* TestClock.adjust(10)
        yield* atRest
      }
      expect(stage.started).toEqual(["a1", "b1", "c1", "a2", "c2", "a3"])
      yield* expectWorking(pool)
    }))
})

describe("keys that come for the first time", () => {
  it.effect("are in the queue since the first of their callers who is left came", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const names = ["a1", "b1", "a2", "c1", "a3", "d1"]
      const start = (name: string) => forkNow(pool.run(stage.job(name), { key: name.slice(0, 1) }))
      yield* start("holder")
      const callers = yield* Effect.forEach(names, start)
      yield* Fiber.interrupt(callers[0]!)
      yield* stage.finishAll
      yield* pool.waitall
      expect(stage.started).toEqual(["holder", "b1", "a2", "c1", "d1", "a3"])
    }))

  it.effect("lose no place when a caller of theirs leaves who was not the first", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const start = (name: string, priority?: number) =>
        forkNow(pool.run(stage.job(name), { key: name.slice(0, 1), ...priority !== undefined && { priority } }))
      yield* start("holder")
      const first = yield* start("a1")
      yield* start("a2")
      yield* start("b1")
      yield* Fiber.interrupt(yield* start("a3", 9))
      yield* start("a4", 9)
      yield* Fiber.interrupt(first)
      yield* stage.finishAll
      yield* pool.waitall
      expect(stage.started).toEqual(["holder", "a4", "b1", "a2"])
    }))

  it.effect("are served in the order in which they came", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.spawn(stage.job("holder"), { key: "holder" })
      const names = ["a", "b", "c", "d", "e", "f", "g"]
      for (const name of names) yield* forkNow(pool.run(stage.job(name), { key: name }))
      yield* stage.finishAll
      yield* pool.waitall
      expect(stage.started).toEqual(["holder", ...names])
    }))
})

describe("the end of drainTimeout", () => {
  it.effect("ends waitall with interruption, since the pool is not idle", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* GreenPool.make({ size: 1, onClose: "drain", drainTimeout: 100 }).pipe(Scope.provide(scope))
      const stage = new Stage()
      yield* pool.spawn(Effect.ensuring(Effect.never, stage.gate("finalizer").await))
      const before = yield* forkNow(pool.waitall)
      const closing = yield* forkNow(Scope.close(scope, Exit.void))
      const after = yield* forkNow(pool.waitall)
      yield* TestClock.adjust(100)
      yield* atRest
      for (const waitall of [before, after]) {
        const exit = waitall.pollUnsafe()
        expect(exit !== undefined && Exit.hasInterrupts(exit)).toBe(true)
      }
      expect(yield* pool.running).toBe(1)
      yield* stage.finish("finalizer")
      yield* Fiber.join(closing)
      expect(yield* pool.running).toBe(0)
    }))
})
