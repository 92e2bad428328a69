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

const gone = broken({ reason: "Status", detail: "the server answered 410", status: 410, bytes: 9 })
const late = broken({ reason: "Timeout", detail: "no answer within 1s" })
const private_ = Result.fail(new Disallowed({ detail: "forbidden" }))
const far = [1, 2, 3, 4, 5, 6].map((n) => `http://other.test/${n}`)

const checked: ReadonlyArray<Checked> = [
  { url: "http://site.test/", redirects: [], outcome: answer(100), millis: 5 },
  { url: "http://site.test/a", redirects: [], outcome: answer(2_500), millis: 7 },
  { url: "http://site.test/long", redirects: [], outcome: answer(undefined, "longer than 9 bytes"), millis: 9 },
  { url: "http://site.test/old", redirects: ["http://site.test/a"], outcome: answer(2_500), millis: 11 },
  { url: "http://site.test/gone", redirects: [], outcome: gone, millis: 3 },
  { url: "http://other.test/", redirects: far, outcome: late, millis: 1000 },
  { url: "http://site.test/private", redirects: [], outcome: private_, millis: 0 },
  { url: "http://site.test/skipped", redirects: [], outcome: Result.fail(new Skipped()), millis: 0 }
]

const holders = checked.slice(1).flatMap(({ url }) =>
  ["http://site.test/b", "http://site.test/"].map((page) => [url, page] as const)
)

/** The ledger of a crawl that came upon these results and these holders in this order. */
const ledgerOf = (results = checked, held: ReadonlyArray<readonly [link: string, page: string]> = holders) => {
  const ledger = new Ledger()
  ledger.found.set(start.href, new Set())
  for (const [link, page] of held) ledger.note(link, page)
  for (const result of results) ledger.record(result)
  ledger.pagesRead = 2
  return ledger
}

const report = (ledger: Ledger, complete = true) => makeReport(start, ledger, { complete, millis: 1234, options })

describe("a report", () => {
  it("is the same whatever the order in which the crawl came upon its parts", () => {
    const reversed = ledgerOf(checked.toReversed(), holders.toReversed())
    assert.strictEqual(toJson(report(reversed)), toJson(report(ledgerOf())))
  })

  it("comes back from its JSON as it was", () => {
    const found = report(ledgerOf(checked, [...holders, ["http://site.test/late", "http://site.test/a"]]))
    assert.deepStrictEqual(found.unchecked, [{ url: "http://site.test/late", pages: ["http://site.test/a"] }])
    const decoded = Schema.decodeSync(Schema.fromJsonString(Report))(toJson(found))
    assert.instanceOf(decoded, Report)
    assert.deepStrictEqual(decoded, found)
  })

  it("reads well as text, whatever is in it, and says what was left where the crawl was stopped", () => {
    // A page must not control the terminal.
    const odd = { url: "http://[\u001b[2J\u0007", outcome: broken({ reason: "InvalidUrl", detail: "no\nURL" }) }
    const many = Array.from(
      { length: 11 },
      (_, index) => ["http://site.test/gone", `http://site.test/c${index}`] as const
    )
    const late = ["http://site.test/late", start.href] as const
    const ledger = ledgerOf([...checked, { ...odd, redirects: [], millis: 0 }], [...holders, ...many, late])
    ledger.pagesUnread = 3
    ledger.places.set("http://site.test/a", new Set())
    ledger.noteFragment("http://site.test/a#missing", start.href)
    ledger.waits.origins.set("http://slow.test", { crawlDelay: 500, retryAfter: 0 })
    ledger.waits.origins.set("http://limited.test", { crawlDelay: 0, retryAfter: 2001.5 })
    const on = "on http://site.test/\n    on http://site.test/b"
    assert.strictEqual(
      toText(report(ledger, false)),
      `Broken (3)
  http://[\ufffd[2J\ufffd
    InvalidUrl: no\ufffdURL, 0 ms
  http://other.test/
    -> http://other.test/1
    -> http://other.test/2
    -> http://other.test/3
    ... 2 more
    -> http://other.test/6
    Timeout: no answer within 1s, 1000 ms
    ${on}
  http://site.test/gone
    410: the server answered 410, 3 ms, 9 B
    ${on}
${
        [0, 1, 10, 2, 3, 4, 5, 6].map((index) =>
          `    on http://site.test/c${index}\n`
        ).join("")
      }    and on 3 more pages

No such place in the page (1)
  http://site.test/a#missing
    on http://site.test/

Redirected (1)
  http://site.test/old
    -> http://site.test/a
    200, 11 ms, 2.5 kB
    ${on}

Not followed (1)
  http://site.test/private
    forbidden
    ${on}

Skipped (1)
  http://site.test/skipped
    ${on}

Not read to the end (1)
  http://site.test/long
    200: longer than 9 bytes, 9 ms

Found and not checked (1)
  http://site.test/late
    on http://site.test/

Waited for (2)
  http://limited.test
    Retry-After: 2 s
  http://slow.test
    Crawl-delay: 0.5 s between requests

Stopped before the end. 10 links on 2 pages: 3 ok, 3 broken, 1 redirected, 1 not followed, 1 skipped, 1 not checked; ` +
        `5.1 kB, 1.2 s
1 links to a place that their page does not have
3 more pages were checked, but not read (--max-pages)`
    )
  })

  it("names links to a place that isn't in their page, or isn't where their redirects end", () => {
    // The place that the last redirect names comes before that of the link.
    const moved = { redirects: ["http://site.test/a"], outcome: answer(1), millis: 0, place: "missing" }
    const ledger = ledgerOf([...checked, { url: "http://site.test/moved", ...moved }])
    ledger.places.set("http://site.test/a", new Set(["there", "caf\u00e9", "50%"]))
    const found = ["a#there", "a#caf%C3%A9", "a#50%", "old#there", "gone#x", "long#x"]
    const missing = ["a#missing", "moved#there", "old#missing"].map((link) => `http://site.test/${link}`)
    for (const link of [...found.map((link) => `http://site.test/${link}`), ...missing]) {
      ledger.noteFragment(link, start.href)
    }
    assert.deepStrictEqual(report(ledger).fragments, missing.map((url) => ({ url, pages: [start.href] })))
  })
})

it("a line of progress shows what is done, running, waiting for the pool and for hosts, and how fast it goes", () => {
  const line = (done: number, found: number, running: number, waiting: number, delayed = 0, seconds = 2) =>
    progressLine({ done, found, delayed, seconds }, { running, waiting })
  assert.strictEqual(line(30, 120, 8, 3), "[#####...............] 30 of 120 links done, 8 running, 3 waiting, 15/s")
  assert.include(line(0, 9, 1, 3, 5), "1 running, 3 waiting, 5 delayed by their host, 0/s")
  assert.include(line(0, 0, 0, 0, 0, 0), "[....................] 0 of 0 ")
  assert.include(line(7, 7, 0, 0), "[####################] 7 of 7 ")
})
