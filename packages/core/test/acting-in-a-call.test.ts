/**
 * What users' functions do to the pool while a call asks them: the call ends as if they had done that before it.
 */
import { describe, expect, it } from "@effect/vitest"
import { allowanceOf } from "@greenpool/core/allowance"
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Option, Stream } from "effect"
import { GreenPile, GreenPool, type GreenPoolOptions, type JobOptions } from "../src/index.ts"
import { counters, expectEmpty, expectWorking } from "./support/counters.ts"
import { defectOf, isInterrupted } from "./support/exits.ts"
import { forkNow } from "./support/forkNow.ts"
import { makeClosable } from "./support/makePool.ts"
import { outside } from "./support/outside.ts"
import { atRest } from "./support/turns.ts"
import { VirtualClock } from "./support/virtual-clock.ts"

/** A clock that acts when it is asked for the monotonic time, on the count of `at`. A sleep of no time ends immediately. */
class ActingClock extends VirtualClock {
  #action: { at: number; run: () => void } | undefined

  actAt(at: number, run: () => void): void {
    this.#action = { at, run }
  }

  override monotonicTimeNanosUnsafe(): bigint {
    const time = super.monotonicTimeNanosUnsafe()
    const action = this.#action
    if (action !== undefined && --action.at === 0) {
      this.#action = undefined
      action.run()
    }
    return time
  }

  override sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Duration.toMillis(duration) <= 0 ? Effect.void : super.sleep(duration)
  }
}

const verbs = ["run", "spawn", "spawnN", "runIfAvailable", "spawnIfAvailable"] as const

describe("a function that closes the pool", () => {
  const call = (pool: GreenPool, verb: typeof verbs[number]) => {
    const job: (job: Effect.Effect<void>, options: JobOptions) => Effect.Effect<unknown, unknown> = pool[verb]
    return Effect.exit(job(Effect.void, { key: "a" }))
  }

  it.effect.each(verbs)("as the weight: %s is interrupted, also on a free pool", (verb) =>
    Effect.gen(function*() {
      let onWeight = () => {}
      const weight = () => {
        onWeight()
        return 1
      }
      const { close, pool } = yield* makeClosable({ size: 1, weight })
      onWeight = () => outside.fork(close)
      expect(isInterrupted(yield* call(pool, verb))).toBe(true)
      yield* expectEmpty(pool)
    }))

  it.effect.each(
    [0, 5].flatMap((bound) => (["interrupt", "drain"] as const).map((onClose) => ({ bound, onClose })))
  )(
    "as the bound of the queue: callers are interrupted, not rejected, if it is $bound, to $onClose",
    (options) =>
      Effect.gen(function*() {
        for (const verb of ["run", "spawn", "spawnN"] as const) {
          let onBound = () => {}
          const maxWaiting = () => {
            onBound()
            return options.bound
          }
          const { close, pool } = yield* makeClosable({ size: 0, maxWaiting, onClose: options.onClose })
          onBound = () => outside.fork(close)
          expect(isInterrupted(yield* call(pool, verb))).toBe(true)
          expect((yield* pool.stats).rejected).toBe(0)
          yield* expectEmpty(pool)
        }
      })
  )
})

describe("a clock", () => {
  const make = (options: GreenPoolOptions) =>
    Effect.gen(function*() {
      const clock = new ActingClock()
      const pool = (yield* Effect.provideService(GreenPool.make(options), Clock.Clock, clock)) as GreenPool
      return { clock, pool }
    })

  it.effect("may get a caller a slot while its timer is set, and let its time pass: it keeps the slot", () =>
    Effect.gen(function*() {
      const { clock, pool } = yield* make({ size: 1 })
      const holder = yield* pool.spawn(Effect.never)
      clock.actAt(2, () => {
        holder.interruptUnsafe()
        clock.now += 1000
      })
      const gate = yield* Deferred.make<void>()
      const caller = yield* forkNow(pool.run(Deferred.await(gate), { maxWait: "10 millis" }))
      yield* atRest
      expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 0, borrowed: 0 })
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.await(caller)).toEqual(Exit.void)
      yield* expectWorking(pool)
    }))

  it.effect.each(["run", "spawn", "pile"] as const)(
    "may get a caller of %s a slot and throw: the slot is free again",
    (verb) =>
      Effect.gen(function*() {
        const { clock, pool } = yield* make({ size: 1 })
        const pile = yield* GreenPile.make(pool)
        const holder = yield* pool.spawn(Effect.never)
        clock.actAt(2, () => {
          holder.interruptUnsafe()
          throw new Error("no time")
        })
        const job: Effect.Effect<unknown, unknown> = verb === "pile"
          ? pile.spawn(Effect.never, { maxWait: "10 millis" })
          : pool[verb](Effect.never, { maxWait: "10 millis" })
        expect(defectOf(yield* Effect.exit(job))).toEqual(new Error("no time"))
        yield* atRest
        expect(yield* pile.next).toEqual(Option.none())
        yield* expectWorking(pool)
      })
  )

  it.effect.each([1, 2, 3])(
    "may pause an adaptive pool that is about to pause, at reading %i: it stays at 0",
    (reading) =>
      Effect.gen(function*() {
        const adaptive = {
          min: 1,
          max: 10,
          classify: () => {
            clock.actAt(reading, () => outside.runSync(pool.resize(0)))
            return { retryAfter: "1 second" } as const
          }
        }
        const { clock, pool } = yield* make({ size: 4, adaptive })
        yield* pool.run(Effect.void)
        clock.advance(2000)
        yield* atRest
        expect(yield* pool.size).toBe(0)
        expect((yield* pool.stats).adaptive?.phase).toBe("resting")
      })
  )
})

it.effect("a map that was begun outside is refused inside a job if the clock closes the pool as it is read there", () =>
  Effect.gen(function*() {
    const clock = new ActingClock()
    const { close, pool } = yield* Effect.provideService(
      makeClosable({ size: 1, metrics: true }),
      Clock.Clock,
      clock
    )
    const gate = yield* Deferred.make<void>()
    const pull = yield* Stream.toPull(pool.imap(Effect.succeed, [1, 2]))
    const closeAtNextTime = Effect.sync(() => clock.actAt(1, () => outside.fork(close)))
    const job = yield* forkNow(pool.run(Effect.andThen(Deferred.await(gate), Effect.andThen(closeAtNextTime, pull))))
    yield* Fiber.interrupt(yield* forkNow(pull))
    yield* Deferred.succeed(gate, undefined)
    expect(isInterrupted(yield* Fiber.await(job))).toBe(true)
    yield* atRest
    yield* expectEmpty(pool)
  }))

it.effect("an item of a map that waits, and borrows a slot where it is read next, is told to the allowance", () =>
  Effect.gen(function*() {
    const pool = yield* GreenPool.make({ size: 1 })
    const allowance = allowanceOf(pool)
    const gate = yield* Deferred.make<void>()
    const pull = yield* Stream.toPull(pool.imap(() => Effect.never, [1]))
    const reader = yield* forkNow(pool.run(Effect.andThen(Deferred.await(gate), pull)))
    yield* Fiber.interrupt(yield* forkNow(pull))
    const told: Array<number> = []
    allowance.onDemand(() => told.push(allowance.waiting()))
    yield* Deferred.succeed(gate, undefined)
    yield* atRest
    expect(told).toEqual([0])
    yield* Fiber.interrupt(reader)
  }).pipe(Effect.scoped))
