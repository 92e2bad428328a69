/** Examples that are ended half way, as processes of their own, and go on where they were. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { appendFileSync } from "node:fs"
import { startApi } from "../src/embedded/llm-server.ts"
import { generateOrders } from "../src/embedded/orders.ts"
import { runExample, startExample } from "./example.ts"
import { eventually, live } from "./live.ts"
import { everything, folder, idsOf, numbers, query } from "./outside.ts"

/** Starts an example, sends it a signal as soon as it has come so far, and waits for its end. */
const endWhen = Effect.fnUntraced(
  function*(reached: () => boolean, signal: "SIGINT" | "SIGKILL", args: ReadonlyArray<string>) {
    const { child, ended } = yield* startExample(...args)
    yield* eventually(() => reached() || child.exitCode !== null)
    child.kill(signal)
    return yield* ended
  },
  Effect.scoped
)

/** How many rows of its file a database has dealt with; 0 as long as it has no tables. */
const done = (path: string) => {
  try {
    return Number(query(path, "SELECT orders + rejects AS done FROM imports")[0]?.["done"] ?? 0)
  } catch {
    return 0
  }
}

/** An API, the arguments of a batch of so many prompts for it, and the file and the ids of its answers. */
const startBatch = Effect.fnUntraced(function*(prompts: number) {
  const { answered, url } = yield* startApi({ rate: 10_000, burst: 10_000 })
  const { path, read } = yield* folder
  const out = `${path}/answers.jsonl`
  const args = ["llm-batch", "--url", url, "--model", "m", "--out", out, "--prompts", `${prompts}`]
  return { answered, args, ids: () => idsOf(read("answers.jsonl")), out }
})

describe("ended half way", { timeout: 60_000, concurrent: true }, () => {
  live("the importer ends with the same tables whether or not it was killed and interrupted", function*() {
    const { path } = yield* folder
    const [file, whole, parts] = [`${path}/in.csv`, `${path}/whole.sqlite`, `${path}/parts.sqlite`]
    yield* generateOrders(file, 30_000)
    assert.deepInclude(yield* runExample("importer", file, "--db", whole), { code: 0 })

    const args = ["importer", file, "--db", parts, "--batch", "50"]
    yield* endWhen(() => done(parts) > 0, "SIGKILL", args)
    const killed = done(parts)
    assert.isTrue(killed > 0 && killed < 30_000, `${killed}`)
    const { code, stderr } = yield* endWhen(() => done(parts) > killed, "SIGINT", args)
    assert.strictEqual(code, 130)
    const interrupted = done(parts)
    assert.isTrue(interrupted > killed && interrupted < 30_000, `${interrupted}`)
    const [, orders, rejects] = /(\d+) orders, (\d+) rejects, \d+ rows\/s\n$/.exec(stderr) ?? []
    assert.strictEqual(Number(orders) + Number(rejects), interrupted)

    // The second time, there is nothing left to do.
    for (let run = 0; run < 2; run++) {
      const { code, stdout } = yield* runExample(...args)
      assert.strictEqual(code, 0)
      assert.include(stdout, "in.csv: 29970 orders and 30 rejects in")
      assert.deepStrictEqual(everything(parts), everything(whole))
    }
  })

  live("llm-batch loses no answer to Ctrl-C, and after a kill goes on with what has no answer", function*() {
    const { answered, args, ids, out } = yield* startBatch(400)
    const slowly = [...args, "--rate", "200", "--size", "8"]
    const interrupted = yield* endWhen(() => answered.size >= 40, "SIGINT", slowly)
    assert.strictEqual(interrupted.code, 130)
    assert.match(interrupted.stderr, /^\d+ of 400 answered\n$/m)
    const before = answered.size
    assert.isBelow(before, 400)
    assert.deepStrictEqual([ids().length, Math.max(...answered.values())], [before, 1])

    yield* endWhen(() => answered.size >= before + 40, "SIGKILL", slowly)
    // As if the kill had come in the middle of a line.
    appendFileSync(out, `{"id":"399","prompt":"What`)
    const last = yield* runExample(...args, "--rate", "10000")
    assert.deepInclude(last, { code: 0, stdout: `400 answers in ${out}; another --out asks again\n` })
    assert.deepStrictEqual(ids(), numbers(400))
    // Only what was in flight at the kill was asked again.
    assert.isAtMost([...answered.values()].filter((times) => times > 1).length, 8)
  })

  live("llm-batch keeps a second run off the file for the answers, until the first has ended", function*() {
    const { answered, args, ids, out } = yield* startBatch(100)
    const first = yield* startExample(...args, "--rate", "2")
    yield* eventually(() => answered.size > 0)
    const second = yield* runExample(...args)
    assert.deepStrictEqual(second, { code: 1, stdout: "", stderr: `another run writes to ${out}\n` })
    first.child.kill("SIGKILL")
    yield* first.ended
    assert.deepInclude(yield* runExample(...args), { code: 0 })
    assert.deepStrictEqual(ids(), numbers(100))
    const stdout = `100 answers in ${out}; another --out asks again\n`
    const stderr = `${out} has 100 of the answers; 0 are left to ask\n100 of 100 answered\n`
    assert.deepStrictEqual(yield* runExample(...args), { code: 0, stdout, stderr })
  })
})
