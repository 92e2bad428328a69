import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch, Stream } from "effect"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { Stage } from "./support/stage.ts"
import { atRest, until } from "./support/turns.ts"

describe.each([0, 1, 2, 3, 10, 1000])("waitall on a pool of size %i", (size) => {
  it.effect("returns at once when nothing runs and nobody waits", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(size)
      const fiber = yield* forkNow(pool.waitall)
      expect(fiber.pollUnsafe()).toEqual(Exit.void)
    }))

  it.effect("waits until nothing runs and nobody waits", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(size)
      const stage = new Stage()
      const names = Array.from({ length: size + 3 }, (_, i) => `job ${i}`)
      for (const name of names) yield* forkNow(pool.spawn(stage.job(name)))
      const idle = yield* forkNow(pool.waitall)
      yield* Effect.orDie(pool.resize(Math.max(1, size)))
      for (const name of names) {
        expect(idle.pollUnsafe()).toBeUndefined()
        yield* stage.finish(name)
      }
      yield* Fiber.join(idle)
      expect(stage.events.filter((event) => event.endsWith("ends"))).toHaveLength(names.length)
    }))

  it.effect("can be used any number of times", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(size)
      yield* Effect.orDie(pool.resize(size + 1))
      for (let round = 0; round < 3; round++) {
        const stage = new Stage()
        yield* pool.spawn(stage.job("job"))
        const idlers = yield* Effect.forEach([1, 2, 3], () => forkNow(pool.waitall))
        yield* atRest
        expect(idlers.map((idler) => idler.pollUnsafe())).toEqual([undefined, undefined, undefined])
        yield* stage.finishAll
        yield* Fiber.joinAll(idlers)
        yield* pool.waitall
      }
    }))
})

describe("waitall outside the pool", () => {
  it.effect("waits for spawners that are still in the queue", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.spawn(stage.job("a"))
      yield* forkNow(Effect.forEach(["b", "c"], (name) => pool.spawn(stage.job(name))))
      const idle = yield* forkNow(pool.waitall)
      for (const name of ["a", "b"]) {
        yield* stage.finish(name)
        yield* atRest
        expect(idle.pollUnsafe()).toBeUndefined()
      }
      yield* stage.finish("c")
      yield* Fiber.join(idle)
    }))

  it.effect("waits for the jobs of maps and piles, but not for results that nobody reads", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const stage = new Stage()
      const pile = yield* Effect.orDie(GreenPile.make<string>(pool))
      yield* pile.spawn(stage.job("pile"))
      const map = yield* forkNow(Stream.runCollect(pool.imap(stage.job, ["map"])))
      yield* until(() => stage.started.length === 2)
      const idle = yield* forkNow(pool.waitall)
      yield* stage.finish("pile")
      yield* atRest
      expect(idle.pollUnsafe()).toBeUndefined()
      yield* stage.finish("map")
      yield* Fiber.join(idle)
      expect(Array.from(yield* Fiber.join(map))).toEqual(["map"])
    }))

  it.effect("waits for the finalizers of the last job", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const fiber = yield* pool.spawn(Effect.ensuring(Effect.never, stage.job("finalizer")))
      yield* atRest
      fiber.interruptUnsafe()
      const idle = yield* forkNow(pool.waitall)
      yield* atRest
      expect(idle.pollUnsafe()).toBeUndefined()
      yield* stage.finishAll
      yield* Fiber.join(idle)
    }))

  it.effect("returns when those who wait are cancelled and nothing runs", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(0)
      const waiters = yield* Effect.forEach(
        [pool.run(Effect.void), pool.spawn(Effect.void), pool.spawnN(Effect.void)],
        (effect) => forkNow<unknown, never, never>(effect)
      )
      const idle = yield* forkNow(pool.waitall)
      yield* atRest
      expect(idle.pollUnsafe()).toBeUndefined()
      yield* Fiber.interruptAll(waiters)
      yield* Fiber.join(idle)
    }))

  it.effect("waits on a paused pool with callers in the queue", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(0)
      yield* forkNow(pool.run(Effect.void))
      const idle = yield* forkNow(pool.waitall)
      yield* atRest
      expect(idle.pollUnsafe()).toBeUndefined()
      yield* Effect.orDie(pool.resize(1))
      yield* Fiber.join(idle)
    }))

  it.effect("loses nothing when it is interrupted", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.spawn(stage.job("a"))
      const [first, second, third] = yield* Effect.forEach([1, 2, 3], () => forkNow(pool.waitall))
      if (second !== undefined) yield* Fiber.interrupt(second)
      yield* stage.finishAll
      if (first !== undefined && third !== undefined) yield* Fiber.joinAll([first, third])
    }))

  it.effect("in a job of another pool waits", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const other = yield* makePool(1)
      const stage = new Stage()
      yield* pool.spawn(stage.job("a"))
      const idle = yield* forkNow(other.run(pool.waitall))
      yield* atRest
      expect(idle.pollUnsafe()).toBeUndefined()
      yield* stage.finishAll
      yield* Fiber.join(idle)
    }))
})

describe("waitall inside the pool", () => {
  const expectDefect = <A, E>(exit: Exit.Exit<A, E>) => {
    expect(Exit.hasDies(exit)).toBe(true)
    if (Exit.isFailure(exit)) expect(Cause.pretty(exit.cause)).toMatch(/waitall of pool "default".*inside/)
  }

  const inside: Record<string, (pool: GreenPool, other: GreenPool) => Effect.Effect<unknown, unknown>> = {
    "run": (pool) => pool.run(pool.waitall),
    "spawn": (pool) => Effect.flatMap(pool.spawn(pool.waitall), Fiber.join),
    "a nested job": (pool) => pool.run(pool.run(pool.waitall)),
    "a fiber that a job forked": (pool) => pool.run(Effect.flatMap(Effect.forkChild(pool.waitall), Fiber.join)),
    "a detached fiber of a job": (pool) => pool.run(Effect.flatMap(Effect.forkDetach(pool.waitall), Fiber.join)),
    "a job of another pool inside a job": (pool, other) => pool.run(other.run(pool.waitall)),
    "a spawned job of another pool inside a job": (pool, other) =>
      pool.run(Effect.flatMap(other.spawn(pool.waitall), Fiber.join)),
    "a job of a map": (pool) => Stream.runDrain(pool.imap(() => pool.waitall, [1])),
    "a job of a pile": (pool) =>
      Effect.scoped(
        Effect.flatMap(Effect.orDie(GreenPile.make<void>(pool)), (pile) =>
          Effect.andThen(pile.spawn(pool.waitall), pile.next))
      )
  }

  it.effect.each(Object.keys(inside))(
    "dies at once with a clear defect: from %s",
    (from) =>
      Effect.gen(function*() {
        for (const size of [1, 3]) {
          const pool = yield* makePool(size)
          const other = yield* makePool(1)
          expectDefect(yield* Effect.exit(inside[from]?.(pool, other) ?? Effect.void))
          yield* pool.waitall
        }
      })
  )

  it.effect("dies although an uninterruptible region is around it", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      expectDefect(yield* Effect.exit(Effect.uninterruptible(pool.run(pool.waitall))))
    }))

  it.effect("works again after the job, in the same fiber", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      yield* pool.run(Effect.void)
      yield* pool.waitall
      yield* Effect.exit(pool.run(Effect.die("bug")))
      yield* pool.waitall
      const gate = yield* Latch.make()
      const fiber = yield* forkNow(Effect.andThen(Effect.ignoreCause(pool.run(gate.await)), pool.waitall))
      yield* gate.open
      yield* Fiber.join(fiber)
    }))
})
