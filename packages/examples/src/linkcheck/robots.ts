import { Clock, Effect } from "effect"
import type { HttpClient } from "effect/http"
import robotsParser from "robots-parser"
import { type LinkError, readText, type RequestOptions, USER_AGENT } from "./request.ts"

/** What the robots.txt of an origin asks of this program. */
export interface Policy {
  readonly allows: (url: string) => boolean
  /** Returns when it is polite to send the next request: at once, or as `Crawl-delay` says. */
  readonly turn: Effect.Effect<void>
}

/** RFC 9309 asks for at least this much of a file to be read. */
const SIZE_LIMIT = 500 * 1024

// The package is CommonJS and exports the function itself, where its types speak of a default export.
const parse = robotsParser as unknown as typeof robotsParser.default

/**
 * The policy of an origin, by RFC 9309: without the file (4xx) everything is allowed, while the server fails at it
 * (5xx) nothing is. Fails where the origin gives no answer at all.
 */
export const fetchPolicy = (
  origin: string,
  options: RequestOptions
): Effect.Effect<Policy, LinkError, HttpClient.HttpClient> =>
  Effect.suspend(() => {
    const url = `${origin}/robots.txt`
    return readText(url, SIZE_LIMIT, options).pipe(
      Effect.map((text) => policyOf(url, text)),
      Effect.catchIf(
        (error) => error.reason === "Status",
        ({ status = 0 }) => Effect.succeed(policyOf(url, status < 500 ? "" : "User-agent: *\nDisallow: /"))
      )
    )
  })

export const policyOf = (url: string, text: string): Policy => {
  const robots = parse(url, text)
  const delay = (robots.getCrawlDelay(USER_AGENT) ?? 0) * 1000
  let next = 0
  return {
    allows: (url) => robots.isAllowed(url, USER_AGENT) ?? true,
    turn: delay > 0
      ? Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const at = Math.max(now, next)
        next = at + delay
        return Effect.sleep(at - now)
      })
      : Effect.void
  }
}
