import { Duration, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { count, duration, integer, start, toggle } from "../flags.ts"
import { pageFlags } from "../live-page.ts"
import { Ended } from "../run.ts"
import { check, type Settings } from "./check.ts"
import { USER_AGENT } from "./request.ts"

const parsePattern = (text: string) =>
  Option.filter(Option.liftThrowable((source: string) => new RegExp(source))(text), () => text !== "")

const parseHeader = (text: string): Option.Option<readonly [string, string]> => {
  const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(text) ?? []
  return name === undefined || value === undefined ? Option.none() : Option.some([name.toLowerCase(), value] as const)
}

const input = {
  start: start("The page to start from; the site is all that has its origin. Without it, an embedded site is checked"),
  size: integer("size", "How many requests run concurrently", 32),
  maxPages: count(
    "max-pages",
    "Read the links of so many pages only; links on these are all checked (default: no limit)"
  ).pipe(Flag.optional),
  timeout: duration(
    "timeout",
    "Longest time for a request: seconds, or 500ms, 10s, 1m (default: 10s; for the embedded site 1.5s)"
  ).pipe(Flag.optional),
  retries: integer("retries", "How often a request that failed is tried again, where that may help", 1, 0),
  maxWait: duration(
    "max-wait",
    "Longest time a link waits because its host says so: Crawl-delay, Retry-After (default: 5m)"
  ).pipe(Flag.withDefault(Duration.minutes(5))),
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
  adaptive: toggle("adaptive", "Find out how many requests the sites can take, up to --size"),
  ...pageFlags,
  insecure: toggle("insecure", "Accept certificates that cannot be verified"),
  fragments: toggle("fragments", "End with 1 for a link to a place (#id) that its page does not have, too"),
  json: toggle("json", "Print the report as JSON"),
  quiet: toggle("quiet", "Print the report only, no progress")
}

export const linkcheck = Command.make(
  "linkcheck",
  input,
  Effect.fn("linkcheck")(function*({ header, maxPages, start, timeout, ...flags }) {
    const settings = (seconds: number): Settings => ({
      ...flags,
      headers: Object.fromEntries(header),
      maxPages: Option.getOrUndefined(maxPages),
      timeout: Option.getOrElse(timeout, () => Duration.seconds(seconds)),
      pageLimit: 16 * 1024 * 1024
    })
    if (Option.isNone(start)) {
      const { demonstrate } = yield* Effect.promise(() => import("../../test/linkcheck/demonstration.ts"))
      return yield* demonstrate(settings(1.5))
    }
    const { report } = yield* check(start.value, settings(10))
    const broken = report.broken.length + (flags.fragments ? report.fragments.length : 0)
    if (broken > 0) return yield* new Ended({ exitCode: 1 })
  })
).pipe(
  Command.withDescription(
    "Checks the links of a web site. Exit codes: 0 all links work, 1 a link is broken, " +
      "2 bad input or a site that cannot be reached, 130 interrupted."
  )
)
