import { Clock, Console, Duration, Effect, Schedule, Schema } from "effect"
import { RateLimiter } from "effect/persistence"
import { type Api, Refused } from "./llm-request.ts"

/** The API asks for a pause that is longer than this program waits. */
export class PauseTooLong extends Schema.TaggedError<PauseTooLong>()("PauseTooLong", { message: Schema.String }) {}

/** The API has asked for a pause while the request waited for its slot. */
class Paused extends Schema.TaggedError<Paused>()("Paused", {}) {}

/** In seconds. */
const MAX_PAUSE = 10 * 60

const isTransient = (error: { readonly _tag: string; readonly status?: number }) =>
  error._tag === "Refused"
    ? error.status === 408 || error.status === 429 || Number(error.status) >= 500
    : error._tag === "HttpClientError" || error._tag === "TimeoutError"

/** Makes the waits that are not work: for a token, for the end of a pause, and between attempts. */
export const makeWaits = Effect.fnUntraced(function*({ rate, url }: Api) {
  const limiter = yield* RateLimiter.RateLimiter
  const token = RateLimiter.sleep(limiter, { key: url, limit: rate, window: "1 second", algorithm: "token-bucket" })
  let pausedUntil = 0
  const pauseLeft = Effect.map(Clock.currentTimeMillis, (now) => Math.max(0, pausedUntil - now))

  /** Fails while the API has to be left alone: what waited for a slot meanwhile gives it back. */
  const unlessPaused = Effect.filterOrFail(pauseLeft, (left) => left === 0, () => new Paused())

  /** Retry-After is for all requests, not only for the one that received it: the rate is that of the API. */
  const pause = Effect.fnUntraced(function*({ message, retryAfter = 0 }: Refused) {
    const length = Duration.format(Duration.seconds(Math.ceil(retryAfter)))
    if (retryAfter > MAX_PAUSE) {
      return yield* new PauseTooLong({
        message: `the API asks for a pause of ${length} (${message}); run it again then`
      })
    }
    if (retryAfter >= 5 && (yield* pauseLeft) === 0) yield* Console.error(`the API asks for a pause of ${length}`)
    pausedUntil = Math.max(pausedUntil, (yield* Clock.currentTimeMillis) + 1000 * retryAfter)
  })

  /** Adds the waits around what runs a request in a slot. */
  const withWaits = <A, E extends { readonly _tag: string; readonly message: string }, R>(
    inSlot: Effect.Effect<A, E, R>
  ) =>
    Effect.flatMap(pauseLeft, Effect.sleep).pipe(
      Effect.andThen(token),
      Effect.andThen(inSlot),
      Effect.retry({ while: (error) => error._tag === "Paused" }),
      Effect.tapError((error) => error instanceof Refused && isTransient(error) ? pause(error) : Effect.void),
      Effect.retry({
        while: isTransient,
        times: 10,
        schedule: Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("10 seconds")]).pipe(
          Schedule.jittered
        )
      })
    )

  return { unlessPaused, withWaits }
})
