import { Clock, Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Chat, Completion } from "../gallery/llm-request.ts"
import { serve } from "../gallery/serve.ts"

interface Limits {
  readonly rate: number
  readonly burst: number
  readonly failEvery?: number
  /** How long an answer takes. */
  readonly millis?: number
}

/**
 * Serves an API on the loopback interface that limits its requests by a token bucket. When that is empty, it refuses all
 * with 429 for as long as it says in `Retry-After`; then the bucket is full. Every so many requests fail with 500.
 */
export const startApi = Effect.fn("startApi")(
  function*({ burst, failEvery = Infinity, millis = 5, rate }: Limits) {
    /**
     * `pauses`: how often the bucket ran dry. `early`: prompts that were refused, and came again before their time.
     * `strays`: other prompts that came so long after a pause had begun that their client knew of it.
     */
    const counters = { requests: 0, refused: 0, failed: 0, pauses: 0, early: 0, strays: 0 }
    /** How many requests it had in hand at the arrival of each. */
    const inHand: Array<number> = []
    let now = 0
    /** How often each prompt was answered. */
    const answered = new Map<string, number>()
    const notBefore = new Map<string, number>()
    let tokens = burst
    let filledAt = yield* Clock.currentTimeMillis
    let pausedSince = 0
    let pausedUntil = 0

    /** Takes a token, or says for how many seconds there is none. */
    const take = (prompt: string, now: number): number => {
      // Timers may be a little early.
      if (now < (notBefore.get(prompt) ?? 0) - 5) counters.early++
      const isOver = pausedUntil > filledAt && now >= pausedUntil
      tokens = isOver ? burst : Math.min(burst, tokens + (now - filledAt) * rate / 1000)
      filledAt = now
      if (now >= pausedUntil && tokens >= 1) {
        tokens--
        return 0
      }
      const seconds = Math.ceil(Math.max(pausedUntil - now, 1000 / rate) / 1000)
      if (now >= pausedUntil) {
        counters.pauses++
        pausedSince = now
        pausedUntil = now + 1000 * seconds
      } else if (now > pausedSince + 250) {
        counters.strays++
      }
      notBefore.set(prompt, now + 1000 * seconds)
      return seconds
    }

    const complete = Effect.gen(function*() {
      const prompt = (yield* HttpServerRequest.schemaBodyJson(Chat)).messages[0].content
      counters.requests++
      const seconds = take(prompt, yield* Clock.currentTimeMillis)
      if (seconds > 0) {
        counters.refused++
        return HttpServerResponse.empty({ status: 429, headers: { "retry-after": String(seconds) } })
      }
      const fails = counters.requests % failEvery === 0
      yield* Effect.sleep(millis)
      if (fails) {
        counters.failed++
        return HttpServerResponse.empty({ status: 500 })
      }
      answered.set(prompt, (answered.get(prompt) ?? 0) + 1)
      return yield* HttpServerResponse.schemaJson(Completion)({
        choices: [{ message: { content: `${prompt.length} characters: ${prompt}` } }]
      })
    }).pipe(
      Effect.catchTag("SchemaError", () => Effect.succeed(HttpServerResponse.empty({ status: 400 }))),
      (answer) =>
        Effect.acquireUseRelease(Effect.sync(() => inHand.push(++now)), () => answer, () => Effect.sync(() => now--))
    )
    const address = yield* serve(HttpRouter.add("POST", "/v1/chat/completions", complete))
    return { url: `${address}/v1`, counters, answered, inHand }
  }
)

/** One for a run that is given no URL: slower than its client, so that it has something to refuse. */
export const startDemo = Effect.map(startApi({ rate: 200, burst: 100, failEvery: 50 }), ({ counters, url }) => ({
  url,
  summary: () =>
    `The embedded API received ${counters.requests} requests: ${counters.failed} failed, and ${counters.refused} were ` +
    `refused in ${counters.pauses} pauses, ${counters.early + counters.strays} of them sent in spite of Retry-After`
}))

/** Prompts for a run that is given no file. */
export const generatePrompts = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `${index + 1}`, prompt: `What is ${index + 1} squared?` }))
