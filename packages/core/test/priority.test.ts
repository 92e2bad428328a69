import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import { GreenPool, type GreenPoolOptions } from "../src/index.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"

/** A pool of size 1 whose slot is taken, and callers that are put in the queue at given seconds. */
const startsOf = (
  callers: ReadonlyArray<{ readonly at: number; readonly priority?: number; readonly key?: string }>,
  options: GreenPoolOptions = {}
) =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* Effect.orDie(GreenPool.make({ size: 1, ...options }))
    const stage = new Stage()
    yield* forkNow(Effect.orDie(pool.run(stage.job("first"))))
    let now = 0
    for (const [i, { at, ...asked }] of callers.entries()) {
      yield* TestClock.adjust(`${at - now} seconds`)
      now = at
      yield* forkNow(Effect.orDie(pool.run(stage.job(`${i}`), asked)))
    }
    yield* stage.finishAll
    yield* pool.waitall
    return stage.started.slice(1).map(Number)
  }))

describe("priority", () => {
  it.effect("goes higher first, 0 by default, equals in order of arrival", () =>
    Effect.gen(function*() {
      const callers = [0, undefined, 5, -1, 5, 2].map((priority) => ({
        at: 0,
        ...priority === undefined ? {} : { priority }
      }))
      expect(yield* startsOf(callers)).toEqual([2, 4, 5, 0, 1, 3])
    }))

  it.effect("grows by a level per second in the queue", () =>
    Effect.gen(function*() {
      expect(yield* startsOf([{ at: 0, priority: 0 }, { at: 4, priority: 5 }])).toEqual([1, 0])
      expect(yield* startsOf([{ at: 0, priority: 0 }, { at: 5, priority: 5 }])).toEqual([0, 1])
      expect(yield* startsOf([{ at: 0, priority: 0 }, { at: 6, priority: 5 }])).toEqual([0, 1])
    }))

  it.effect("of those who came before anybody had one has grown too", () =>
    Effect.gen(function*() {
      expect(yield* startsOf([{ at: 0 }, { at: 8 }, { at: 10, priority: 5 }])).toEqual([0, 2, 1])
    }))

  it.effect("grows by priorityBoost, not at all where that is 0", () =>
    Effect.gen(function*() {
      const callers = [{ at: 0, priority: 0 }, { at: 10, priority: 5 }]
      expect(yield* startsOf(callers, { priorityBoost: 0 })).toEqual([1, 0])
      expect(yield* startsOf(callers, { priorityBoost: 0.4 })).toEqual([1, 0])
      expect(yield* startsOf(callers, { priorityBoost: 0.6 })).toEqual([0, 1])
    }))

  it.effect("acts within its key only", () =>
    Effect.gen(function*() {
      const starts = yield* startsOf([
        { at: 0, key: "a" },
        { at: 0, key: "a", priority: 9 },
        { at: 0, key: "b" },
        { at: 0, key: "b", priority: 9 }
      ])
      expect(starts).toEqual([1, 3, 0, 2])
    }))

  it.effect("that is no finite number is a defect of the call; so is a wrong priorityBoost of make", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make()
      for (const priority of [NaN, Infinity, "1" as unknown as number]) {
        const exit = yield* Effect.exit(pool.run(Effect.void, { priority }))
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(RangeError)
      }
      for (const priorityBoost of [-1, NaN, Infinity]) {
        const exit = yield* Effect.exit(GreenPool.make({ priorityBoost }))
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(RangeError)
      }
    }))
})

describe("priorities", () => {
  it.effect("decide who gets the slots of a pool that grows by several", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(0)
      const stage = new Stage()
      for (const priority of [0, 5, 9]) yield* forkNow(pool.run(stage.job(`${priority}`), { priority }))
      yield* pool.resize(2)
      yield* atRest
      expect(stage.started).toEqual(["9", "5"])
      yield* stage.finishAll
    }))

  it.effect("are gained by fractions of a second as well", () =>
    Effect.gen(function*() {
      expect(yield* startsOf([{ at: 0.2, priority: 0 }, { at: 1.1, priority: 1 }])).toEqual([1, 0])
    }))
})
