import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { type Outcome, overload } from "../benchmark/overload/bounds.ts"
import { compete, type Share } from "../benchmark/overload/tenants.ts"
import { runProcess } from "./example.ts"

/** Nine in ten took at most so many milliseconds: what a machine that is busy for a moment leaves alone. */
const mostTook = ({ answers: { good } }: Outcome): number =>
  good.toSorted((a, b) => a - b)[Math.floor(good.length * 0.9)] ?? Infinity

const shareOf = (name: string, shares: ReadonlyArray<Share>): number =>
  shares.find(({ tenant }) => tenant === name)?.share ?? 0

// They measure time: one after the other, and again where the machine was busy with something else.
describe("overload", { timeout: 60_000, retry: 2 }, () => {
  it.live("at twice the capacity a bound of the queue keeps the goodput up, which is lost without", () =>
    Effect.gen(function*() {
      const unbounded = yield* overload("none", 2, 2)
      const bounded = yield* overload("maxWaiting", 2, 2)

      assert.strictEqual(unbounded.answers.refused, 0)
      assert.isAbove(bounded.answers.refused, 0)
      assert.strictEqual(bounded.answers.retryAfter, bounded.answers.refused)
      assert.strictEqual(unbounded.answers.other + bounded.answers.other, 0)
      assert.isAbove(bounded.goodput, unbounded.goodput)
      // Two in the queue for each slot: 100 ms in the queue and 50 ms of work.
      assert.isBelow(mostTook(bounded), 400)
    }))

  it.live("maxWait rejects callers that have waited for so long, and none that is served waits longer", () =>
    Effect.gen(function*() {
      const outcome = yield* overload("maxWait", 2, 1)
      assert.isAbove(outcome.answers.good.length, 0)
      assert.isAbove(outcome.answers.refused, 0)
      assert.strictEqual(outcome.answers.retryAfter, outcome.answers.refused)
      assert.strictEqual(outcome.answers.other, 0)
      // 500 ms in the queue and 50 ms of work.
      assert.isBelow(mostTook(outcome), 800)
    }))

  it.live("keys give the tenant with short requests a larger share of the slots than it has without", () =>
    Effect.gen(function*() {
      const [without, withKeys] = [yield* compete(false, 1), yield* compete(true, 1)]
      assert.isAbove(shareOf("short", without), 0)
      assert.isAbove(shareOf("short", withKeys), shareOf("short", without))
    }))
})

describe("the list of examples", { timeout: 60_000, concurrent: true }, () => {
  it.live("is what is printed without a name and for --help, with source files that exist", () =>
    Effect.gen(function*() {
      const [bare, help] = yield* Effect.all([runProcess(), runProcess("--help")], { concurrency: 2 })
      assert.deepInclude(bare, { code: 0, stderr: "" })
      assert.deepStrictEqual(bare, help)
      const lines = [...bare.stdout.matchAll(/^ {2}(\S+) +(src\/\S+) +\S/gm)]
      assert.includeMembers(lines.map(([, name]) => name), ["linkcheck", "overload", "farm", "producer-consumer"])
      for (const [, , file] of lines) {
        assert.isTrue(existsSync(fileURLToPath(new URL(`../${file}`, import.meta.url))), file)
      }
    }))

  it.live("is referred to where a name is not on it, with exit code 1", () =>
    Effect.gen(function*() {
      const stderr = `There is no example "nothing". See pnpm example --help.\n`
      assert.deepStrictEqual(yield* runProcess("nothing"), { code: 1, stdout: "", stderr })
    }))
})
