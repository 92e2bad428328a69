import { Clock, Data, Duration, Effect, Result, Schedule, Semaphore } from "effect"
import { isRedirect, LinkError, type Text } from "./request.ts"
import { parseRobots } from "./robots.ts"

/** What the requests of a crawl wait for outside of the pool. */
export class Waits {
  /** How many wait at the moment. */
  now = 0
  /** By origin, in milliseconds: its `Crawl-delay`, and how long it has paused the crawl by `Retry-After`. */
  readonly origins = new Map<string, { readonly crawlDelay: number; readonly retryAfter: number }>()

  /** Counts a wait from now on, until the effect it returns has run. */
  begin(): Effect.Effect<void> {
    this.now++
    let ended = false
    return Effect.sync(() => {
      if (!ended) this.now--
      ended = true
    })
  }
}

/** A link isn't followed: its host doesn't allow it, or not within the longest wait. */
export class Disallowed extends Data.TaggedError("Disallowed")<{ readonly detail: string }> {}

/** The host has asked for a pause while the request waited for its slot. */
export class Paused extends Data.TaggedError("Paused") {}

export interface WaitOptions {
  /** Attempts after the first, made where another one may help. */
  readonly retries: number
  /** Longest time that a link waits because of `Crawl-delay` or `Retry-After`. */
  readonly maxWait: Duration.Duration
}

/** When requests to an origin may start, by its `Crawl-delay` and its `Retry-After`; in monotonic time. */
export type Pace = ReturnType<typeof makePace>

export const makePace = (origin: string, waits: Waits, { maxWait, retries }: WaitOptions) => {
  const longest = Duration.toMillis(maxWait)
  let delay = 0
  let started = -Infinity
  let pausedUntil = -Infinity
  let queued = 0
  // With a `Crawl-delay`, requests follow one another.
  const lock = Semaphore.makeUnsafe(1)
  const asked = { crawlDelay: 0, retryAfter: 0 }

  /** Waits until a request may start. */
  const ready: Effect.Effect<void> = Effect.flatMap(now, (at) => {
    const wait = Math.max(pausedUntil, started + delay) - at
    if (wait <= 0) return Effect.void
    return Effect.acquireUseRelease(Effect.sync(() => waits.begin()), () => Effect.sleep(wait), (ended) => ended)
  })

  /** Makes a request when its time has come. It may wait longer elsewhere, and has to run `start` when it starts. */
  const inTurn = <A, E, R>(request: Effect.Effect<A, E | Paused, R>): Effect.Effect<A, E | Disallowed, R> => {
    const attempt: Effect.Effect<A, E, R> = Effect.andThen(ready, request).pipe(
      Effect.catchIf((error) => error instanceof Paused, () => attempt)
    )
    return Effect.flatMap(now, (at): Effect.Effect<A, E | Disallowed, R> => {
      if (delay === 0) return attempt
      const wait = Math.max(0, started + delay - at) + queued * delay
      if (wait > longest) {
        return new Disallowed({ detail: `its turn is too late, by a Crawl-delay of ${seconds(delay)}` })
      }
      return Effect.acquireUseRelease(
        Effect.sync(() => {
          queued++
          return waits.begin()
        }),
        (ended) => lock.withPermit(Effect.andThen(ended, attempt)),
        (ended) => Effect.andThen(ended, Effect.sync(() => queued--))
      )
    })
  }

  /** Marks the start of a request. Fails if the host has asked for a pause since its time had come. */
  const start: Effect.Effect<void, Paused> = Effect.flatMap(now, (at) => {
    if (at < pausedUntil) return new Paused()
    started = at
    return Effect.void
  })

  /** No request to the origin starts within this time. */
  const pause = (millis: number): Effect.Effect<void> =>
    Effect.map(now, (at) => {
      asked.retryAfter += Math.max(0, at + millis - Math.max(at, pausedUntil))
      pausedUntil = Math.max(pausedUntil, at + millis)
      waits.origins.set(origin, asked)
    })

  /** Keeps requests to the origin apart from now on. */
  const keepApart = (millis: number): void => {
    if (millis === 0) return
    delay = asked.crawlDelay = millis
    // The request for robots.txt doesn't count.
    started = -Infinity
    waits.origins.set(origin, asked)
  }

  /** Whether it waits as long as a server asks to in its error. */
  const grants = (error: LinkError): boolean => waitAfter(error, 0) <= longest

  /**
   * Repeats an attempt: whenever the server says when to come back, up to the longest wait, and otherwise where that may
   * help. The waits are between attempts, so each attempt has to take a slot of its own.
   */
  const patiently = <A, E extends { readonly _tag: string }, R>(attempt: Effect.Effect<A, E | LinkError, R>) => {
    const asTold = (waited: number, times: number): Effect.Effect<A, E | LinkError, R> =>
      Effect.catch(attempt, (error) => {
        const wait = error instanceof LinkError ? waitAfter(error, times) : Infinity
        return waited + wait > longest
          ? Effect.fail(error)
          : Effect.andThen(pause(wait), asTold(waited + wait, times + 1))
      })
    return Effect.retry(asTold(0, 0), { times: retries, while: mayPass, schedule: backOff })
  }

  return { inTurn, start, pause, keepApart, grants, patiently }
}

/** How long an error asks to wait: by `Retry-After`, else after "too many requests" 1 s, 2 s, 4 s, … */
const waitAfter = ({ retryAfter, status }: LinkError, times: number): number =>
  retryAfter ?? (status === 429 ? 1000 * 2 ** times : Infinity)

/** Waits between attempts: 0.2 s, 0.4 s, … at most 5 s. */
const backOff = Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("5 seconds")])

/** Whether a failure may pass: all but a definite answer of the server. */
const mayPass = (error: { readonly _tag: string }): boolean => {
  if (!(error instanceof LinkError)) return error._tag === "CutOff"
  const { reason, retryAfter, status = 0 } = error
  return reason === "Status"
    ? retryAfter === undefined && (status === 408 || status >= 500 && status < 600)
    : reason !== "InvalidUrl"
}

/** Monotonic time in milliseconds. */
export const now = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

export const seconds = (millis: number): string => `${millis / 1000} s`

/** RFC 9309 asks for at least five. */
const ROBOTS_REDIRECTS = 5

/**
 * The rules of an origin, by RFC 9309: without the file (4xx, too many redirects) everything is allowed; while it can't
 * be read (5xx, a broken answer or none) nothing is. Fails where the host can't be reached at all.
 */
export const fetchRobots = Effect.fnUntraced(function*<R>(
  origin: string,
  get: (url: string) => Effect.Effect<Text, LinkError | Disallowed, R>
) {
  let url = `${origin}/robots.txt`
  for (let redirects = 0; redirects <= ROBOTS_REDIRECTS; redirects++) {
    const result = yield* Effect.result(get(url))
    if (Result.isFailure(result)) {
      const error = result.failure
      if (error._tag === "Disallowed" || error.reason === "InvalidUrl") return yield* error
      if (error.reason === "Unreachable" && redirects === 0) return yield* error
      if (error.reason === "Status" && (error.status ?? 500) < 500) break
      return yield* new Disallowed({ detail: `robots.txt cannot be read: ${error.message}` })
    }
    const { location, status, text } = result.success
    if (!isRedirect(status)) return parseRobots(origin, text)
    const next = location === undefined ? null : URL.parse(location, url)
    if (next === null || !next.protocol.startsWith("http")) break
    url = next.href
  }
  return parseRobots(origin, "")
})
