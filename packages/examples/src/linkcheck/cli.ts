import { Duration, Effect, Option, Runtime, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { atLeast, duration, expectedUrl, integer, parseUrl } from "../flags.ts"
import { check, type Settings } from "./check.ts"
import { USER_AGENT } from "./request.ts"

/** The site has broken links: the program ends with exit code 1, after its report. */
export class BrokenLinks extends Schema.TaggedError<BrokenLinks>()("BrokenLinks", { count: Schema.Int }) {
  override readonly [Runtime.errorExitCode] = 1
  override readonly [Runtime.errorReported] = false
}

const parsePattern = (text: string): Option.Option<RegExp> => {
  try {
    return text === "" ? Option.none() : Option.some(new RegExp(text))
  } catch {
    return Option.none()
  }
}

const parseHeader = (text: string): Option.Option<readonly [string, string]> => {
  const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(text) ?? []
  return name === undefined || value === undefined ? Option.none() : Option.some([name.toLowerCase(), value] as const)
}

const input = {
  start: Argument.String("URL").pipe(
    Argument.withDescription(
      "The page to start from; the site is all that has its origin. Without it, an embedded site is checked"
    ),
    Argument.filterMap(parseUrl, expectedUrl),
    Argument.optional
  ),
  size: integer("size", "How many requests run concurrently", 32),
  maxPages: Flag.Int("max-pages").pipe(
    Flag.withDescription("Read the links of so many pages only; links on these are all checked (default: no limit)"),
    atLeast(1),
    Flag.optional
  ),
  timeout: Flag.String("timeout").pipe(
    Flag.withDescription(
      "Longest time for a request: seconds, or 500ms, 10s, 1m (default: 10s; for the embedded site 1.5s)"
    ),
    duration,
    Flag.optional
  ),
  retries: integer("retries", "How often a request that failed is tried again, where that may help", 1, 0),
  maxWait: Flag.String("max-wait").pipe(
    Flag.withDescription("Longest time a link waits because its host says so: Crawl-delay, Retry-After (default: 5m)"),
    duration,
    Flag.withDefault(Duration.minutes(5))
  ),
  skip: Flag.String("skip").pipe(
    Flag.withMetavar("PATTERN"),
    Flag.withDescription("Leave out links whose URL matches this regular expression. May be repeated"),
    Flag.filterMap(parsePattern, () => "Expected a regular expression, such as \"^https://example\\.com/private\""),
    Flag.atLeast(0)
  ),
  header: Flag.String("header").pipe(
    Flag.withMetavar("\"NAME: VALUE\""),
    Flag.withDescription("Send this header to the site, and to no other. May be repeated"),
    Flag.filterMap(parseHeader, () => "Expected a header, such as \"Authorization: Bearer abc\""),
    Flag.atLeast(0)
  ),
  userAgent: Flag.String("user-agent").pipe(
    Flag.withDescription(`What to send as User-Agent; robots.txt is read for ${USER_AGENT} (default: ${USER_AGENT})`),
    Flag.filter((name) => /^[\x20-\x7e]+$/.test(name), () => "Expected printable ASCII"),
    Flag.withDefault(USER_AGENT)
  ),
  insecure: Flag.Boolean("insecure").pipe(
    Flag.withDescription("Accept certificates that cannot be verified"),
    Flag.withDefault(false)
  ),
  fragments: Flag.Boolean("fragments").pipe(
    Flag.withDescription("End with 1 for a link to a place (#id) that its page does not have, too"),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print the report as JSON"), Flag.withDefault(false)),
  quiet: Flag.Boolean("quiet").pipe(Flag.withDescription("Print the report only, no progress"), Flag.withDefault(false))
}

export const linkcheck = Command.make(
  "linkcheck",
  input,
  Effect.fn("linkcheck")(function*({ header, maxPages, start, timeout, ...flags }) {
    const settings = (seconds: number, pageLimit: number): Settings => ({
      ...flags,
      headers: Object.fromEntries(header),
      maxPages: Option.getOrUndefined(maxPages),
      timeout: Option.getOrElse(timeout, () => Duration.seconds(seconds)),
      pageLimit
    })
    if (Option.isNone(start)) {
      const { demonstrate, PAGE_LIMIT } = yield* Effect.promise(() => import("./demonstration.ts"))
      return yield* demonstrate(settings(1.5, PAGE_LIMIT))
    }
    const { report } = yield* check(start.value, settings(10, 16 * 1024 * 1024))
    const count = report.broken.length + (flags.fragments ? report.fragments.length : 0)
    if (count > 0) return yield* new BrokenLinks({ count })
  })
).pipe(
  Command.withDescription(
    "Checks the links of a web site. Exit codes: 0 all links work, 1 a link is broken, " +
      "2 bad input or a site that cannot be reached, 130 interrupted."
  )
)
