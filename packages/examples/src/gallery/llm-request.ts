import { Clock, Config, Duration, Effect, Option, Result, Schema } from "effect"
import { Headers, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"

/** What a request for a chat completion has, of all that the API of OpenAI and those like it allow. */
export const Chat = Schema.Struct({
  model: Schema.String,
  messages: Schema.NonEmptyArray(Schema.Struct({ role: Schema.Literal("user"), content: Schema.String }))
})

/** Of a completion, what matters here. */
export const Completion = Schema.Struct({
  choices: Schema.NonEmptyArray(Schema.Struct({ message: Schema.Struct({ content: Schema.String }) }))
})

/** How an API is asked: where, which model, how many times a second, and how many requests are in flight at most. */
export interface Api {
  readonly url: string
  readonly model: string
  readonly rate: number
  readonly size: number
  /** Whether to find out how many it can take. */
  readonly adaptive?: boolean
}

/** The API does not answer the prompt, and says why in its own words. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  status: Schema.Int,
  message: Schema.String,
  retryAfter: Schema.UndefinedOr(Schema.Finite)
}) {}

const ErrorBody = Schema.fromJsonString(Schema.Struct({ error: Schema.Struct({ message: Schema.String }) }))

const toRefused = Effect.fnUntraced(function*({ headers, status, text }: HttpClientResponse.HttpClientResponse) {
  const body = yield* Effect.orElseSucceed(text, () => "")
  const said = Option.match(Schema.decodeOption(ErrorBody)(body), {
    onNone: () => body.slice(0, 200),
    onSome: ({ error }) => error.message
  })
  const after = Result.getOrUndefined(Headers.parseRetryAfter(headers["retry-after"] ?? ""))
  const retryAfter = after && Duration.toSeconds(Headers.retryAfterDelay(after, yield* Clock.currentTimeMillis))
  return yield* new Refused({ status, message: `${status}${said && ": "}${said}`, retryAfter })
})

/** Makes the request for a prompt, which is the work of a job. */
export const makeRequest = Effect.fnUntraced(function*({ model, url }: Api) {
  const key = yield* Config.option(Config.Redacted("API_KEY"))
  const client = HttpClient.mapRequest(
    yield* HttpClient.HttpClient,
    Option.match(key, { onNone: () => (request) => request, onSome: (key) => HttpClientRequest.bearerToken(key) })
  )
  return Effect.fnUntraced(function*(prompt: string) {
    // The time limit is on all of the request, its body included: an answer that is cut off is an error here.
    const json = yield* HttpClientRequest.post(`${url}/chat/completions`).pipe(
      HttpClientRequest.schemaBodyJson(Chat)({ model, messages: [{ role: "user", content: prompt }] }),
      Effect.flatMap(client.execute),
      Effect.flatMap((response) => response.status === 200 ? Effect.succeed(response) : toRefused(response)),
      Effect.flatMap(({ json }) => json),
      Effect.timeout("1 minute")
    )
    return (yield* Schema.decodeUnknownEffect(Completion)(json)).choices[0].message.content
  })
})
