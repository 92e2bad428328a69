import { assert } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Duration, Effect } from "effect"
import type { Settings } from "../../src/linkcheck/check.ts"
import { crawl, type CrawlOptions, Ledger } from "../../src/linkcheck/crawl.ts"
import { makeReport, type Options } from "../../src/linkcheck/report.ts"
import { layerClient } from "../../src/linkcheck/request.ts"
import { linksTo, serve } from "../raw-server.ts"

export const defaults: CrawlOptions = {
  timeout: Duration.seconds(10),
  retries: 1,
  maxWait: Duration.minutes(1),
  pageLimit: 100_000
}

/** What a report says of its options; these are of no crawl in particular. */
const limits = { size: 4, adaptive: false, maxPages: null, timeout: 2000, retries: 1, maxWait: 10_000, skip: [] }
export const options: typeof Options.Type = {
  ...limits,
  headers: [],
  userAgent: "test",
  insecure: false,
  fragments: false
}

/** Crawls a site, which has to leave nothing in the pool, and returns the report. */
export const check = (
  start: string | URL,
  { insecure, size = 4, userAgent, ...more }: Partial<
    CrawlOptions & Pick<Settings, "insecure" | "size" | "userAgent">
  > = {}
) =>
  Effect.gen(function*() {
    const ledger = new Ledger()
    const url = new URL(start)
    yield* crawl(url, ledger, { ...defaults, ...more })
    assert.deepInclude(yield* GreenPool.stats, { running: 0, waiting: 0, borrowed: 0, interrupted: 0 })
    return makeReport(url, ledger, { complete: true, millis: 0, options })
  }).pipe(
    Effect.provide([
      GreenPool.layer({ size }),
      layerClient({ timeout: more.timeout ?? defaults.timeout, insecure, userAgent })
    ])
  )

/** Checks a site that answers so; says also where that was, and by which methods it was asked. */
export const checkSite = (answers: Parameters<typeof serve>[0], options?: Parameters<typeof check>[1]) =>
  Effect.flatMap(
    serve(answers),
    (site) => Effect.map(check(site.origin, options), (report) => ({ ...report, ...site }))
  )

/** Checks a site whose only page has these links. */
export const checkLinks = (urls: ReadonlyArray<string>, options?: Parameters<typeof check>[1]) =>
  checkSite({ "/": linksTo(...urls) }, options)

export const urlsOf = (links: ReadonlyArray<{ readonly url: string }>) => links.map(({ url }) => url)
