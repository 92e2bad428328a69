import { assert, describe } from "@effect/vitest"
import { Duration, Schema } from "effect"
import { Report, toJson } from "../../src/linkcheck/report.ts"
import { runExample, runProcess, startExample } from "../example.ts"
import { live } from "../live.ts"
import { numbers } from "../outside.ts"
import { linksTo, respond, serve, serveNever, serveRaw } from "../raw-server.ts"
import { check, urlsOf } from "./crawling.ts"
import { disagreements, PAGE_LIMIT, startSite } from "./site.ts"

const run = (...args: ReadonlyArray<string>) => runExample("linkcheck", ...args)

const decode = Schema.decodeEffect(Schema.fromJsonString(Report))

/** A report without what may differ between two runs on one site. */
const lasting = (json: string) => json.replaceAll(/"(millis|detail|retryAfter)": .*/g, "")

/** What was asked for more than once since there were these hits. */
const overAsked = (hits: ReadonlyMap<string, number>, before: ReadonlyMap<string, number> = new Map()) =>
  [...hits].map(([path, count]) => [path, count - (before.get(path) ?? 0)] as const).filter(([, count]) => count > 1)

// By itself: the time limit of the embedded site isn't meant for dozens of crawls at the same time.
describe("linkcheck of the embedded site", { timeout: 120_000 }, () => {
  live("finds what the site holds, whatever the size of the pool, and asks for each thing once", function*() {
    const site = yield* startSite({ latency: 0.05, busy: 1 })
    const { elsewhere, site: hits } = site.hits
    const crawl = (size: number, seconds: number) =>
      check(site.url, { pageLimit: PAGE_LIMIT, timeout: Duration.seconds(seconds), size })
    // Twice are only: what failed in a way that may pass, and what is asked again by GET after a HEAD that failed; and
    // the last one with a cookie that it has got the first time.
    const twice = [["/error", 2], ["/never", 2], ["/welcome", 3]] as const
    const twiceElsewhere = [["/dead", 2], ["/no-head", 2], ["/limping-head", 2]] as const

    const one = yield* crawl(1, 1.5)
    assert.deepStrictEqual(disagreements(site, one), [])
    assert.sameDeepMembers(overAsked(hits), [["/busy", 2], ...twice])
    assert.sameDeepMembers(overAsked(elsewhere), [...twiceElsewhere])
    const before = [new Map(hits), new Map(elsewhere)]

    const many = yield* crawl(32, 3)
    assert.strictEqual(lasting(toJson(many)), lasting(toJson(one)))
    assert.sameDeepMembers(overAsked(hits, before[0]), [...twice])
    assert.sameDeepMembers(overAsked(elsewhere, before[1]), [...twiceElsewhere])
    assert.deepStrictEqual([...hits.keys()].filter((path) => path.startsWith("/private/")), [])
    assert.isFalse(elsewhere.has("/not-for-you-to-follow"))

    // What compares a report with the site tells a wrong one from a right one.
    const known = new Map(site.known).set(`${site.url}about`, "broken").set("pages to read", "7")
    for (const path of ["style.css", "odd/places#nowhere"]) known.delete(`${site.url}${path}`)
    const points = ["about\n.*broken\n.*ok", "#nowhere\n.*none\n.*a missing place, on .*", "style.css\n.*none\n.*ok"]
    const expected = new RegExp(`^${points.map((point) => `\\S+${point}\n`).join("")}pages to read\n.* 7\n.* \\d+$`)
    assert.match(disagreements({ ...site, known }, many).join("\n"), expected)
  })

  live("without a URL checks the embedded site, agrees with what it holds, and ends well", function*() {
    const { code, stderr, stdout } = yield* runProcess("linkcheck")
    assert.include(stderr, "The report agrees with what the site is known to hold.")
    assert.match(stderr, /^\[[#.]{20}\] \d+ of \d+ links done, \d+ running, \d+ waiting, .*\d+\/s$/m)
    assert.match(stdout, /^Broken \(11\)$/m)
    assert.match(stdout, /322 links on 267 pages: 303 ok, 11 broken, 5 redirected, 3 not followed; /)
    // There is a queue to be seen, and what it was like at most is said in the end.
    assert.match(stderr, /, 32 running, [1-9]\d* waiting, /)
    assert.match(stderr, /asks for 0.2 s between requests \(Crawl-delay\)/)
    assert.match(stderr, /^At most 32 requests ran concurrently \(--size 32\), and up to [1-9]\d* waited/m)
    assert.match(stderr, /docs\/start-here\.md/)
    assert.strictEqual(code, 0)
  })

  live("with a time limit that nothing can keep, says what is wrong with the report and fails", function*() {
    const { code, stderr } = yield* run("--timeout", "40ms", "--retries", "0", "--quiet", "--max-wait", "10ms")
    assert.match(stderr, /known as ok\n {2}reported as broken: Timeout|cannot check/)
    assert.notStrictEqual(code, 0)
  })

  live("reads the links of so many pages as it is told, checks all on them, and compares no such report", function*() {
    const { code, stderr, stdout } = yield* run("--max-pages", "1", "--json", "--max-wait", "10ms")
    assert.include(stderr, "not compared")
    assert.strictEqual(code, 0)
    const { disallowed, ok, pagesRead, pagesUnread, unchecked } = yield* decode(stdout)
    assert.deepStrictEqual([pagesRead, unchecked], [1, []])
    assert.isAbove(pagesUnread, 10)
    const paths = urlsOf([...ok, ...disallowed]).map((url) => new URL(url).pathname)
    assert.includeMembers(paths, ["/", "/about", "/section/1/", "/section/12/", "/odd/gzip", "/private/diary"])
    assert.notInclude(paths, "/section/1/article-1.html")
  })
})

describe("linkcheck, as a process,", { concurrent: true, timeout: 60_000 }, () => {
  live("finds out how many requests a site can take, up to --size, with --adaptive", function*() {
    const links = linksTo(...numbers(800).map((n) => `/${n}`))
    const site = { now: 0, most: 0, refused: 0 }
    const { origin } = yield* serveRaw((socket, path) => {
      if (!/\d/.test(path)) return void socket.end(path === "/" ? links : respond("404 No", ""))
      site.most = Math.max(site.most, ++site.now)
      const isTooMuch = site.now > 12
      if (isTooMuch) site.refused++
      setTimeout(() => {
        site.now--
        socket.end(isTooMuch ? respond("503 Too much", "") : respond("200 OK", ""))
      }, 5)
    })
    const args = ["--adaptive", "--size", "100", "--retries", "9", "--json", "--quiet"]
    const { code, stdout } = yield* runProcess("linkcheck", origin, ...args)
    const { broken, ok, options } = yield* decode(stdout)
    assert.deepStrictEqual([code, broken.length, ok.length, options.adaptive], [0, 0, 801, true])
    // It starts low, and goes back where the site has too much.
    assert.isAbove(site.most, 12)
    assert.isBelow(site.most, 50)
    assert.isBelow(site.refused, 200)
  })

  for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    live(`ends within a second of ${signal} with the report so far, and nothing left running`, function*() {
      const { asked, origin } = yield* serveNever({ "/": linksTo("/missing", "/never") })
      const { end } = yield* startExample("linkcheck", origin, "--size", "1", "--timeout", "1h", "--json")
      yield* asked
      const at = performance.now()
      const { code, stdout } = yield* end(signal)
      assert.isBelow(performance.now() - at, 1000)
      const { broken, complete, ok, unchecked } = yield* decode(stdout)
      assert.deepStrictEqual([code, complete], [exitCode, false])
      const urls = [ok, broken, unchecked].map(urlsOf)
      assert.deepStrictEqual(urls, [[`${origin}/`], [`${origin}/missing`], [`${origin}/never`]])
    })
  }

  live("ends quietly, with the same code, when nobody reads its report to the end", function*() {
    const { origin } = yield* serve({ "/": linksTo(...numbers(3000).map((n) => `http://[broken/${n}`)) })
    const { child, ended } = yield* startExample("linkcheck", origin, "--json", "--quiet")
    child.stdout.destroy()
    assert.deepInclude(yield* ended, { code: 1, stderr: "" })
  })
})
