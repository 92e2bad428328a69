import { assert, describe } from "@effect/vitest"
import { type Outcome, overload } from "../benchmark/overload/bounds.ts"
import { compete, type Share } from "../benchmark/overload/tenants.ts"
import { live } from "./live.ts"

/** Nine in ten took at most so many milliseconds: what a machine that is busy for a moment leaves alone. */
const mostTook = ({ answers: { good } }: Outcome): number =>
  good.toSorted((a, b) => a - b)[Math.floor(good.length * 0.9)] ?? Infinity

const shareOf = (name: string, shares: ReadonlyArray<Share>): number =>
  shares.find(({ tenant }) => tenant === name)?.share ?? 0

// They measure time: one after the other, and again where the machine was busy with something else.
describe("overload", { timeout: 60_000, retry: 2 }, () => {
  live("at twice the capacity a bound of the queue keeps the goodput up, which is lost without", function*() {
    const unbounded = yield* overload("none", 2, 2)
    const bounded = yield* overload("maxWaiting", 2, 2)
    assert.strictEqual(unbounded.answers.refused, 0)
    assert.isAbove(bounded.answers.refused, 0)
    assert.strictEqual(bounded.answers.retryAfter, bounded.answers.refused)
    assert.strictEqual(unbounded.answers.other + bounded.answers.other, 0)
    assert.isAbove(bounded.goodput, unbounded.goodput)
    // Two in the queue for each slot: 100 ms in the queue and 50 ms of work.
    assert.isBelow(mostTook(bounded), 400)
  })

  live("maxWait rejects callers that have waited for so long, and none that is served waits longer", function*() {
    const outcome = yield* overload("maxWait", 2, 1)
    assert.isAbove(outcome.answers.good.length, 0)
    assert.isAbove(outcome.answers.refused, 0)
    assert.strictEqual(outcome.answers.retryAfter, outcome.answers.refused)
    assert.strictEqual(outcome.answers.other, 0)
    // 500 ms in the queue and 50 ms of work.
    assert.isBelow(mostTook(outcome), 800)
  })

  live("keys give the tenant with short requests a larger share of the slots than it has without", function*() {
    const [without, withKeys] = [yield* compete(false, 1), yield* compete(true, 1)]
    assert.isAbove(shareOf("short", without), 0)
    assert.isAbove(shareOf("short", withKeys), shareOf("short", without))
  })
})
