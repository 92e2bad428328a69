import { GreenPool, type Verdict } from "@greenpool/core"
import { Dashboard } from "@greenpool/dashboard"
import { Cause, Console, Duration, Effect, Exit, Stream } from "effect"
import { servePage } from "../live-page.ts"
import { crawl, type CrawlOptions, Ledger } from "./crawl.ts"
import { now } from "./host.ts"
import { showProgress } from "./progress.ts"
import { makeReport, type Options, toJson, toText } from "./report.ts"
import { layerClient, LinkError } from "./request.ts"

export interface Settings
  extends CrawlOptions, Pick<Options, "adaptive" | "fragments" | "insecure" | "size" | "userAgent">
{
  /** Whether to show the pool on a live page, and on which port. */
  readonly dashboard: boolean
  readonly port: number
  readonly json: boolean
  readonly quiet: boolean
}

/** What a request says about the sites: one that was answered in full is work done, whatever the answer was. */
const classify = (exit: Exit.Exit<unknown, unknown>): Verdict => {
  if (Exit.isSuccess(exit)) return "ok"
  const error = Cause.squash(exit.cause)
  if (!(error instanceof LinkError)) return "ignore"
  if (error.status === 429 || error.status === 503 || error.reason === "Timeout") return "overload"
  return error.reason === "Status" ? "ok" : "ignore"
}

/** Checks a site and prints the report: also when it was interrupted, on what it has until then. */
export const check = Effect.fn("check")(function*(start: URL, settings: Settings) {
  const ledger = new Ledger()
  // The highest figures that were seen in the pool.
  const peak = { running: 0, waiting: 0 }
  const began = yield* now
  const { adaptive, dashboard, port, size } = settings
  const crawling = Effect.gen(function*() {
    if (dashboard) yield* Effect.provide(Dashboard.show(GreenPool), yield* servePage(port))
    if (!settings.quiet) yield* showProgress(ledger)
    yield* Effect.forkScoped(Stream.runForEach(GreenPool.changes, ({ running, waiting }) =>
      Effect.sync(() => {
        peak.running = Math.max(peak.running, running)
        peak.waiting = Math.max(peak.waiting, waiting)
      })))
    yield* crawl(start, ledger, settings)
  }).pipe(
    Effect.scoped,
    Effect.provide([
      GreenPool.layer({
        ...(adaptive ? { adaptive: { max: size, classify } } : { size }),
        name: "linkcheck",
        metrics: dashboard
      }),
      layerClient(settings)
    ])
  )
  return yield* Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
    // The pool and the client are closed then: all that ran has ended.
    const exit = yield* Effect.exit(restore(crawling))
    if (Exit.isFailure(exit) && Cause.hasFails(exit.cause)) return yield* Effect.failCause(exit.cause)
    const millis = Math.round((yield* now) - began)
    const report = makeReport(start, ledger, { complete: Exit.isSuccess(exit), millis, options: optionsOf(settings) })
    yield* Console.log(settings.json ? toJson(report) : toText(report))
    return Exit.isFailure(exit) ? yield* Effect.failCause(exit.cause) : { report, peak }
  }))
})

/** How the crawl was made; the report takes what its schema names. */
const optionsOf = (settings: Settings): Options => ({
  ...settings,
  maxPages: settings.maxPages ?? null,
  timeout: Duration.toMillis(settings.timeout),
  maxWait: Duration.toMillis(settings.maxWait),
  // A slash needs no backslash where the expression is written by itself.
  skip: (settings.skip ?? []).map(({ source }) => source.replaceAll("\\/", "/")),
  headers: Object.keys(settings.headers ?? {})
})
