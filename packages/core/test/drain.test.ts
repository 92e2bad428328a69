import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Deferred, Effect, Exit, Fiber, Option, Queue, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { GreenPile, GreenPool, type UnboundedOptions } from "../src/index.ts"
import { CountedIterable } from "./support/counted-sources.ts"
import { expectEmpty } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { countSleepers } from "./support/sleepers.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"
import { World } from "./support/world.ts"

/** A pool that drains, and what closes it. */
const makeDraining = (options: UnboundedOptions = {}) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const pool: GreenPool = yield* GreenPool.make({ size: 1, onClose: "drain", ...options }).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.orDie
    )
    return { pool, close: Scope.close(scope, Exit.void) }
  })

const expectRefused = (call: Effect.Effect<unknown, unknown>) =>
  Effect.map(Effect.exit(Effect.uninterruptible(call)), (exit) => expect(Exit.hasInterrupts(exit)).toBe(true))

describe.each([1, 2, 10])("a pool of size %i that drains", (size) => {
  it.effect("lets those who run and those in the queue finish, and refuses who comes from outside", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining({ size })
      const stage = new Stage()
      const names = Array.from({ length: size + 3 }, (_, i) => `${i}`)
      const fibers = yield* Effect.forEach(names, (name) => forkNow(pool.run(stage.job(name))))
      const closing = yield* forkNow(close)
      yield* atRest
      yield* expectRefused(pool.run(Effect.void))
      yield* expectRefused(pool.spawn(Effect.void))
      yield* expectRefused(pool.spawnN(Effect.void))
      yield* expectRefused(pool.runIfAvailable(Effect.void))
      yield* expectRefused(pool.spawnIfAvailable(Effect.void))
      yield* expectRefused(Stream.runDrain(pool.imap(() => Effect.void, [1])))
      yield* TestClock.adjust("1 hour")
      expect(closing.pollUnsafe()).toBeUndefined()
      for (const name of names) yield* stage.finish(name)
      expect(yield* Effect.forEach(fibers, Fiber.join)).toEqual(names)
      yield* Fiber.join(closing)
      expect(stage.started).toEqual(names)
      yield* expectRefused(pool.waitall)
      yield* expectEmpty(pool)
    }))

  it.effect("interrupts what is left after drainTimeout", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining({ size, drainTimeout: "10 seconds" })
      const stage = new Stage()
      yield* forkNow(pool.run(stage.job("quick")))
      const fibers = yield* Effect.forEach(
        Array.from({ length: size + 1 }, (_, i) => `${i}`),
        (name) => forkNow(pool.run(stage.job(name)))
      )
      const closing = yield* forkNow(close)
      yield* TestClock.adjust("9 seconds")
      yield* stage.finish("quick")
      yield* atRest
      expect(closing.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      for (const fiber of fibers) expect(Exit.hasInterrupts(yield* Fiber.await(fiber))).toBe(true)
      yield* expectEmpty(pool)
    }))
})

describe("a pool that drains", () => {
  it.effect("is closed at once when nothing runs and nobody waits", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining()
      yield* close
      yield* expectRefused(pool.run(Effect.void))
      yield* expectRefused(pool.resize(3))
    }))

  it.effect("lets its jobs use it: nested jobs, maps and piles", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining()
      const gate = yield* Deferred.make<void>()
      const job = Effect.scoped(Effect.gen(function*() {
        yield* Deferred.await(gate)
        const pile = yield* Effect.orDie(GreenPile.make<string>(pool))
        yield* pile.spawn(Effect.succeed("pile"))
        return [
          yield* pool.run(Effect.succeed("run")),
          yield* Effect.flatMap(pool.spawn(Effect.succeed("spawn")), Fiber.join),
          ...yield* Stream.runCollect(pool.imap((n) => Effect.succeed(`map ${n}`), [1, 2, 3])),
          Option.getOrThrow(yield* pile.next)
        ]
      }))
      const fiber = yield* forkNow(pool.run(job))
      const waiting = yield* forkNow(pool.run(job))
      const closing = yield* forkNow(close)
      yield* Deferred.succeed(gate, undefined)
      const all = ["run", "spawn", "map 1", "map 2", "map 3", "pile"]
      expect(yield* Fiber.join(fiber)).toEqual(all)
      expect(yield* Fiber.join(waiting)).toEqual(all)
      yield* Fiber.join(closing)
      yield* expectEmpty(pool)
    }))

  it.effect("lets its jobs take what is available, to any depth", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining({ size: 3 })
      const gate = yield* Deferred.make<void>()
      const inside = Effect.forkChild(pool.runIfAvailable(Effect.succeed("inner")), { startImmediately: true })
      const fiber = yield* forkNow(pool.run(Effect.andThen(
        Deferred.await(gate),
        Effect.all([
          // the fiber that is forked has outlived the inner job, but not the one around that
          Effect.flatMap(
            pool.runIfAvailable(Effect.forkDetach(Effect.andThen(Effect.yieldNow, pool.run(Effect.succeed("run"))))),
            (fiber) => Fiber.join(Option.getOrThrow(fiber))
          ),
          pool.runIfAvailable(Effect.flatMap(inside, Fiber.join)),
          pool.spawnIfAvailable(Effect.succeed("spawn"))
        ])
      )))
      const closing = yield* forkNow(close)
      yield* Deferred.succeed(gate, undefined)
      const [detached, nested, spawned] = yield* Fiber.join(fiber)
      expect(nested).toEqual(Option.some(Option.some("inner")))
      expect(yield* Fiber.join(Option.getOrThrow(spawned))).toBe("spawn")
      expect(detached).toBe("run")
      yield* Fiber.join(closing)
      yield* expectEmpty(pool)
    }))

  it.effect("gives a map from outside time for all it has in hand, also what waits for its slot", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining({ size: 3 })
      const stage = new Stage()
      const source = new CountedIterable()
      const seen: Array<string> = []
      yield* forkNow(pool.run(stage.job("holder")))
      const map = yield* forkNow(Effect.exit(
        Stream.runForEach(pool.imap((n) => stage.job(`${n}`), source), (name) => Effect.sync(() => seen.push(name)))
      ))
      yield* atRest
      const closing = yield* forkNow(close)
      yield* atRest
      for (const name of ["0", "1", "2"]) {
        yield* stage.finish(name)
        yield* atRest
      }
      expect(seen).toEqual(["0", "1", "2"])
      const exit = yield* Fiber.join(map)
      expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
      expect([source.taken, source.closed]).toEqual([3, 1])
      expect(closing.pollUnsafe()).toBeUndefined()
      yield* stage.finish("holder")
      yield* Fiber.join(closing)
      yield* expectEmpty(pool)
    }))

  it.effect("has a map from outside that has come to the end of its source end as ever", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining({ size: 3 })
      const stage = new Stage()
      yield* forkNow(pool.run(stage.job("holder")))
      const map = yield* forkNow(Stream.runCollect(pool.imap(stage.job, ["a"])))
      yield* atRest
      const closing = yield* forkNow(close)
      yield* stage.finish("a")
      expect(yield* Fiber.join(map)).toEqual(["a"])
      yield* stage.finish("holder")
      yield* Fiber.join(closing)
      yield* expectEmpty(pool)
    }))

  it.effect("does not open the source of a map from outside", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining()
      const stage = new Stage()
      const source = new CountedIterable()
      yield* forkNow(pool.run(stage.job("holder")))
      const closing = yield* forkNow(close)
      yield* expectRefused(Stream.runDrain(pool.imap(() => Effect.void, source)))
      expect([source.opened, source.taken]).toEqual([0, 0])
      yield* stage.finish("holder")
      yield* Fiber.join(closing)
    }))

  it.effect("lets a map from inside wait for its source", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining()
      const item = yield* Deferred.make<string>()
      const source = Stream.fromEffect(Deferred.await(item))
      const fiber = yield* forkNow(pool.run(Stream.runCollect(pool.imap(Effect.succeed, source))))
      yield* atRest
      const closing = yield* forkNow(close)
      yield* atRest
      yield* Deferred.succeed(item, "late")
      expect(yield* Fiber.join(fiber)).toEqual(["late"])
      yield* Fiber.join(closing)
      yield* expectEmpty(pool)
    }))

  it.effect("has a map from outside finish what it has in hand, pull no more, and end", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining({ size: 2 })
      const stage = new Stage()
      const source = new CountedIterable()
      const seen: Array<string> = []
      const map = yield* forkNow(Effect.exit(
        Stream.runForEach(pool.imap((n) => stage.job(`${n}`), source), (name) => Effect.sync(() => seen.push(name)))
      ))
      yield* atRest
      const closing = yield* forkNow(close)
      yield* atRest
      yield* stage.finish("1")
      yield* atRest
      expect(source.taken).toBe(2)
      yield* stage.finish("0")
      const exit = yield* Fiber.join(map)
      yield* Fiber.join(closing)
      expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
      expect(source.taken).toBe(2)
      expect(source.closed).toBe(1)
      // what was not read by the close is lost
      expect(["0", "1"].slice(0, seen.length)).toEqual(seen)
      yield* expectEmpty(pool)
    }))

  it.effect("ends a map from outside that waits for its source", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining()
      const map = yield* forkNow(Effect.exit(Stream.runDrain(pool.imap(() => Effect.void, Stream.never))))
      const unread = pool.imap(() => Effect.void, [1])
      const stage = new Stage()
      yield* forkNow(pool.run(stage.job("holder")))
      const closing = yield* forkNow(close)
      expect(Exit.hasInterrupts(yield* Fiber.join(map))).toBe(true)
      yield* expectRefused(Stream.runDrain(unread))
      yield* stage.finish("holder")
      yield* Fiber.join(closing)
    }))

  it.effect("lets next, waitall and resize work until the end", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining({ size: 0 })
      const stage = new Stage()
      const pile = yield* Effect.orDie(GreenPile.make<string>(pool))
      yield* forkNow(pile.spawn(stage.job("a")))
      yield* forkNow(pile.spawn(stage.job("b")))
      const closing = yield* forkNow(close)
      const waitall = yield* forkNow(pool.waitall)
      yield* expectRefused(pile.spawn(Effect.succeed("c")))
      const next = yield* forkNow(pile.next)
      yield* TestClock.adjust("1 day")
      expect(closing.pollUnsafe()).toBeUndefined()
      yield* Effect.orDie(pool.resize(1))
      yield* stage.finish("a")
      expect(yield* Fiber.join(next)).toEqual(Option.some("a"))
      expect(closing.pollUnsafe()).toBeUndefined()
      yield* stage.finish("b")
      yield* Fiber.join(waitall)
      yield* Fiber.join(closing)
      yield* expectRefused(pile.next)
    }))

  it.effect("that is paused ends with drainTimeout, with its callers in the queue", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining({ size: 0, drainTimeout: 100 })
      const fiber = yield* forkNow(pool.run(Effect.void))
      const closing = yield* forkNow(close)
      yield* TestClock.adjust(100)
      yield* Fiber.join(closing)
      expect(Exit.hasInterrupts(yield* Fiber.await(fiber))).toBe(true)
      yield* expectEmpty(pool)
    }))

  it.effect("interrupts who is in waitall when its time is over, and leaves no timer", () =>
    Effect.gen(function*() {
      const clock = yield* countSleepers
      const { close, pool } = yield* Effect.provideService(
        makeDraining({ drainTimeout: "1 second" }),
        Clock.Clock,
        clock
      )
      yield* forkNow(pool.run(Effect.never))
      const waitall = yield* forkNow(pool.waitall)
      const closing = yield* forkNow(close)
      expect(clock.sleepers).toBe(1)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      expect(Exit.hasInterrupts(yield* Fiber.await(waitall))).toBe(true)
      const other = yield* Effect.provideService(makeDraining({ drainTimeout: "1 second" }), Clock.Clock, clock)
      const stage = new Stage()
      yield* forkNow(other.pool.run(stage.job("a")))
      const closingOther = yield* forkNow(other.close)
      yield* stage.finish("a")
      yield* Fiber.join(closingOther)
      yield* atRest
      expect(clock.sleepers).toBe(0)
    }))

  it.effect("interrupts at once when it is closed from inside one of its jobs", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining({ size: 2 })
      const stage = new Stage()
      yield* forkNow(pool.run(stage.job("other")))
      const closer = yield* forkNow(pool.run(Effect.andThen(close, Effect.never)))
      yield* Fiber.await(closer)
      expect(stage.events.slice(0, 2)).toEqual(["other starts", "other is interrupted"])
      yield* expectRefused(pool.run(Effect.void))
    }))

  it.effect.each([{ drainTimeout: 0 }, { onClose: "interrupt", drainTimeout: 10 } as const])(
    "interrupts at once when it has no time to drain: %o",
    (options) =>
      Effect.gen(function*() {
        const clock = yield* countSleepers
        const { close, pool } = yield* Effect.provideService(makeDraining(options), Clock.Clock, clock)
        const fiber = yield* forkNow(pool.run(Effect.never))
        yield* close
        expect(Exit.hasInterrupts(yield* Fiber.await(fiber))).toBe(true)
        expect(clock.sleeps).toBe(0)
      })
  )

  it.effect("cannot be told to drain for a time that is none", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(GreenPool.make({ onClose: "drain", drainTimeout: -1 }))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(RangeError)
    }))

  it.effect("cannot be told to close in a way that there is not", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(GreenPool.make({ onClose: "drian" as "drain" }))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toEqual(
        new RangeError(`Invalid onClose "drian": it must be "interrupt" or "drain"`)
      )
    }))
})

describe("a map that has outlived its job", () => {
  it.effect("takes nothing more while the pool drains", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeDraining({ size: 3 })
      const stage = new Stage()
      const items = yield* Queue.unbounded<number>()
      const map = Stream.runDrain(pool.imap((item) => stage.job(`item ${item}`), Stream.fromQueue(items)))
      // It begins inside a job, and waits for its source when that has ended.
      yield* pool.run(Effect.andThen(Effect.forkDetach(map, { startImmediately: true }), atRest))
      yield* pool.spawn(stage.job("other"))
      const closing = yield* forkNow(close)
      yield* Queue.offer(items, 7)
      yield* atRest
      expect(stage.started).toEqual(["other"])
      yield* stage.finishAll
      yield* Fiber.join(closing)
    }))
})

describe.each([3, 4, 5, 6, 7])("a drain at any moment, when fibers yield every %i operations,", (operations) => {
  it("ends a map from outside that waits for its source", () => {
    for (let steps = 0; steps < 60; steps++) {
      const world = new World()
      const pool = world.pool(1, { onClose: "drain" })
      world.get(pool.spawn(Effect.never))
      const map = world.fork(Stream.runDrain(pool.imap(() => Effect.void, Stream.never)), operations)
      for (let i = 0; i < steps; i++) world.step()
      // outside of the world: at once
      Effect.runFork(Scope.close(world.scope, Exit.void))
      world.run()
      const exit = map.pollUnsafe()
      expect({ steps, ended: exit !== undefined && Exit.hasInterrupts(exit) }).toEqual({ steps, ended: true })
      expect(world.get(pool.running)).toBe(1)
    }
  })
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
