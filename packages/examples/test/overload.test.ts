import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Outcome, overload } from "../benchmark/overload/bounds.ts"
import { compete, type Share } from "../benchmark/overload/tenants.ts"
import { runExample } from "./example.ts"

/** Nine in ten took at most so many milliseconds: what a machine that is busy for a moment leaves alone. */
const mostTook = ({ answers: { good } }: Outcome): number =>
  good.toSorted((a, b) => a - b)[Math.floor(good.length * 0.9)] ?? Infinity

const shareOf = (name: string, shares: ReadonlyArray<Share>): number =>
  shares.find(({ tenant }) => tenant === name)?.share ?? 0

// They measure time: one after the other, and again where the machine was busy with something else.
describe("overload", { timeout: 60_000, retry: 2 }, () => {
  it.live("at twice the capacity a bound of the line keeps the goodput up, which is lost without", () =>
    Effect.gen(function*() {
      // Without a bound, the wait reaches the deadline of the clients after two seconds.
      const unbounded = yield* overload("none", 2, 4)
      const bounded = yield* overload("maxWaiting", 2, 4)

      assert.strictEqual(unbounded.answers.refused, 0)
      assert.isAbove(bounded.answers.refused, 0)
      assert.strictEqual(bounded.answers.retryAfter, bounded.answers.refused)
      assert.strictEqual(unbounded.answers.other + bounded.answers.other, 0)
      assert.isAbove(bounded.goodput, unbounded.goodput)
      // Two in line for each slot: 100 ms in line and 50 ms of work.
      assert.isBelow(mostTook(bounded), 400)
    }))

  it.live("maxWait turns away who has waited for so long, and nobody who is served waits longer", () =>
    Effect.gen(function*() {
      const outcome = yield* overload("maxWait", 2, 2)
      assert.isAbove(outcome.answers.good.length, 0)
      assert.isAbove(outcome.answers.refused, 0)
      assert.strictEqual(outcome.answers.retryAfter, outcome.answers.refused)
      assert.strictEqual(outcome.answers.other, 0)
      // 500 ms in line and 50 ms of work.
      assert.isBelow(mostTook(outcome), 800)
    }))

  it.live("keys give the tenant with short requests a larger share of the slots than it has without", () =>
    Effect.gen(function*() {
      const without = shareOf("short", yield* compete(false, 2))
      const withKeys = shareOf("short", yield* compete(true, 2))
      assert.isAbove(without, 0)
      assert.isAbove(withKeys, without)
    }))
})

describe("the list of examples", { timeout: 60_000 }, () => {
  it.live("is what is printed without a name", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* runExample()
      assert.match(stdout, /^ {2}linkcheck +\S/m)
      assert.match(stdout, /^ {2}overload +\S/m)
      assert.match(stdout, /^ {2}producer-consumer {2}\S/m)
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    }))

  it.live("comes with exit code 1 for a name that it does not have", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* runExample("nothing")
      assert.match(stderr, /^There is no example "nothing"\.\n[^]*^ {2}overload /m)
      assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
    }))

  it.live("gives an example the arguments that follow its name", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* runExample("overload", "--help")
      assert.include(stdout, "--seconds")
      assert.strictEqual(code, 0)
    }))
})
