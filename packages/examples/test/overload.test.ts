import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { type Outcome, overload } from "../src/overload/bounds.ts"
import { compete, type Share } from "../src/overload/tenants.ts"

/** Nine in ten took at most so many milliseconds: what a machine that is busy for a moment leaves alone. */
const mostTook = ({ answers: { good } }: Outcome): number =>
  good.toSorted((a, b) => a - b)[Math.floor(good.length * 0.9)] ?? Infinity

const shareOf = (name: string, shares: ReadonlyArray<Share>): number =>
  shares.find(({ tenant }) => tenant === name)?.share ?? 0

/** Runs an example by its name, as a process of its own. */
const example = (...args: ReadonlyArray<string>) =>
  Effect.promise(() =>
    new Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>((resolve) => {
      const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))
      const child = spawn(process.execPath, [main, ...args])
      const output = { stdout: "", stderr: "" }
      child.stdout.setEncoding("utf8").on("data", (text: string) => void (output.stdout += text))
      child.stderr.setEncoding("utf8").on("data", (text: string) => void (output.stderr += text))
      child.on("close", (code) => resolve({ code, ...output }))
    })
  )

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
      const { code, stderr, stdout } = yield* example()
      assert.match(stdout, /^ {2}linkcheck {3}\S/m)
      assert.match(stdout, /^ {2}overload {4}\S/m)
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    }))

  it.live("comes with exit code 1 for a name that it does not have", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* example("nothing")
      assert.match(stderr, /^There is no example "nothing"\.\n[^]*^ {2}overload /m)
      assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
    }))

  it.live("gives an example the arguments that follow its name", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* example("overload", "--help")
      assert.include(stdout, "--seconds")
      assert.strictEqual(code, 0)
    }))
})
