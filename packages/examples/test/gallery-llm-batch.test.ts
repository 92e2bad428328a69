import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Console, Effect, Fiber, FileSystem, Layer, Result } from "effect"
import { RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { setImmediate } from "node:timers/promises"
import { llmBatch } from "../src/gallery/llm-batch.ts"
import { readPrompts } from "../src/gallery/llm-prompts.ts"
import { startApi } from "./embedded/llm-server.ts"
import { respond, serveRaw } from "./raw-server.ts"

const services = Layer.mergeAll(
  NodeServices.layer,
  NodeHttpClient.layerNodeHttp,
  RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))
)

const prompts = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: String(index + 1), prompt: `prompt ${index + 1}` }))

/** A file of that content in a directory that is deleted with the scope. */
const fileOf = Effect.fnUntraced(function*(content: string, name = "answers.jsonl") {
  const fs = yield* FileSystem.FileSystem
  const file = `${yield* fs.makeTempDirectoryScoped()}/${name}`
  yield* fs.writeFileString(file, content)
  return file
})

const read = (file: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(file))

const silent = Effect.provideService(Console.Console, { ...globalThis.console, error: () => {} })

/** The ids of the answers of a file, in order of number. */
const idsOf = (text: string) =>
  text.split("\n").slice(0, -1).map((line) => Number(JSON.parse(line).id)).toSorted((a, b) => a - b)

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

describe("llm-batch", { timeout: 30_000 }, () => {
  it.effect("gets one answer to each prompt out of an API that refuses and fails, and pauses as a whole when told to", () =>
    Effect.gen(function*() {
      const { answered, counters, url } = yield* startApi({ rate: 1, burst: 80, failEvery: 40 })
      const out = yield* fileOf("")
      // Most of those at work wait for a token: nothing but the pause keeps them from asking during the pause.
      const batch = yield* Effect.forkChild(llmBatch(prompts(120), out, { url, model: "m", rate: 60, size: 40 }))
      // The time of the client and of the API passes only here; a request arrives within some turns of the event loop.
      while (batch.pollUnsafe() === undefined) {
        for (let turn = 0; turn < 10; turn++) yield* Effect.promise(() => setImmediate())
        yield* TestClock.adjust("10 millis")
      }
      yield* Fiber.join(batch)
      assert.deepStrictEqual(idsOf(yield* read(out)), numbers(120))
      assert.deepStrictEqual([answered.size, Math.max(...answered.values())], [120, 1])
      assert.isAtLeast(counters.pauses, 1)
      assert.isAtLeast(counters.failed, 3)
      assert.deepInclude(counters, { early: 0, strays: 0, requests: 120 + counters.refused + counters.failed })
    }).pipe(silent, Effect.provide(services), Effect.scoped))

  it.live("counts what gets no answer, and asks it again in the next run", () =>
    Effect.gen(function*() {
      const { answered, url } = yield* startApi({ rate: 100, burst: 100 })
      const out = yield* fileOf("")
      const api = { url, model: "m", rate: 100, size: 2 }
      const error = yield* Effect.flip(llmBatch(prompts(3), out, { ...api, url: `${url}/nowhere` }))
      assert.deepInclude(error, { message: "no answer to 3 of the prompts; run it again to ask them again" })
      const last = yield* Effect.flip(llmBatch(prompts(1), out, { ...api, url: `${url}/nowhere` }))
      assert.match(last.message, /^no answer to 1 of/)
      assert.strictEqual(yield* read(out), "")
      yield* llmBatch(prompts(3), out, api)
      yield* llmBatch(prompts(4), out, api)
      assert.deepStrictEqual(idsOf(yield* read(out)), [1, 2, 3, 4])
      assert.deepStrictEqual([...answered.values()], [1, 1, 1, 1])
    }).pipe(silent, Effect.provide(services), Effect.scoped))

  it.live("reads prompts one a line or as JSON lines, and says which line is none", () =>
    Effect.gen(function*() {
      const text = yield* fileOf("one\r\n\n two \n", "prompts.txt")
      assert.deepStrictEqual(yield* readPrompts(text), [{ id: "1", prompt: "one" }, { id: "3", prompt: "two" }])
      const good = `{"id":"a","prompt":"one"}\n`
      assert.deepStrictEqual(yield* readPrompts(yield* fileOf(good)), [{ id: "a", prompt: "one" }])
      for (const bad of ["{", "{}", `{"id":"","prompt":"x"}`, good]) {
        const error = yield* Effect.flip(readPrompts(yield* fileOf(good + bad)))
        assert.deepInclude(error, { _tag: "BadLine", line: 2 })
      }
    }).pipe(Effect.provide(services), Effect.scoped))

  it.live("asks nothing and changes nothing when the file for the answers holds something else", () =>
    Effect.gen(function*() {
      const { counters, url } = yield* startApi({ rate: 100, burst: 100 })
      const answer = (id: string, prompt: string) => `{"id":"${id}","prompt":"${prompt}","answer":"x"}\n`
      for (const content of ["my notes", "my\nnotes\n", answer("2", "another"), answer("1", "prompt 1") + "rest"]) {
        const out = yield* fileOf(content)
        const error = yield* Effect.flip(llmBatch(prompts(2), out, { url, model: "m", rate: 100, size: 2 }))
        assert.strictEqual(error._tag, "BadLine")
        assert.strictEqual(yield* read(out), content)
      }
      assert.strictEqual(counters.requests, 0)
    }).pipe(Effect.provide(services), Effect.scoped))

  /** Runs the batch, and returns what it says on the error stream. */
  const saying = Effect.fnUntraced(function*<A, E, R>(batch: Effect.Effect<A, E, R>) {
    const said: Array<string> = []
    const error = (...text: ReadonlyArray<string>) => void said.push(...text)
    const exit = yield* batch.pipe(
      Effect.provideService(Console.Console, { ...globalThis.console, error }),
      Effect.result
    )
    return { exit, said: said.join("\n") }
  })

  const completion = (content: string) => JSON.stringify({ choices: [{ message: { content } }] })

  it.live("asks again what got an answer that was cut off", () =>
    Effect.gen(function*() {
      let requests = 0
      const { origin } = yield* serveRaw((socket) => {
        const whole = respond("200 OK", completion("whole"))
        socket.end(requests++ === 0 ? whole.slice(0, -10) : whole)
      })
      const out = yield* fileOf("")
      yield* llmBatch(prompts(1), out, { url: origin, model: "m", rate: 100, size: 1 })
      assert.strictEqual(yield* read(out), `{"id":"1","prompt":"prompt 1","answer":"whole"}\n`)
      assert.strictEqual(requests, 2)
    }).pipe(silent, Effect.provide(services), Effect.scoped))

  it.live("says why the API refuses a prompt, in the API's own words", () =>
    Effect.gen(function*() {
      const body = `{"error":{"message":"The model m does not exist","type":"invalid_request_error"}}`
      const { origin } = yield* serveRaw((socket) => socket.end(respond("404 Not Found", body)))
      const { exit, said } = yield* saying(
        llmBatch(prompts(1), yield* fileOf(""), { url: origin, model: "m", rate: 100, size: 1 })
      )
      assert.isTrue(Result.isFailure(exit))
      assert.include(said, "1: 404: The model m does not exist")
    }).pipe(Effect.provide(services), Effect.scoped))

  it.effect("says how long a pause is that the API asks for, and ends when that is too long", () =>
    Effect.gen(function*() {
      let requests = 0
      const { origin } = yield* serveRaw((socket) => {
        const wait = requests++ === 0 ? 30 : 86_400
        socket.end(respond("429 Too Many Requests", `{"error":{"message":"Quota"}}`, `Retry-After: ${wait}`))
      })
      const batch = saying(
        llmBatch(prompts(9), yield* fileOf(""), { url: origin, model: "m", rate: 100, size: 1 })
      )
      const running = yield* Effect.forkChild(batch)
      while (running.pollUnsafe() === undefined) {
        for (let turn = 0; turn < 10; turn++) yield* Effect.promise(() => setImmediate())
        yield* TestClock.adjust("100 millis")
      }
      const { exit, said } = yield* Fiber.join(running)
      assert.include(said, "the API asks for a pause of 30s")
      assert.isTrue(Result.isFailure(exit))
      if (Result.isFailure(exit)) {
        assert.strictEqual(exit.failure.message, "the API asks for a pause of 1d (429: Quota); run it again then")
      }
      assert.strictEqual(requests, 2)
    }).pipe(Effect.provide(services), Effect.scoped))

  it.live("passes over blank lines and the zeros that a power failure leaves", () =>
    Effect.gen(function*() {
      const { url } = yield* startApi({ rate: 100, burst: 100 })
      const answer = (id: number) => `{"id":"${id}","prompt":"prompt ${id}","answer":"x"}\n`
      const out = yield* fileOf(`${answer(1)}\n  \n\0\0\0${answer(2)}\0\0`)
      yield* llmBatch(prompts(3), out, { url, model: "m", rate: 100, size: 2 })
      const lines = (yield* read(out)).replaceAll("\0", "").split("\n").filter((line) => line.trim() !== "")
      assert.deepStrictEqual(lines.map((line) => JSON.parse(line).id), ["1", "2", "3"])
    }).pipe(silent, Effect.provide(services), Effect.scoped))
})
