import { GreenPool } from "@greenpool/core"
import { Cause, Console, Duration, Effect, Exit, Stream } from "effect"
import { crawl, type CrawlOptions, Ledger } from "./crawl.ts"
import { now } from "./host.ts"
import { showProgress } from "./progress.ts"
import { makeReport, type Options, toJson, toText } from "./report.ts"
import { layerClient } from "./request.ts"

export interface Settings extends CrawlOptions {
  readonly size: number
  readonly userAgent: string
  readonly insecure: boolean
  readonly fragments: boolean
  readonly json: boolean
  readonly quiet: boolean
}

/** The highest figures that were seen in the pool. */
export interface Peak {
  running: number
  waiting: number
}

/** Checks a site and prints the report: also when it was interrupted, on what it has until then. */
export const check = Effect.fn("check")(function*(start: URL, settings: Settings) {
  const ledger = new Ledger()
  const peak: Peak = { running: 0, waiting: 0 }
  const began = yield* now
  const crawling = Effect.gen(function*() {
    if (!settings.quiet) yield* showProgress(ledger)
    yield* Effect.forkScoped(Stream.runForEach(GreenPool.changes, ({ running, waiting }) =>
      Effect.sync(() => {
        peak.running = Math.max(peak.running, running)
        peak.waiting = Math.max(peak.waiting, waiting)
      })))
    yield* crawl(start, ledger, settings)
  }).pipe(
    Effect.scoped,
    Effect.provide([GreenPool.layer({ size: settings.size, name: "linkcheck" }), layerClient(settings)])
  )
  return yield* Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
    // The pool and the client are closed then: all that ran has ended.
    const exit = yield* Effect.exit(restore(crawling))
    if (Exit.isFailure(exit) && Cause.hasFails(exit.cause)) return yield* Effect.failCause(exit.cause)
    const millis = Math.round((yield* now) - began)
    const options = optionsOf(settings)
    const report = makeReport(start, ledger, { complete: Exit.isSuccess(exit), millis, options })
    yield* Console.log(settings.json ? toJson(report) : toText(report))
    return Exit.isFailure(exit) ? yield* Effect.failCause(exit.cause) : { report, peak }
  }))
})

const optionsOf = (
  { fragments, headers, insecure, maxPages, maxWait, retries, size, skip, timeout, userAgent }: Settings
): typeof Options.Type => ({
  size,
  maxPages: maxPages ?? null,
  timeout: Duration.toMillis(timeout),
  retries,
  maxWait: Duration.toMillis(maxWait),
  // A slash needs no backslash where the expression is written by itself.
  skip: (skip ?? []).map(({ source }) => source.replaceAll("\\/", "/")),
  headers: Object.keys(headers ?? {}),
  userAgent,
  insecure,
  fragments
})
