import { GreenPool } from "@greenpool/core"
import { Cause, Clock, Console, Duration, Effect, Exit, Option, Runtime, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { atLeast, duration, expectedUrl, integer, parseUrl } from "../flags.ts"
import { crawl, type CrawlOptions, Ledger } from "./crawl.ts"
import { showProgress } from "./progress.ts"
import { makeReport, toJson, toText } from "./report.ts"
import { layerClient } from "./request.ts"
import { disagreements, PAGE_LIMIT, startSite } from "./site.ts"

/** The site has broken links: the program ends with exit code 1, after its report. */
export class BrokenLinks extends Schema.TaggedError<BrokenLinks>()("BrokenLinks", { count: Schema.Int }) {
  override readonly [Runtime.errorExitCode] = 1
  override readonly [Runtime.errorReported] = false
}

/** The report on the embedded site is not what it should be: exit code 1. */
export class Disagreement extends Schema.TaggedError<Disagreement>()("Disagreement", {
  points: Schema.Array(Schema.String)
}) {
  override readonly [Runtime.errorExitCode] = 1
  override readonly [Runtime.errorReported] = false
}

const input = {
  start: Argument.String("URL").pipe(
    Argument.withDescription(
      "The page to start from; the site is all that has its origin. Without it, an embedded site is checked"
    ),
    Argument.filterMap(parseUrl, expectedUrl),
    Argument.optional
  ),
  size: integer("size", "How many links are checked at once", 32),
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
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print the report as JSON"), Flag.withDefault(false)),
  quiet: Flag.Boolean("quiet").pipe(Flag.withDescription("Print the report only, no progress"), Flag.withDefault(false))
}

interface Settings extends CrawlOptions {
  readonly size: number
  readonly json: boolean
  readonly quiet: boolean
}

/** Checks a site and prints the report: also when it was interrupted, on what it has until then. */
const check = Effect.fn("check")(function*(start: URL, settings: Settings) {
  const ledger = new Ledger()
  const began = yield* Clock.currentTimeMillis
  const crawling = Effect.gen(function*() {
    if (!settings.quiet) yield* showProgress(ledger)
    yield* crawl(start, ledger, settings)
  }).pipe(
    Effect.scoped,
    Effect.provide([GreenPool.layer({ size: settings.size, name: "linkcheck" }), layerClient])
  )
  return yield* Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
    // The pool and the client are closed then: all that ran has ended.
    const exit = yield* Effect.exit(restore(crawling))
    if (Exit.isFailure(exit) && Cause.hasFails(exit.cause)) return yield* Effect.failCause(exit.cause)
    const millis = (yield* Clock.currentTimeMillis) - began
    const report = makeReport(start, ledger, { complete: Exit.isSuccess(exit), millis })
    yield* Console.log(settings.json ? toJson(report) : toText(report))
    return Exit.isFailure(exit) ? yield* Effect.failCause(exit.cause) : report
  }))
})

/** Checks the embedded site, and the report against what it is known to hold. */
const demonstrate = Effect.fn("demonstrate")(function*(settings: Settings) {
  const site = yield* startSite({ latency: 1, busy: Math.min(settings.retries, 1) })
  const say = (text: string) => settings.quiet ? Effect.void : Console.error(text)
  yield* say(`No URL given: checking the embedded site at ${site.url}`)
  const report = yield* check(site.url, settings)
  if (settings.maxPages !== undefined) {
    return yield* say("The report is not compared with what the site holds, because of --max-pages.")
  }
  const points = disagreements(site, report)
  if (points.length > 0) {
    yield* Console.error(`The report differs from what the site is known to hold:\n${points.join("\n")}`)
    return yield* new Disagreement({ points })
  }
  yield* say("The report agrees with what the site is known to hold.")
}, Effect.scoped)

export const linkcheck = Command.make(
  "linkcheck",
  input,
  Effect.fn("linkcheck")(function*({ maxPages, start, timeout, ...flags }) {
    const settings = (seconds: number, pageLimit: number): Settings => ({
      ...flags,
      maxPages: Option.getOrUndefined(maxPages),
      timeout: Option.getOrElse(timeout, () => Duration.seconds(seconds)),
      pageLimit
    })
    if (Option.isNone(start)) return yield* demonstrate(settings(1.5, PAGE_LIMIT))
    const { broken } = yield* check(start.value, settings(10, 16 * 1024 * 1024))
    if (broken.length > 0) return yield* new BrokenLinks({ count: broken.length })
  })
).pipe(
  Command.withDescription(
    "Checks the links of a web site. Exit codes: 0 all links work, 1 a link is broken, " +
      "2 bad input or a site that cannot be reached, 130 interrupted."
  )
)
