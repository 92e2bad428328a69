import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { GreenPool, type GreenPoolOptions } from "../src/index.ts"
import { defectOf, forkNow, makePool, Stage, testEffect } from "./support/index.ts"

/** A caller that joins the queue at this second. */
type Caller = { readonly at: number; readonly priority?: number; readonly key?: string }

/** The order in which these callers start in a pool of size 1 whose slot is taken. */
const startsOf = (callers: ReadonlyArray<Caller>, options: GreenPoolOptions = {}) =>
  Effect.scoped(Effect.gen(function*() {
    // No clock begins with a pool.
    yield* TestClock.adjust("1 hour")
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
    return stage.started.slice(1).join("")
  }))

const early: Caller = { at: 0, priority: 0 }
const at10: Caller = { at: 10, priority: 5 }
const mixed = [early, { at: 0 }, ...[5, -1, 5, 2].map((priority): Caller => ({ at: 0, priority }))]
const inKey = (key: string): ReadonlyArray<Caller> => [{ at: 0, key }, { at: 0, key, priority: 9 }]

describe("priority", () => {
  it.effect.each<readonly [string, ReadonlyArray<Caller>, string, GreenPoolOptions?]>([
    ["leaves those without one in order of arrival", [{ at: 0 }, { at: 0, priority: 1 }, { at: 0 }], "102"],
    ["goes higher first, 0 by default, equals in order of arrival", mixed, "245013"],
    ["grows by a level per second in the queue", [early, { at: 4, priority: 5 }], "10"],
    ["that has grown to the same level is served first", [early, { at: 5, priority: 5 }], "01"],
    ["grows by fractions of a second as well", [{ at: 0.2, priority: 0 }, { at: 1.1, priority: 1 }], "10"],
    ["of those that came before any caller had one has grown too", [{ at: 0 }, { at: 8 }, at10], "021"],
    ["does not grow by a priorityBoost of 0", [early, at10], "10", { priorityBoost: 0 }],
    ["grows by priorityBoost, here too little", [early, at10], "10", { priorityBoost: 0.4 }],
    ["grows by priorityBoost, here enough", [early, at10], "01", { priorityBoost: 0.6 }],
    ["acts within its key only", [...inKey("a"), ...inKey("b")], "1302"]
  ])(
    "%s",
    ([, callers, order, options]) => Effect.map(startsOf(callers, options), (starts) => expect(starts).toBe(order))
  )

  testEffect("that is no finite number is a defect of the call", function*() {
    const pool = yield* makePool(1)
    for (const priority of [NaN, Infinity, "1" as unknown as number]) {
      expect(defectOf(yield* Effect.exit(pool.run(Effect.void, { priority })))).toBeInstanceOf(RangeError)
    }
  })
})
