import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Console, Effect, Fiber, Layer } from "effect"
import { RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { startApi } from "../src/embedded/llm-server.ts"
import { llmBatch } from "../src/gallery/llm-batch.ts"
import { readPrompts } from "../src/gallery/llm-prompts.ts"
import { liveWith } from "./live.ts"
import { folder, idsOf, numbers } from "./outside.ts"
import { respond, serveRaw } from "./raw-server.ts"

const services = Layer.mergeAll(
  NodeServices.layer,
  NodeHttpClient.layerNodeHttp,
  RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))
)
const live = liveWith(services)

const fileOf = (content: string, name = "answers.jsonl") => Effect.map(folder, ({ write }) => write(name, content))

const read = (file: string) => readFileSync(file, "utf8")

/** Asks so many prompts; what is said on the error stream goes to `said`. */
const ask = (count: number, out: string, url: string, more: Partial<Parameters<typeof llmBatch>[2]> = {}) => {
  const prompts = numbers(count).map((id) => ({ id: `${id}`, prompt: `prompt ${id}` }))
  const said: Array<string> = []
  const console = { ...globalThis.console, error: (text: string) => void said.push(text) }
  const options = { url, model: "m", rate: 100, size: 2, ...more }
  const batch = Effect.provideService(llmBatch(prompts, out, options), Console.Console, console)
  return Object.assign(batch, { said })
}

/** Runs it while the time of the client and of the API passes only here, in such steps. */
const inTestTime = Effect.fnUntraced(function*<A, E, R>(batch: Effect.Effect<A, E, R>, step: number) {
  const fiber = yield* Effect.forkChild(batch)
  while (fiber.pollUnsafe() === undefined) {
    // A request arrives within some turns of the event loop.
    for (let turn = 0; turn < 10; turn++) yield* Effect.promise(() => setImmediate())
    yield* TestClock.adjust(step)
  }
  return yield* Fiber.join(fiber)
})

const answer = (id: string, prompt = `prompt ${id}`) => `{"id":"${id}","prompt":"${prompt}","answer":"x"}\n`

describe("llm-batch", { timeout: 30_000 }, () => {
  it.effect("gets one answer to each prompt out of an API that refuses and fails, and pauses when told to", () =>
    Effect.gen(function*() {
      const { answered, counters, url } = yield* startApi({ rate: 1, burst: 80, failEvery: 40 })
      const out = yield* fileOf("")
      // Most of those at work wait for a token: nothing but the pause keeps them from asking during the pause.
      yield* inTestTime(ask(120, out, url, { rate: 60, size: 40 }), 10)
      assert.deepStrictEqual(idsOf(read(out)), numbers(120))
      assert.deepStrictEqual([answered.size, Math.max(...answered.values())], [120, 1])
      assert.isAtLeast(counters.pauses, 1)
      assert.isAtLeast(counters.failed, 3)
      assert.deepInclude(counters, { early: 0, strays: 0, requests: 120 + counters.refused + counters.failed })
    }).pipe(Effect.provide(services)))

  live("counts what gets no answer, and asks it again in the next run", function*() {
    const { answered, url } = yield* startApi({ rate: 100, burst: 100 })
    const out = yield* fileOf("")
    const error = yield* Effect.flip(ask(3, out, `${url}/nowhere`))
    assert.deepInclude(error, { message: "no answer to 3 of the prompts; run it again to ask them again" })
    assert.match((yield* Effect.flip(ask(1, out, `${url}/nowhere`))).message, /^no answer to 1 of/)
    assert.strictEqual(read(out), "")
    yield* ask(3, out, url)
    yield* ask(4, out, url)
    assert.deepStrictEqual(idsOf(read(out)), [1, 2, 3, 4])
    assert.deepStrictEqual([...answered.values()], [1, 1, 1, 1])
  })

  live("reads prompts one a line or as JSON lines, and says which line is none", function*() {
    const text = yield* fileOf("one\r\n\n two \n", "prompts.txt")
    assert.deepStrictEqual(yield* readPrompts(text), [{ id: "1", prompt: "one" }, { id: "3", prompt: "two" }])
    const good = `{"id":"a","prompt":"one"}\n`
    assert.deepStrictEqual(yield* readPrompts(yield* fileOf(good)), [{ id: "a", prompt: "one" }])
    for (const bad of ["{", "{}", `{"id":"","prompt":"x"}`, good]) {
      assert.deepInclude(yield* Effect.flip(readPrompts(yield* fileOf(good + bad))), { _tag: "BadLine", line: 2 })
    }
  })

  live("asks nothing and changes nothing when the file for the answers holds something else", function*() {
    const { counters, url } = yield* startApi({ rate: 100, burst: 100 })
    for (const content of ["my notes", "my\nnotes\n", answer("2", "another"), `${answer("1")}rest`]) {
      const out = yield* fileOf(content)
      assert.strictEqual((yield* Effect.flip(ask(2, out, url)))._tag, "BadLine")
      assert.strictEqual(read(out), content)
    }
    assert.strictEqual(counters.requests, 0)
  })

  live("asks again what got an answer that was cut off, and says in the API's own words why it refuses", function*() {
    const whole = respond("200 OK", JSON.stringify({ choices: [{ message: { content: "whole" } }] }))
    const refusal = respond("404 Not Found", `{"error":{"message":"The model m does not exist"}}`)
    const answers = [whole.slice(0, -10), whole, refusal]
    const { origin } = yield* serveRaw((socket) => void socket.end(answers.shift() ?? ""))
    const out = yield* fileOf("")
    yield* ask(1, out, origin, { size: 1 })
    assert.strictEqual(read(out), `{"id":"1","prompt":"prompt 1","answer":"whole"}\n`)
    const refused = ask(2, out, origin)
    yield* Effect.flip(refused)
    assert.include(refused.said.join("\n"), "2: 404: The model m does not exist")
    assert.deepStrictEqual(answers, [])
  })

  it.effect("says how long a pause is that the API asks for, and ends when that is too long", () =>
    Effect.gen(function*() {
      let requests = 0
      const { origin } = yield* serveRaw((socket) => {
        const wait = requests++ === 0 ? 30 : 86_400
        socket.end(respond("429 Too Many Requests", `{"error":{"message":"Quota"}}`, `Retry-After: ${wait}`))
      })
      const batch = ask(9, yield* fileOf(""), origin, { size: 1 })
      const { message } = yield* inTestTime(Effect.flip(batch), 100)
      assert.include(batch.said.join("\n"), "the API asks for a pause of 30s")
      assert.strictEqual(message, "the API asks for a pause of 1d (429: Quota); run it again then")
      assert.strictEqual(requests, 2)
    }).pipe(Effect.provide(services)))

  live("passes over blank lines and the zeros that a power failure leaves", function*() {
    const { url } = yield* startApi({ rate: 100, burst: 100 })
    const out = yield* fileOf(`${answer("1")}\n  \n\0\0\0${answer("2")}\0\0`)
    yield* ask(3, out, url)
    const lines = read(out).replaceAll("\0", "").split("\n").filter((line) => line.trim() !== "")
    assert.deepStrictEqual(lines.map((line) => JSON.parse(line).id), ["1", "2", "3"])
  })
})
