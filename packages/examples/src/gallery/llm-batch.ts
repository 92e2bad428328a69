// Sends many prompts to an API. The pool bounds how many requests are in flight, a rate limiter how many a second. Answers
// are appended to a file as they come, and a second run asks only what has no answer there.
import { GreenPool } from "@greenpool/core"
import { Console, Effect, Fiber, Layer, Option, Schedule } from "effect"
import { CliError } from "effect/cli"
import { FetchHttpClient } from "effect/http"
import { RateLimiter } from "effect/persistence"
import { generatePrompts, startDemo } from "../embedded/llm-server.ts"
import { openAnswers, Unanswered } from "./llm-answers.ts"
import { type Prompt, readPrompts } from "./llm-prompts.ts"
import { type Api, makeRequest } from "./llm-request.ts"
import { makeWaits } from "./llm-waits.ts"

/** Asks what has no answer in the file yet, and appends the answers to it. Returns how many there are. */
export const llmBatch = Effect.fn("llmBatch")(
  function*(prompts: ReadonlyArray<Prompt>, out: string, api: Api) {
    const { answered, append } = yield* openAnswers(out, prompts)
    const todo = prompts.filter(({ id }) => !answered.has(id))
    const tally = { done: prompts.length - todo.length, failed: 0 }
    if (tally.done > 0) yield* Console.error(`${out} has ${tally.done} of the answers; ${todo.length} are left to ask`)
    const request = yield* makeRequest(api)
    const { unlessPaused, withWaits } = yield* makeWaits(api)

    // The slot is for the request. Between an answer and its line in the file nothing can interrupt the job.
    const job = (prompt: Prompt) =>
      Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
        yield* append(prompt, yield* restore(Effect.andThen(unlessPaused, request(prompt.prompt))))
        tally.done++
      }))
    // Tokens, pauses and retries are waited for outside of the slot. `spawn` and not `run`: Ctrl-C interrupts what waits
    // here, and the pool, which then closes, lets the requests in flight finish, which are paid for.
    const ask = (prompt: Prompt) =>
      withWaits(Effect.flatMap(GreenPool.spawn(job(prompt)), Fiber.join)).pipe(
        Effect.catchIf(({ _tag }) => _tag !== "PauseTooLong" && _tag !== "PlatformError", ({ message }) => {
          tally.failed++
          return Console.error(`${prompt.id}: ${message}`)
        })
      )
    const progress = Effect.suspend(() =>
      Console.error(`${tally.done} of ${prompts.length} answered${tally.failed > 0 ? `, ${tally.failed} failed` : ""}`)
    )
    yield* Effect.addFinalizer(() => progress)
    yield* Effect.forkScoped(Effect.schedule(progress, Schedule.spaced("1 second")))
    // An adaptive pool starts low, and `size` is as far as it goes.
    const size = api.adaptive === true ? { adaptive: { max: api.size } } : { size: api.size }
    yield* Effect.forEach(todo, ask, { concurrency: 4 * api.size, discard: true }).pipe(
      Effect.provide(GreenPool.layer({ ...size, onClose: "drain", drainTimeout: "10 seconds" }))
    )
    if (tally.failed > 0) return yield* new Unanswered({ count: tally.failed })
    return tally.done
  },
  Effect.scoped
)

interface Options extends Pick<Api, "adaptive" | "rate" | "size"> {
  readonly file: Option.Option<string>
  readonly model: Option.Option<string>
  readonly out: string
  readonly prompts: number
  readonly url: Option.Option<URL>
}

export const main = Effect.fn("llm-batch")(
  function*({ file, model, out, prompts: count, url, ...limits }: Options) {
    if (Option.isSome(url) && Option.isNone(model)) {
      const errors = [new CliError.UserError({ cause: "--url needs --model" })]
      return yield* new CliError.ShowHelp({ commandPath: ["llm-batch"], errors })
    }
    const prompts = Option.isSome(file) ? yield* readPrompts(file.value) : generatePrompts(count)
    const demo = Option.isSome(url) ? undefined : yield* startDemo
    const at = demo?.url ?? Option.getOrThrow(url).href.replace(/\/$/, "")
    const api = { url: at, model: Option.getOrElse(model, () => "embedded"), ...limits }
    yield* Console.log(`${yield* llmBatch(prompts, out, api)} answers in ${out}; another --out asks again`)
    if (demo !== undefined) yield* Console.log(demo.summary())
  },
  Effect.scoped,
  Effect.provide([FetchHttpClient.layer, RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))])
)
