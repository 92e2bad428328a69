import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Logger, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { GreenPool, type GreenPoolOptions, type PoolFull } from "../src/index.ts"
import { expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { makeLog } from "./support/logged.ts"
import { makePool } from "./support/makePool.ts"
import { countSleepers } from "./support/sleepers.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"
import { VirtualClock } from "./support/virtual-clock.ts"

/** A pool that warns after 10 seconds, what it has logged, and a caller that waits if no slot is free. */
const makeWarning = (options?: GreenPoolOptions) =>
  Effect.gen(function*() {
    const log = makeLog()
    const pool = yield* Effect.provide(
      GreenPool.make({ size: 0, name: "api", slowWait: "10 seconds", ...options }),
      log.layer
    )
    return { pool, log: log.entries, caller: forkNow(pool.run(Effect.void)) }
  })

describe("slowWait", () => {
  it.effect("warns once the oldest in the queue has waited so long, with the name and the state of the pool", () =>
    Effect.gen(function*() {
      const { caller, log, pool } = yield* makeWarning({ size: 2 })
      for (let job = 0; job < 2; job++) yield* forkNow(pool.run(Effect.never))
      yield* pool.resize(1)
      yield* TestClock.adjust("1 hour")
      yield* caller
      yield* TestClock.adjust("9999 millis")
      expect(log).toEqual([])
      yield* TestClock.adjust("1 millis")
      expect(log).toMatchObject([{
        annotations: { pool: "api" },
        level: "Warn",
        message: ["A caller has waited 10s for a slot of the pool (size 1, running 2, waiting 1)"]
      }])
    }))

  it.effect("warns in time, whatever fraction of a millisecond the wait began at", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 100; i++) {
        yield* TestClock.adjust("137 micros")
        const { caller, log } = yield* makeWarning({ slowWait: "4 millis" })
        const waiting = yield* caller
        yield* TestClock.adjust("4 millis")
        expect(log).toHaveLength(1)
        yield* Fiber.interrupt(waiting)
      }
    }))

  it.effect("warns at most once a minute, also of one that is never served", () =>
    Effect.gen(function*() {
      const { caller, log } = yield* makeWarning()
      yield* caller
      yield* TestClock.adjust("10 seconds")
      yield* caller
      yield* TestClock.adjust("59999 millis")
      expect(log).toHaveLength(1)
      yield* TestClock.adjust("1 millis")
      expect(log).toHaveLength(2)
      yield* TestClock.adjust("10 minutes")
      expect(log).toHaveLength(12)
    }))

  it.effect("counts from one warning to the next, though the queue was empty between", () =>
    Effect.gen(function*() {
      const { caller, log, pool } = yield* makeWarning()
      yield* caller
      yield* TestClock.adjust("10 seconds")
      yield* pool.resize(1)
      yield* pool.waitall
      yield* pool.resize(0)
      yield* caller
      yield* TestClock.adjust("59 seconds")
      expect(log).toHaveLength(1)
      yield* TestClock.adjust("1 second")
      expect(log).toHaveLength(2)
    }))

  it.effect("watches on after a look at an empty queue", () =>
    Effect.gen(function*() {
      const { caller, log } = yield* makeWarning()
      const gone = yield* caller
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.interrupt(gone)
      yield* TestClock.adjust("5 seconds")
      yield* caller
      yield* TestClock.adjust("10 seconds")
      expect(log).toHaveLength(1)
    }))

  it.effect("goes by the one that has waited longest of those still in the queue, whichever is next", () =>
    Effect.gen(function*() {
      const { caller, log, pool } = yield* makeWarning()
      const first = yield* caller
      yield* TestClock.adjust("4 seconds")
      yield* caller
      yield* TestClock.adjust("1 second")
      yield* forkNow(pool.run(Effect.void, { priority: 100 }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("7999 millis")
      expect(log).toEqual([])
      yield* TestClock.adjust("1 millis")
      expect(log).toHaveLength(1)
    }))

  it.effect("says nothing of those that are served in time", () =>
    Effect.gen(function*() {
      const { log, pool } = yield* makeWarning({ size: 1 })
      const fibers = yield* Effect.forEach(
        Array.from({ length: 100 }),
        () => Effect.andThen(TestClock.adjust("2 seconds"), forkNow(pool.run(Effect.sleep("2 seconds"))))
      )
      yield* TestClock.adjust("1 hour")
      yield* Fiber.joinAll(fibers)
      expect(log).toEqual([])
    }))

  it.effect("sees a map in the queue too, and goes by the clock of the pool, whatever the clock on the wall says", () =>
    Effect.gen(function*() {
      const clock = new VirtualClock()
      const { log, pool } = yield* Effect.provideService(makeWarning(), Clock.Clock, clock)
      yield* forkNow(Stream.runDrain(pool.imap(() => Effect.void, [1])))
      clock.skew = 1_000_000
      yield* TestClock.adjust("1 hour")
      expect(log).toEqual([])
      clock.advance(10_000)
      expect(log).toHaveLength(1)
    }))

  it.effect("of zero warns of whatever has to wait at all", () =>
    Effect.gen(function*() {
      const { caller, log, pool } = yield* makeWarning({ size: 1, slowWait: 0 })
      yield* pool.run(Effect.void)
      yield* forkNow(pool.run(Effect.never))
      yield* TestClock.adjust("1 minute")
      expect(log).toEqual([])
      yield* caller
      yield* TestClock.adjust(0)
      expect(log).toHaveLength(1)
    }))

  it.effect.each<GreenPoolOptions["slowWait"] & {}>(["10 seconds", 0])(
    "of %s watches once for all that wait, not while none waits, and not beyond the close",
    (slowWait) =>
      Effect.gen(function*() {
        const clock = yield* countSleepers
        const scope = yield* Scope.make()
        const { caller, pool } = yield* makeWarning({ size: 1, slowWait }).pipe(
          Effect.provideService(Clock.Clock, clock),
          Scope.provide(scope)
        )
        const stage = new Stage()
        for (const name of ["a", "b"]) {
          yield* forkNow(pool.run(stage.job(name)))
          yield* atRest
          expect(clock.sleepers).toBe(0)
          yield* caller
          yield* caller
          expect(clock.sleepers).toBe(1)
          yield* stage.finish(name)
          yield* pool.waitall
          yield* atRest
          expect(clock.sleepers).toBe(0)
        }
        yield* forkNow(pool.run(Effect.never))
        const { sleeps } = clock
        for (let i = 0; i < 1000; i++) yield* Fiber.interrupt(yield* caller)
        yield* caller
        expect(clock.sleepers).toBe(1)
        expect(clock.sleeps - sleeps).toBeLessThanOrEqual(2)
        yield* Scope.close(scope, Exit.void)
        yield* atRest
        expect(clock.sleepers).toBe(0)
      })
  )

  it.effect("is no trouble for a pool that its logger uses", () =>
    Effect.gen(function*() {
      const clock = yield* countSleepers
      const scope = yield* Scope.make()
      const context = yield* Effect.context<never>()
      let warnings = 0
      const logger = Logger.make<unknown, void>(() => {
        warnings++
        Effect.runForkWith(context)(pool.run(Effect.void))
      })
      const pool = yield* GreenPool.make({ size: 1, slowWait: "10 seconds" }).pipe(
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(Clock.Clock, clock),
        Scope.provide(scope)
      )
      yield* forkNow(pool.run(Effect.never))
      yield* forkNow(pool.run(Effect.void))
      yield* TestClock.adjust("10 minutes")
      expect(warnings).toBe(10)
      yield* Scope.close(scope, Exit.void)
      yield* atRest
      expect(clock.sleepers).toBe(0)
    }))

  it.effect("of zero has a logger that grows the pool at once, and the caller waits no more", () =>
    Effect.gen(function*() {
      const context = yield* Effect.context<never>()
      const logger = Logger.make<unknown, void>(() => Effect.runSyncWith(context)(Effect.orDie(pool.resize(2))))
      const pool: GreenPool<PoolFull> = yield* GreenPool.make({ size: 1, slowWait: 0, maxWait: "1 second" }).pipe(
        Effect.provide(Logger.layer([logger]))
      )
      const stage = new Stage()
      yield* forkNow(pool.run(stage.job("a")))
      yield* forkNow(pool.run(stage.job("b")))
      yield* TestClock.adjust("2 seconds")
      yield* stage.finishAll
      yield* pool.waitall
      expect(stage.events).toEqual(["a starts", "b starts", "a ends", "b ends"])
      yield* expectWorking(pool)
    }))

  it.effect("is no warning by default, nor of Infinity, and a defect where it is no duration of at least 0", () =>
    Effect.gen(function*() {
      const clock = yield* countSleepers
      const infinite = Effect.map(makeWarning({ slowWait: "Infinity" }), ({ pool }) => pool)
      for (const make of [makePool(0), infinite]) {
        yield* forkNow((yield* Effect.provideService(make, Clock.Clock, clock)).run(Effect.void))
      }
      expect(clock.sleeps).toBe(0)
      for (const slowWait of [-1, NaN]) {
        const exit = yield* Effect.exit(GreenPool.make({ slowWait }))
        expect(Exit.isFailure(exit) && String(exit.cause)).toContain("Invalid slowWait")
      }
    }))
})
