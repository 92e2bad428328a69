import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Duration, Effect } from "effect"
import { crawl, type CrawlOptions, Ledger } from "../src/linkcheck/crawl.ts"
import { makeReport, toJson } from "../src/linkcheck/report.ts"
import { layerClient } from "../src/linkcheck/request.ts"
import { disagreements, PAGE_LIMIT, type Site, startSite } from "../src/linkcheck/site.ts"

const options: CrawlOptions = { timeout: Duration.seconds(2), retries: 1, pageLimit: PAGE_LIMIT }

const check = (url: URL, size: number, more?: Partial<CrawlOptions>) =>
  Effect.gen(function*() {
    const ledger = new Ledger()
    yield* crawl(url, ledger, { ...options, ...more })
    const stats = yield* GreenPool.stats
    assert.deepInclude(stats, { running: 0, waiting: 0, borrowed: 0, failed: 0, interrupted: 0 })
    return makeReport(url, ledger, { complete: true, millis: 0 })
  }).pipe(Effect.provide([GreenPool.layer({ size }), layerClient]))

/** A report without what may differ between two runs on one site. */
const lasting = (json: string) => json.replaceAll(/"(millis|detail)": .*/g, "")

const overAsked = (hits: ReadonlyMap<string, number>) => [...hits].filter(([, count]) => count > 1)

describe("a crawl of the embedded site", { concurrent: true }, () => {
  for (const size of [1, 2, 10, 32]) {
    it.live(
      `finds what the site holds, with ${size} at once, and asks for each thing once`,
      () =>
        Effect.gen(function*() {
          const site = yield* startSite({ latency: 0.1, busy: 1 })
          assert.deepStrictEqual(disagreements(site, yield* check(site.url, size)), [])

          // Twice are only: what failed in a way that may pass, and what is asked again by GET after a HEAD that failed.
          assert.sameDeepMembers(overAsked(site.hits.site), [["/busy", 2], ["/error", 2], ["/never", 2]])
          assert.sameDeepMembers(overAsked(site.hits.elsewhere), [["/dead", 2], ["/no-head", 2], ["/limping-head", 2]])
          assert.deepStrictEqual([...site.hits.site.keys()].filter((path) => path.startsWith("/private/")), [])
          assert.isFalse(site.hits.elsewhere.has("/not-for-you-to-follow"))
        }).pipe(Effect.scoped),
      60_000
    )
  }

  it.live("gives the same report whatever the size of the pool", () =>
    Effect.gen(function*() {
      const site = yield* startSite({ latency: 0.1, busy: 0 })
      const reports = yield* Effect.forEach([1, 3, 32], (size) => check(site.url, size, { retries: 0 }))
      const [one, three, many] = reports.map((report) => lasting(toJson(report)))
      assert.strictEqual(three, one)
      assert.strictEqual(many, one)
    }).pipe(Effect.scoped), 60_000)

  it.live(
    "reads the links of so many pages only as it is told, and checks all links on them",
    () =>
      Effect.gen(function*() {
        const site = yield* startSite({ latency: 0, busy: 1 })
        const report = yield* check(site.url, 8, { maxPages: 1 })
        assert.strictEqual(report.pagesRead, 1)
        assert.isAbove(report.pagesUnread, 10)
        assert.deepStrictEqual(report.unchecked, [])
        const paths = [...report.ok, ...report.disallowed].map(({ url }) => new URL(url).pathname)
        assert.includeMembers(paths, ["/", "/about", "/section/1/", "/section/12/", "/odd/gzip", "/private/diary"])
        assert.notInclude(paths, "/section/1/article-1.html")
      }).pipe(Effect.scoped),
    60_000
  )

  it.live("tells a wrong report from a right one", () =>
    Effect.gen(function*() {
      const site = yield* startSite({ latency: 0, busy: 1 })
      const report = yield* check(site.url, 32)
      const known = new Map(site.known)
      known.set(`${site.url}about`, "broken: Status 404, on nowhere")
      known.delete(`${site.url}style.css`)
      const points = disagreements({ ...site, known, pages: 7 } satisfies Site, report)
      assert.strictEqual(points.length, 3)
      assert.include(points.join("\n"), "known as broken: Status 404, on nowhere\n  reported as ok")
      assert.include(points.join("\n"), "known as no link\n  reported as ok")
      assert.include(points.join("\n"), "7 pages to read")
    }).pipe(Effect.scoped), 60_000)
})
