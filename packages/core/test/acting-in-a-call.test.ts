/**
 * What users' functions do to the pool while a call asks them: the call ends as if they had done that before it.
 */
import { describe, expect, it } from "@effect/vitest"
import { allowanceOf } from "@greenpool/core/allowance"
import { Clock, Duration, Effect, Fiber, Option, Stream } from "effect"
import { GreenPile, GreenPool, type GreenPoolOptions, type JobOptions } from "../src/index.ts"
import { defectOf, isInterrupted } from "./support/exits.ts"
import {
  atRest,
  counters,
  expectEmpty,
  expectWorking,
  forkNow,
  makeClosable,
  makePool,
  outside,
  testEffect
} from "./support/index.ts"
import { Stage } from "./support/stage.ts"
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

testEffect.each([
  { what: "weight", answer: 1, size: 1, onClose: "interrupt", calls: verbs },
  ...[0, 5].flatMap((answer) =>
    (["interrupt", "drain"] as const).map((onClose) => (
      { what: "maxWaiting", answer, size: 0, onClose, calls: verbs.slice(0, 3) }
    ))
  )
])(
  "a function that closes the pool, to $onClose, as its $what of $answer: callers are interrupted, not rejected",
  function*({ answer, calls, onClose, size, what }) {
    for (const verb of calls) {
      let act: () => unknown = () => {}
      const ask = () => {
        act()
        return answer
      }
      const { close, pool } = yield* makeClosable({ size, onClose, [what]: ask } as GreenPoolOptions)
      act = () => outside.fork(close)
      const call: (job: Effect.Effect<void>, options: JobOptions) => Effect.Effect<unknown, unknown> = pool[verb]
      expect(isInterrupted(yield* Effect.exit(call(Effect.void, { key: "a" })))).toBe(true)
      expect((yield* pool.stats).rejected).toBe(0)
      yield* expectEmpty(pool)
    }
  }
)

describe("a clock", () => {
  const make = Effect.fnUntraced(function*(options: GreenPoolOptions) {
    const clock = new ActingClock()
    const pool = (yield* Effect.provideService(GreenPool.make(options), Clock.Clock, clock)) as GreenPool
    return { clock, pool }
  })

  testEffect("may get a caller a slot while its timer is set, and let its time pass: it keeps the slot", function*() {
    const { clock, pool } = yield* make({ size: 1 })
    const holder = yield* pool.spawn(Effect.never)
    clock.actAt(2, () => {
      holder.interruptUnsafe()
      clock.now += 1000
    })
    const stage = new Stage()
    const caller = yield* forkNow(pool.run(stage.job("job"), { maxWait: "10 millis" }))
    yield* atRest
    expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 0, borrowed: 0 })
    yield* stage.finishAll
    expect(yield* Fiber.join(caller)).toBe("job")
    yield* expectWorking(pool)
  })

  testEffect.each(["run", "spawn", "pile"] as const)(
    "may get a caller of %s a slot and throw: the slot is free again",
    function*(verb) {
      const { clock, pool } = yield* make({ size: 1 })
      const pile = yield* GreenPile.make(pool)
      const holder = yield* pool.spawn(Effect.never)
      clock.actAt(2, () => {
        holder.interruptUnsafe()
        throw new Error("no time")
      })
      const call: (job: Effect.Effect<never>, options: JobOptions) => Effect.Effect<unknown, unknown> = verb === "pile"
        ? pile.spawn
        : pool[verb]
      expect(defectOf(yield* Effect.exit(call(Effect.never, { maxWait: 10 })))).toEqual(new Error("no time"))
      yield* atRest
      expect(yield* pile.next).toEqual(Option.none())
      yield* expectWorking(pool)
    }
  )

  testEffect.each([1, 2, 3])(
    "may pause an adaptive pool that is about to pause, at reading %i: it stays at 0",
    function*(reading) {
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
    }
  )
})

testEffect(
  "a map that was begun outside is refused inside a job if the clock closes the pool as it is read there",
  function*() {
    const clock = new ActingClock()
    const { close, pool } = yield* Effect.provideService(makeClosable({ size: 1, metrics: true }), Clock.Clock, clock)
    const stage = new Stage()
    const pull = yield* Stream.toPull(pool.imap(Effect.succeed, [1, 2]))
    const closeAtNextTime = Effect.sync(() => clock.actAt(1, () => outside.fork(close)))
    const job = yield* forkNow(pool.run(Effect.all([stage.gate("read").await, closeAtNextTime, pull])))
    yield* Fiber.interrupt(yield* forkNow(pull))
    yield* stage.finish("read")
    expect(isInterrupted(yield* Fiber.await(job))).toBe(true)
    yield* atRest
    yield* expectEmpty(pool)
  }
)

testEffect(
  "an item of a map that waits, and borrows a slot where it is read next, is told to the allowance",
  function*() {
    const pool = yield* makePool(1)
    const allowance = allowanceOf(pool)
    const stage = new Stage()
    const pull = yield* Stream.toPull(pool.imap(() => Effect.never, [1]))
    yield* forkNow(pool.run(Effect.andThen(stage.gate("read").await, pull)))
    yield* Fiber.interrupt(yield* forkNow(pull))
    const told: Array<number> = []
    allowance.onDemand(() => told.push(allowance.waiting()))
    yield* stage.finish("read")
    yield* atRest
    expect(told).toEqual([0])
  }
)
