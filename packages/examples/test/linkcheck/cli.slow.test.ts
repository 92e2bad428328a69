import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Report } from "../../src/linkcheck/report.ts"
import { runExample, runProcess, startExample } from "../example.ts"
import { linksTo, respond, serve, serveNever, serveRaw } from "../raw-server.ts"

const run = (...args: ReadonlyArray<string>) => runExample("linkcheck", ...args)

const decode = Schema.decodeEffect(Schema.fromJsonString(Report))

// By itself: the time limit of the embedded site isn't meant for dozens of crawls at the same time.
describe("linkcheck of the embedded site", { timeout: 60_000 }, () => {
  it.live("without a URL checks the embedded site, agrees with what it holds, and ends well", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* runProcess("linkcheck")
      assert.include(stderr, "The report agrees with what the site is known to hold.")
      assert.match(stderr, /^\[[#.]{20}\] \d+ of \d+ links done, \d+ running, \d+ waiting, .*\d+\/s$/m)
      assert.match(stdout, /^Broken \(11\)$/m)
      assert.match(stdout, /350 links on 284 pages: 330 ok, 11 broken, 5 redirected, 4 not followed; /)
      // There is a queue to be seen, and what it was like at most is said in the end.
      assert.match(stderr, /, 32 running, [1-9]\d* waiting, /)
      assert.match(stderr, /asks for 0.2 s between requests \(Crawl-delay\)/)
      assert.match(stderr, /^At most 32 requests ran concurrently \(--size 32\), and up to [1-9]\d* waited/m)
      assert.match(stderr, /docs\/start-here\.md/)
      assert.strictEqual(code, 0)
    }))

  it.live("without a URL, and with a time limit that nothing can keep, says what is wrong with the report and fails", () =>
    Effect.gen(function*() {
      const { code, stderr } = yield* run("--timeout", "40ms", "--retries", "0", "--quiet", "--max-wait", "10ms")
      assert.match(stderr, /known as ok\n {2}reported as broken: Timeout|cannot check/)
      assert.notStrictEqual(code, 0)
    }))

  it.live("reads the links of so many pages only as it is told, checks all links on them, and compares no such report", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run("--max-pages", "1", "--json", "--max-wait", "10ms")
      assert.include(stderr, "not compared")
      assert.strictEqual(code, 0)
      const report = yield* decode(stdout)
      assert.strictEqual(report.pagesRead, 1)
      assert.isAbove(report.pagesUnread, 10)
      assert.deepStrictEqual(report.unchecked, [])
      const paths = [...report.ok, ...report.disallowed].map(({ url }) => new URL(url).pathname)
      assert.includeMembers(paths, ["/", "/about", "/section/1/", "/section/12/", "/odd/gzip", "/private/diary"])
      assert.notInclude(paths, "/section/1/article-1.html")
    }))
})

describe("linkcheck, as a process,", { concurrent: true, timeout: 60_000 }, () => {
  it.live("finds out how many requests a site can take, up to --size, with --adaptive", () =>
    Effect.gen(function*() {
      const links = Array.from({ length: 800 }, (_, index) => `<a href=/${index}>`).join("")
      const site = { now: 0, most: 0, refused: 0 }
      const { origin } = yield* serveRaw((socket, path) => {
        if (path === "/" || path === "/robots.txt") {
          return void socket.end(path === "/" ? respond("200 OK", links) : respond("404 No", ""))
        }
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
    }))

  it.live.each([["SIGINT", 130], ["SIGTERM", 143]] as const)(
    "ends within a second of %s, with %i, the report so far, and nothing left running",
    ([signal, exitCode]) =>
      Effect.gen(function*() {
        const { asked, origin } = yield* serveNever({ "/": linksTo("/missing", "/never") })
        const { child, ended } = yield* startExample("linkcheck", origin, "--size", "1", "--timeout", "1h", "--json")
        yield* asked
        const at = performance.now()
        child.kill(signal)
        const { code, stdout } = yield* ended
        assert.isBelow(performance.now() - at, 1000)
        assert.strictEqual(code, exitCode)
        const { broken, complete, ok, unchecked } = yield* decode(stdout)
        assert.isFalse(complete)
        const urls = [ok, broken, unchecked].map((links) => links.map(({ url }) => url))
        assert.deepStrictEqual(urls, [[`${origin}/`], [`${origin}/missing`], [`${origin}/never`]])
      }).pipe(Effect.scoped)
  )

  it.live("ends quietly, with the same code, when nobody reads its report to the end", () =>
    Effect.gen(function*() {
      const body = Array.from({ length: 3000 }, (_, index) => `<a href="http://[broken/${index}">`).join("")
      const { origin } = yield* serve({ "/": respond("200 OK", body) })
      const { child, ended } = yield* startExample("linkcheck", origin, "--json", "--quiet")
      child.stdout.destroy()
      const { code, stderr } = yield* ended
      assert.deepStrictEqual({ code, stderr }, { code: 1, stderr: "" })
    }).pipe(Effect.scoped))
})
