// Asks an API many prompts. The pool bounds how many are in flight, a rate limiter how many a second; answers are
// appended to a file as they come, and a second run asks only what has no answer there.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { GreenPool } from "@greenpool/core"
import { Config, Console, Effect, Fiber, FileSystem, Layer, Option, Schedule, Schema, Semaphore, Stream } from "effect"
import { Argument, CliError, Command, Flag } from "effect/cli"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { RateLimiter } from "effect/persistence"
import { expectedUrl, integer, parseUrl, path } from "../flags.ts"
import { Chat, Completion, startApi } from "./llm-api.ts"

const Prompt = Schema.Struct({ id: Schema.NonEmptyString, prompt: Schema.NonEmptyString })
const Answer = Schema.Struct({ ...Prompt.fields, answer: Schema.String })
type Prompt = typeof Prompt.Type
type Answer = typeof Answer.Type

const decodePrompt = Schema.decodeEffect(Schema.fromJsonString(Prompt))
const decodeAnswer = Schema.decodeEffect(Schema.fromJsonString(Answer))
const encodeAnswer = Schema.encodeSync(Schema.fromJsonString(Answer))

/** A line of a file is not what it should be. Nothing has been asked, and no file was changed. */
export class BadLine extends Schema.TaggedError<BadLine>()("BadLine", {
  file: Schema.String,
  line: Schema.Int,
  reason: Schema.String
}) {
  override get message() {
    return `${this.file}, line ${this.line}: ${this.reason}`
  }
}

/** Some prompts got no answer. The next run asks them again. */
export class Unanswered extends Schema.TaggedError<Unanswered>()("Unanswered", { count: Schema.Int }) {
  override get message() {
    return `${this.count === 1 ? "1 prompt" : `${this.count} prompts`} got no answer; run it again to ask what is left`
  }
}

/** The prompts of a file: JSON lines `{"id": …, "prompt": …}`, or one a line, whose id is then the number of the line. */
export const readPrompts = Effect.fn("readPrompts")(function*(file: string) {
  const text = yield* (yield* FileSystem.FileSystem).readFileString(file)
  const prompts = new Map<string, Prompt>()
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue
    const bad = (reason: string) => new BadLine({ file, line: index + 1, reason })
    const prompt = file.endsWith(".jsonl")
      ? yield* Effect.mapError(decodePrompt(line), (error) => bad(error.message))
      : { id: String(index + 1), prompt: line.trim() }
    if (prompts.has(prompt.id)) return yield* bad(`the id "${prompt.id}" is there already`)
    prompts.set(prompt.id, prompt)
  }
  return [...prompts.values()]
})

/** The ids of the prompts that have an answer in the file. A last line that was cut off by a kill is taken away. */
const readAnswered = Effect.fn("readAnswered")(function*(file: string, prompts: ReadonlyArray<Prompt>) {
  const fs = yield* FileSystem.FileSystem
  const answered = new Set<string>()
  if (!(yield* fs.exists(file))) return answered
  const bytes = yield* fs.readFile(file)
  const end = bytes.lastIndexOf(0x0a) + 1
  const lines = new TextDecoder().decode(bytes.subarray(0, end)).split("\n").slice(0, -1)
  const byId = new Map(prompts.map(({ id, prompt }) => [id, prompt]))
  for (const [index, line] of lines.entries()) {
    const bad = (reason: string) => new BadLine({ file, line: index + 1, reason })
    const { id, prompt } = yield* Effect.mapError(decodeAnswer(line), (error) => bad(`not an answer: ${error.message}`))
    // Answers to other prompts under the same ids would pass for answers to these.
    if ((byId.get(id) ?? prompt) !== prompt) return yield* bad(`"${id}" is the id of another prompt here`)
    answered.add(id)
  }
  const rest = new TextDecoder().decode(bytes.subarray(end))
  if (rest !== "") {
    const isCut = rest.startsWith("{\"id\":") || "{\"id\":".startsWith(rest)
    if (!isCut) return yield* new BadLine({ file, line: lines.length + 1, reason: "not an answer" })
    yield* fs.truncate(file, end)
  }
  return answered
})

/** How an API is asked. */
export interface Api {
  readonly url: string
  readonly model: string
  /** Requests a second. */
  readonly rate: number
}

/** Makes the function that asks the API one prompt. */
const makeAsk = Effect.fnUntraced(function*({ model, rate, url }: Api) {
  const key = yield* Config.option(Config.Redacted("API_KEY"))
  const client = (yield* HttpClient.HttpClient).pipe(
    HttpClient.mapRequest(Option.match(key, {
      onNone: () => (request) => request,
      onSome: (key) => HttpClientRequest.bearerToken(key)
    })),
    HttpClient.filterStatusOk,
    // The body is read here, so that the time limit is on all of an attempt.
    HttpClient.transformResponse((response) =>
      response.pipe(Effect.tap(({ arrayBuffer }) => arrayBuffer), Effect.timeout("1 minute"))
    ),
    // Each attempt takes a token. A 429 stops all callers for as long as its Retry-After says, not only the one that
    // got it: the rate is that of the API. `times: 0`: it is the next line that tries again.
    HttpClient.withRateLimiter({
      limiter: yield* RateLimiter.RateLimiter,
      key: url,
      limit: rate,
      window: "1 second",
      algorithm: "token-bucket",
      times: 0
    }),
    // `Effect.retry` for 429, 5xx, time-outs and lost connections, never sooner than Retry-After says.
    HttpClient.retryTransient({
      times: 10,
      schedule: Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("10 seconds")]).pipe(
        Schedule.jittered
      )
    })
  )
  return ({ prompt }: Prompt) =>
    HttpClientRequest.post(`${url}/chat/completions`).pipe(
      HttpClientRequest.schemaBodyJson(Chat)({ model, messages: [{ role: "user", content: prompt }] }),
      Effect.flatMap(client.execute),
      Effect.flatMap(HttpClientResponse.schemaBodyJson(Completion)),
      Effect.map(({ choices }) => choices[0].message.content)
    )
})

/** Asks what has no answer yet in the file, at most so many at once, and appends the answers to it as they come. */
export const llmBatch = Effect.fn("llmBatch")(
  function*(prompts: ReadonlyArray<Prompt>, out: string, api: Api & { readonly size: number }) {
    const answered = yield* readAnswered(out, prompts)
    const todo = prompts.filter(({ id }) => !answered.has(id))
    const tally = { done: prompts.length - todo.length, failed: 0 }
    const progress = Effect.suspend(() =>
      Console.error(`${tally.done} of ${prompts.length} answered${tally.failed > 0 ? `, ${tally.failed} failed` : ""}`)
    )
    const ask = yield* makeAsk(api)
    const file = yield* (yield* FileSystem.FileSystem).open(out, { flag: "a" })
    const writing = yield* Semaphore.make(1)
    const append = (answer: Answer) =>
      writing.withPermit(file.writeAll(new TextEncoder().encode(`${encodeAnswer(answer)}\n`)))

    // A job keeps its slot while it waits for a token or for the end of a pause: all of them wait then, so that none
    // could use the slot; and no more prompts are taken up than are in flight. Between an answer and its line in the
    // file nothing can interrupt the job.
    const job = (prompt: Prompt) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.matchEffect(restore(ask(prompt)), {
          onSuccess: (answer) => Effect.andThen(append({ ...prompt, answer }), Effect.sync(() => void tally.done++)),
          onFailure: (error) =>
            Effect.andThen(Console.error(`${prompt.id}: ${error.message}`), Effect.sync(() => void tally.failed++))
        })
      )

    yield* Effect.addFinalizer(() => progress)
    yield* Effect.forkScoped(Effect.repeat(progress, Schedule.spaced("1 second")))
    const scope = yield* Effect.scope
    yield* Effect.gen(function*() {
      // The map has a fiber that outlives the pool. Ctrl-C interrupts only what waits for it; then the pool closes, and
      // `drain` has the map take up nothing more and finish what is in flight, whose answers are paid for.
      const asking = yield* GreenPool.imapUnordered(job, todo).pipe(Stream.runDrain, Effect.forkIn(scope))
      yield* Fiber.join(asking)
    }).pipe(Effect.provide(GreenPool.layer({ size: api.size, onClose: "drain", drainTimeout: "10 seconds" })))
    if (tally.failed > 0) return yield* new Unanswered({ count: tally.failed })
  },
  Effect.scoped
)

const command = Command.make(
  "llm-batch",
  {
    file: Argument.File("FILE", { mustExist: true }).pipe(
      Argument.withDescription(`Prompts, one a line, or as .jsonl {"id": …, "prompt": …}; without it, generated ones`),
      Argument.optional
    ),
    out: path("out", "Where the answers go", "answers.jsonl"),
    url: Flag.String("url").pipe(
      Flag.withDescription(
        "The API, as https://api.openai.com/v1, with its key in API_KEY; without it, an embedded one"
      ),
      Flag.filterMap(parseUrl, expectedUrl),
      Flag.optional
    ),
    model: Flag.String("model").pipe(Flag.withDescription("The model to ask, needed with --url"), Flag.optional),
    size: integer("size", "How many at once", 20),
    rate: integer("rate", "Requests a second", 300),
    prompts: integer("prompts", "Without FILE: how many are generated", 2000)
  },
  Effect.fn("llm-batch")(
    function*({ file, model, out, prompts: count, rate, size, url }) {
      if (Option.isSome(url) && Option.isNone(model)) {
        return yield* new CliError.UserError({ cause: "--url needs --model", userMessage: "--url needs --model" })
      }
      const asked = { model: Option.getOrElse(model, () => "embedded"), rate, size }
      const prompts = Option.isSome(file)
        ? yield* readPrompts(file.value)
        : Array.from(
          { length: count },
          (_, index) => ({ id: String(index + 1), prompt: `What is ${index + 1} squared?` })
        )
      if (Option.isSome(url)) {
        return yield* llmBatch(prompts, out, { url: url.value.href.replace(/\/$/, ""), ...asked })
      }
      // Slower than the client, so that it has something to refuse.
      const api = yield* startApi({ rate: 200, burst: 100, failEvery: 50 })
      yield* llmBatch(prompts, out, { url: api.url, ...asked })
      const { early, failed, pauses, refused, requests, strays } = api.counters
      yield* Console.log(
        `The embedded API got ${requests} requests: ${failed} failed, and ${refused} were refused in ${pauses} pauses, ` +
          `${early + strays} of them sent in spite of Retry-After`
      )
    },
    Effect.scoped,
    Effect.provide([NodeHttpClient.layerNodeHttp, RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))])
  )
).pipe(Command.withDescription("Asks an API many prompts, and goes on where it was interrupted."))

export const main = Command.run(command, { version: "0.1.0" })
