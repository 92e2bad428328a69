import { expect } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, identity, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import { GreenPool, type GreenPoolOptions } from "../src/index.ts"
import { atRest, expectWorking, forkNow, makeClosable, outside, Stage, testEffect } from "./support/index.ts"
import { makeLog } from "./support/logged.ts"
import { countSleepers } from "./support/sleepers.ts"
import { VirtualClock } from "./support/virtual-clock.ts"

/** A pool that warns after 10 seconds, its log, what closes it, and a caller that waits if no slot is free. */
const makeWarning = (options?: GreenPoolOptions, clock?: Clock.Clock, log = makeLog()) =>
  makeClosable({ size: 0, name: "api", slowWait: "10 seconds", ...options }).pipe(
    Effect.map(({ close, pool }) => ({ pool, log: log.entries, close, caller: forkNow(pool.run(Effect.void)) })),
    Effect.provide(log.layer),
    clock === undefined ? identity : Effect.provideService(Clock.Clock, clock)
  )

/**
 * What happens, and the number of warnings until then: seconds pass; a caller comes, one of a high priority, too; the
 * oldest leaves; all are served.
 */
type Step = readonly [number | "comes" | "urgent" | "leaves" | "served", warnings: number]

/** In which callers come and leave all the time, and none waits for long. */
const lively = Array.from({ length: 20 }, (): ReadonlyArray<Step> => [[9, 0], ["comes", 0], ["leaves", 0]])

testEffect("slowWait warns when the oldest has waited so long, with the name and the state of the pool", function*() {
  const { caller, log, pool } = yield* makeWarning({ size: 2 })
  for (let job = 0; job < 2; job++) yield* forkNow(pool.run(Effect.never))
  yield* pool.resize(1)
  yield* TestClock.adjust("1 hour")
  yield* caller
  yield* TestClock.adjust("9999 millis")
  expect(log).toEqual([])
  yield* TestClock.adjust("1 millis")
  const message = ["A caller has waited 10s for a slot of the pool (size 1, running 2, waiting 1)"]
  expect(log).toMatchObject([{ annotations: { pool: "api" }, level: "Warn", message }])
})

testEffect("slowWait warns in time, whatever fraction of a millisecond the wait began at", function*() {
  for (let i = 0; i < 100; i++) {
    yield* TestClock.adjust("137 micros")
    const { caller, log } = yield* makeWarning({ slowWait: "4 millis" })
    const waiting = yield* caller
    yield* TestClock.adjust("4 millis")
    expect(log).toHaveLength(1)
    yield* Fiber.interrupt(waiting)
  }
})

testEffect("a warning that is late says how long it has been, to the millisecond", function*() {
  const clock = new VirtualClock()
  const { caller, log } = yield* makeWarning({}, clock)
  yield* caller
  clock.advance(12_345.6)
  yield* atRest
  expect(log).toMatchObject([{ message: [expect.stringContaining("A caller has waited 12s 346ms for")] }])
})

testEffect.each<[string, ReadonlyArray<Step>, GreenPoolOptions?]>([
  ["once a minute, also of one never served", [["comes", 0], [10, 1], ["comes", 1], [59.999, 1], [0.001, 2], [
    600,
    12
  ]]],
  ["so even after an empty queue", [["comes", 0], [10, 1], ["served", 1], ["comes", 1], [59, 1], [1, 2]]],
  ["after a look at an empty queue", [["comes", 0], [5, 0], ["leaves", 0], [5, 0], ["comes", 0], [10, 1]]],
  [
    "of the one that has waited longest of those still in the queue, whichever is next",
    [["comes", 0], [4, 0], ["comes", 0], [1, 0], ["urgent", 0], [1, 0], ["leaves", 0], [7.999, 0], [0.001, 1]]
  ],
  ["not of those that are served in time", [["comes", 0], ...lively.flat(), ["served", 0], [3600, 0]]],
  ["immediately, if it is zero", [["comes", 1]], { slowWait: 0 }]
])("slowWait warns %s", function*([, steps, options]) {
  const { caller, log, pool } = yield* makeWarning(options)
  const callers: Array<Fiber.Fiber<unknown>> = []
  for (const [step, warnings] of steps) {
    if (typeof step === "number") yield* TestClock.adjust(Duration.seconds(step))
    else if (step === "leaves") yield* Fiber.interrupt(callers.shift()!)
    else if (step === "comes") callers.push(yield* caller)
    else if (step === "urgent") callers.push(yield* forkNow(pool.run(Effect.void, { priority: 100 })))
    else {
      yield* pool.resize(1)
      yield* pool.waitall
      yield* pool.resize(0)
    }
    expect(log).toHaveLength(warnings)
  }
})

testEffect("slowWait sees a map in the queue too, and goes by the pool's clock, not that on the wall", function*() {
  const clock = new VirtualClock()
  const { log, pool } = yield* makeWarning({}, clock)
  yield* forkNow(Stream.runDrain(pool.imap(() => Effect.void, [1])))
  clock.skew = 1_000_000
  yield* TestClock.adjust("1 hour")
  expect(log).toEqual([])
  clock.advance(10_000)
  expect(log).toHaveLength(1)
})

testEffect.each<GreenPoolOptions["slowWait"] & {}>(["10 seconds", 0])(
  "slowWait of %s watches once for all that wait, not while none waits, nor beyond the close",
  function*(slowWait) {
    const clock = yield* countSleepers
    const { caller, close, pool } = yield* makeWarning({ size: 1, slowWait }, clock)
    const expectSleepers = (count: number) => Effect.map(atRest, () => expect(clock.sleepers).toBe(count))
    for (let round = 0; round < 2; round++) {
      const holder = yield* forkNow(pool.run(Effect.never))
      yield* expectSleepers(0)
      yield* caller
      yield* caller
      expect(clock.sleepers).toBe(1)
      yield* Fiber.interrupt(holder)
      yield* pool.waitall
      yield* expectSleepers(0)
    }
    yield* forkNow(pool.run(Effect.never))
    const { sleeps } = clock
    for (let i = 0; i < 1000; i++) yield* Fiber.interrupt(yield* caller)
    yield* caller
    expect(clock.sleepers).toBe(1)
    expect(clock.sleeps - sleeps).toBeLessThanOrEqual(2)
    yield* close
    yield* expectSleepers(0)
  }
)

testEffect("slowWait of zero has a logger that grows the pool at once, and the caller waits no more", function*() {
  const logger = Logger.make<unknown, void>(() => outside.runSync(Effect.orDie(pool.resize(2))))
  const log = { entries: [], layer: Logger.layer([logger]) }
  const { pool } = yield* makeWarning({ size: 1, slowWait: 0, maxWait: "1 second" }, undefined, log)
  const stage = new Stage()
  yield* forkNow(pool.run(stage.job("a")))
  yield* forkNow(pool.run(stage.job("b")))
  yield* TestClock.adjust("2 seconds")
  yield* stage.finishAll
  yield* pool.waitall
  expect(stage.events).toEqual(["a starts", "b starts", "a ends", "b ends"])
  yield* expectWorking(pool)
})

testEffect("slowWait is off by default and of Infinity, and a defect where it is no duration", function*() {
  const clock = yield* countSleepers
  for (const slowWait of [undefined, "Infinity"] as const) yield* (yield* makeWarning({ slowWait }, clock)).caller
  expect(clock.sleeps).toBe(0)
  for (const slowWait of [-1, NaN]) {
    const exit = yield* Effect.exit(GreenPool.make({ slowWait }))
    expect(Exit.isFailure(exit) && String(exit.cause)).toContain("Invalid slowWait")
  }
})
