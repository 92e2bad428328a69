import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import type { CrawlOptions } from "../../src/linkcheck/crawl.ts"
import { toJson } from "../../src/linkcheck/report.ts"
import { check as crawl } from "./crawling.ts"
import { disagreements, PAGE_LIMIT, type Site, startSite } from "./site.ts"

const check = (url: URL, size: number, more?: Partial<CrawlOptions>) =>
  crawl(url, { pageLimit: PAGE_LIMIT, timeout: Duration.seconds(3), size, ...more })

/** A report without what may differ between two runs on one site. */
const lasting = (json: string) => json.replaceAll(/"(millis|detail|retryAfter)": .*/g, "")

const overAsked = (hits: ReadonlyMap<string, number>) => [...hits].filter(([, count]) => count > 1)

// One after the other: time limits are a part of what is tested.
describe("a crawl of the embedded site", () => {
  for (const size of [1, 32]) {
    it.live(
      `finds what the site holds, with ${size} at once, and asks for each thing once`,
      () =>
        Effect.gen(function*() {
          const site = yield* startSite({ latency: 0.05, busy: 1 })
          assert.deepStrictEqual(disagreements(site, yield* check(site.url, size)), [])

          // Twice are only: what failed in a way that may pass, and what is asked again by GET after a HEAD that failed.
          assert.sameDeepMembers(overAsked(site.hits.site), [
            ["/busy", 2],
            ["/error", 2],
            ["/never", 2],
            // With a cookie that it has got the first time.
            ["/welcome", 3]
          ])
          assert.sameDeepMembers(overAsked(site.hits.elsewhere), [["/dead", 2], ["/no-head", 2], ["/limping-head", 2]])
          assert.deepStrictEqual([...site.hits.site.keys()].filter((path) => path.startsWith("/private/")), [])
          assert.isFalse(site.hits.elsewhere.has("/not-for-you-to-follow"))
        }).pipe(Effect.scoped),
      120_000
    )
  }

  it.live("gives the same report whatever the size of the pool", () =>
    Effect.gen(function*() {
      const site = yield* startSite({ latency: 0.05, busy: 0 })
      const reports = yield* Effect.forEach([3, 32], (size) => check(site.url, size, { retries: 0 }))
      const [few, many] = reports.map((report) => lasting(toJson(report)))
      assert.strictEqual(many, few)
    }).pipe(Effect.scoped), 120_000)

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
    120_000
  )

  it.live("tells a wrong report from a right one", () =>
    Effect.gen(function*() {
      const site = yield* startSite({ latency: 0, busy: 1 })
      const report = yield* check(site.url, 32)
      const known = new Map(site.known)
      known.set(`${site.url}about`, "broken: Status 404, on nowhere")
      known.delete(`${site.url}style.css`)
      const points = disagreements(
        { ...site, known, fragments: site.fragments.slice(1), pages: 7 } satisfies Site,
        report
      )
      assert.strictEqual(points.length, 4)
      assert.include(points.join("\n"), "known as broken: Status 404, on nowhere\n  reported as ok")
      assert.include(points.join("\n"), "known as no link\n  reported as ok")
      assert.include(points.join("\n"), "#nowhere, on")
      assert.include(points.join("\n"), "7 pages to read")
    }).pipe(Effect.scoped), 120_000)
})
