import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { Cookies } from "effect/http"
import { type Checked, Ledger, Skipped } from "../../src/linkcheck/crawl.ts"
import { Disallowed } from "../../src/linkcheck/host.ts"
import { progressLine } from "../../src/linkcheck/progress.ts"
import { makeReport, Report, toJson, toText } from "../../src/linkcheck/report.ts"
import { LinkError } from "../../src/linkcheck/request.ts"
import { options } from "./crawling.ts"

const start = new URL("http://site.test/")

const answer = (bytes: number | undefined, cut?: string): Checked["outcome"] =>
  Result.succeed({ status: 200, location: undefined, cookies: Cookies.empty, bytes, cut })

const broken = (error: ConstructorParameters<typeof LinkError>[0]): Checked["outcome"] =>
  Result.fail(new LinkError(error))

const checked: ReadonlyArray<Checked> = [
  { url: "http://site.test/", redirects: [], outcome: answer(100), millis: 5 },
  { url: "http://site.test/a", redirects: [], outcome: answer(2_500), millis: 7 },
  { url: "http://site.test/long", redirects: [], outcome: answer(undefined, "longer than 9 bytes"), millis: 9 },
  { url: "http://site.test/old", redirects: ["http://site.test/a"], outcome: answer(2_500), millis: 11 },
  {
    url: "http://site.test/gone",
    redirects: [],
    outcome: broken({ reason: "Status", detail: "the server answered 410", status: 410, bytes: 9 }),
    millis: 3
  },
  {
    url: "http://other.test/",
    redirects: [
      "http://other.test/1",
      "http://other.test/2",
      "http://other.test/3",
      "http://other.test/4",
      "http://other.test/5",
      "http://other.test/6"
    ],
    outcome: broken({ reason: "Timeout", detail: "no answer within 1s" }),
    millis: 1000
  },
  {
    url: "http://site.test/private",
    redirects: [],
    outcome: Result.fail(new Disallowed({ detail: "forbidden" })),
    millis: 0
  },
  { url: "http://site.test/skipped", redirects: [], outcome: Result.fail(new Skipped()), millis: 0 }
]

/** The ledger of a crawl that came upon these results and these holders in this order. */
const ledgerOf = (results: ReadonlyArray<Checked>, holders: ReadonlyArray<readonly [string, string]>) => {
  const ledger = new Ledger()
  ledger.found.set(start.href, new Set())
  for (const [link, page] of holders) ledger.note(link, page)
  for (const result of results) ledger.record(result)
  ledger.pagesRead = 2
  return ledger
}

const holders = checked.slice(1).flatMap(({ url }) =>
  ["http://site.test/b", "http://site.test/"].map((page) => [url, page] as const)
)
const run = { complete: true, millis: 1234, options }

describe("a report", () => {
  it("is the same whatever the order in which the crawl came upon its parts", () => {
    const report = toJson(makeReport(start, ledgerOf(checked, holders), run))
    assert.strictEqual(toJson(makeReport(start, ledgerOf(checked.toReversed(), holders.toReversed()), run)), report)
  })

  it("has each link in one of its lists, sorted", () => {
    const report = makeReport(
      start,
      ledgerOf(checked, [...holders, ["http://site.test/late", "http://site.test/a"]]),
      run
    )
    const urls = (links: ReadonlyArray<{ readonly url: string }>) => links.map(({ url }) => url)
    assert.deepStrictEqual(urls(report.broken), ["http://other.test/", "http://site.test/gone"])
    assert.deepStrictEqual(urls(report.redirected), ["http://site.test/old"])
    assert.deepStrictEqual(urls(report.ok), ["http://site.test/", "http://site.test/a", "http://site.test/long"])
    assert.deepStrictEqual(urls(report.disallowed), ["http://site.test/private"])
    assert.deepStrictEqual(urls(report.skipped), ["http://site.test/skipped"])
    assert.deepStrictEqual(report.unchecked, [{ url: "http://site.test/late", pages: ["http://site.test/a"] }])
    assert.deepStrictEqual(report.broken[1]?.pages, ["http://site.test/", "http://site.test/b"])
  })

  it("comes back from its JSON as it was", () => {
    const report = makeReport(start, ledgerOf(checked, holders), run)
    const decoded = Schema.decodeSync(Schema.fromJsonString(Report))(toJson(report))
    assert.instanceOf(decoded, Report)
    assert.deepStrictEqual(decoded, report)
  })

  it("reads well as text", () => {
    assert.strictEqual(
      toText(makeReport(start, ledgerOf(checked, holders), run)),
      `Broken (2)
  http://other.test/
    -> http://other.test/1
    -> http://other.test/2
    -> http://other.test/3
    ... 2 more
    -> http://other.test/6
    Timeout: no answer within 1s, 1000 ms
    on http://site.test/
    on http://site.test/b
  http://site.test/gone
    410: the server answered 410, 3 ms, 9 B
    on http://site.test/
    on http://site.test/b

Redirected (1)
  http://site.test/old
    -> http://site.test/a
    200, 11 ms, 2.5 kB
    on http://site.test/
    on http://site.test/b

Not followed (1)
  http://site.test/private
    forbidden
    on http://site.test/
    on http://site.test/b

Skipped (1)
  http://site.test/skipped
    on http://site.test/
    on http://site.test/b

Not read to the end (1)
  http://site.test/long
    200: longer than 9 bytes, 9 ms

8 links on 2 pages: 3 ok, 2 broken, 1 redirected, 1 not followed, 1 skipped; 5.1 kB, 1.2 s`
    )
  })

  it("names links to a place that isn't in their page, or isn't where their redirects end", () => {
    const ledger = ledgerOf(checked, holders)
    ledger.places.set("http://site.test/a", new Set(["there", "caf\u00e9", "50%"]))
    const fragments = ["a#there", "a#missing", "a#caf%C3%A9", "a#50%", "old#there", "old#missing", "gone#x", "long#x"]
    for (const link of fragments) ledger.noteFragment(`http://site.test/${link}`, start.href)
    const report = makeReport(start, ledger, run)
    assert.deepStrictEqual(report.fragments, [
      { url: "http://site.test/a#missing", pages: [start.href] },
      { url: "http://site.test/old#missing", pages: [start.href] }
    ])
    const text = toText(report)
    assert.include(text, `No such place in the page (2)\n  http://site.test/a#missing\n    on ${start.href}\n`)
    assert.include(text, "\n2 links to a place that their page does not have")
  })

  it("takes the place that the last redirect names before that of the link", () => {
    const moved = { url: "http://site.test/moved", redirects: ["http://site.test/a"], outcome: answer(1), millis: 0 }
    const ledger = ledgerOf([...checked, { ...moved, place: "missing" }], holders)
    ledger.places.set("http://site.test/a", new Set(["there"]))
    ledger.noteFragment("http://site.test/moved#there", start.href)
    assert.deepStrictEqual(makeReport(start, ledger, run).fragments.map(({ url }) => url), [
      "http://site.test/moved#there"
    ])
  })

  it("says what the crawl has waited for", () => {
    const ledger = ledgerOf(checked, holders)
    ledger.waits.origins.set("http://slow.test", { crawlDelay: 500, retryAfter: 0 })
    ledger.waits.origins.set("http://limited.test", { crawlDelay: 0, retryAfter: 2001.5 })
    assert.include(
      toText(makeReport(start, ledger, run)),
      "Waited for (2)\n  http://limited.test\n    Retry-After: 2 s\n  http://slow.test\n    Crawl-delay: 0.5 s between requests\n"
    )
  })

  it("doesn't hold the password of its start", () => {
    const report = toJson(makeReport(new URL("http://name:secret@site.test/"), ledgerOf(checked, holders), run))
    assert.notInclude(report, "secret")
    assert.include(report, `"start": "http://site.test/"`)
  })

  it("as text names ten of the pages that hold a link, and says how many more there are", () => {
    const many = Array.from(
      { length: 13 },
      (_, index) => ["http://site.test/gone", `http://site.test/${index}`] as const
    )
    const text = toText(makeReport(start, ledgerOf(checked, many), run))
    assert.strictEqual(text.match(/ {4}on /g)?.length, 10)
    assert.include(text, "    and on 3 more pages")
  })

  it("as text does not let a page control the terminal", () => {
    const link = "http://[\u001b[2J\u0007"
    const outcome = broken({ reason: "InvalidUrl", detail: "no\nURL" })
    const text = toText(
      makeReport(start, ledgerOf([{ url: link, redirects: [], outcome, millis: 0 }], [[link, start.href]]), run)
    )
    assert.include(text, "  http://[\ufffd[2J\ufffd\n    InvalidUrl: no\ufffdURL")
  })

  it("of a crawl that was stopped says so, and what was left", () => {
    const text = toText(
      makeReport(start, ledgerOf([], [["http://site.test/late", "http://site.test/"]]), {
        complete: false,
        millis: 0,
        options
      })
    )
    assert.include(
      text,
      "Found and not checked (2)\n  http://site.test/\n  http://site.test/late\n    on http://site.test/\n"
    )
    assert.include(
      text,
      "Stopped before the end. 2 links on 2 pages: 0 ok, 0 broken, 2 not checked"
    )
  })
})

describe("a line of progress", () => {
  it("shows what is done, running and waiting, and how fast it goes", () => {
    assert.strictEqual(
      progressLine({ done: 30, found: 120, delayed: 0, seconds: 2 }, { running: 8, waiting: 3 }),
      "[#####...............] 30 of 120 links done, 8 running, 3 waiting, 15/s"
    )
  })

  it("shows how many wait for their host, which isn't in the queue of the pool", () => {
    assert.include(
      progressLine({ done: 0, found: 9, delayed: 5, seconds: 1 }, { running: 1, waiting: 3 }),
      "1 running, 3 waiting, 5 delayed by their host, 0/s"
    )
  })

  it("is sound before anything is known, and at the end", () => {
    assert.include(
      progressLine({ done: 0, found: 0, delayed: 0, seconds: 0 }, { running: 0, waiting: 0 }),
      "[....................] 0 of 0 "
    )
    assert.include(
      progressLine({ done: 7, found: 7, delayed: 0, seconds: 1 }, { running: 0, waiting: 0 }),
      "[####################] 7 of 7 "
    )
  })
})
