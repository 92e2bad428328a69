import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Report } from "../../src/linkcheck/report.ts"
import { runExample, runProcess, startExample } from "../example.ts"
import { linksTo, respond, serve, serveRaw } from "../raw-server.ts"

const run = (...args: ReadonlyArray<string>) => runExample("linkcheck", ...args)

const decode = Schema.decodeEffect(Schema.fromJsonString(Report))

const pages = (content: Readonly<Record<string, string>>) =>
  serve(Object.fromEntries(Object.entries(content).map(([path, body]) => [path, respond("200 OK", body)])))

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

describe("linkcheck", { concurrent: true, timeout: 60_000 }, () => {
  it.live("ends with 0 when all links work, and prints nothing but the report when it is quiet", () =>
    Effect.gen(function*() {
      const { origin } = yield* pages({ "/": "<a href=/a>", "/a": "fine" })
      const { code, stderr, stdout } = yield* run(origin, "--quiet")
      assert.match(stdout, /^2 links on 2 pages: 2 ok, 0 broken; 15 B, .* s\n$/)
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    }).pipe(Effect.scoped))

  it.live("ends with 1 when a link is broken, and prints JSON by the schema when asked for", () =>
    Effect.gen(function*() {
      const { origin } = yield* pages({ "/": "<a href=/a><a href=/b>", "/a": "<a href=/b>" })
      const { code, stdout } = yield* run(origin, "--json", "--size", "1")
      const report = yield* decode(stdout)
      assert.deepInclude(report.broken[0], { url: `${origin}/b`, status: 404, pages: [`${origin}/`, `${origin}/a`] })
      assert.deepStrictEqual([report.ok.length, report.broken.length, report.complete], [2, 1, true])
      assert.strictEqual(code, 1)
    }).pipe(Effect.scoped))

  it.live("says in its JSON how it was made, without what may be secret", () =>
    Effect.gen(function*() {
      const { origin } = yield* pages({ "/": "<a href=/a><a href='/b#x'>", "/b": "" })
      const args = "--json --quiet --skip /a$ --skip nothing --user-agent Me/1 --insecure --max-wait 2s --timeout 5 " +
        "--retries 0 --max-pages 9 --size 3"
      const { code, stdout } = yield* run(origin, ...args.split(" "), "--header", "X-Token: secret")
      const { fragments, options, skipped } = yield* decode(stdout)
      assert.deepStrictEqual({ ...options }, {
        size: 3,
        adaptive: false,
        maxPages: 9,
        timeout: 5000,
        retries: 0,
        maxWait: 2000,
        skip: ["/a$", "nothing"],
        headers: ["x-token"],
        userAgent: "Me/1",
        insecure: true,
        fragments: false
      })
      assert.notInclude(stdout, "secret")
      assert.deepStrictEqual(skipped.map(({ url }) => url), [`${origin}/a`])
      assert.deepStrictEqual(fragments, [{ url: `${origin}/b#x`, pages: [`${origin}/`] }])
      assert.strictEqual(code, 0)
      // A place that is missing is a reason to fail only for those that say so.
      assert.strictEqual((yield* run(origin, "--quiet", "--skip", "/a$", "--fragments")).code, 1)
    }).pipe(Effect.scoped))

  it.live("lists its options", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* run("--help")
      for (const name of ["max-wait", "skip", "header", "user-agent", "insecure", "fragments"]) {
        assert.include(stdout, `--${name}`)
      }
      assert.strictEqual(code, 0)
    }))

  it.live.each(
    [
      ["example.com", "Invalid value for argument <URL>: \"example.com\". Expected an http or https URL"],
      ["ftp://example.com/", "Expected an http or https URL"],
      ["http://a.test http://b.test", "Unexpected positional argument"],
      ["--size 0", "Invalid value for flag --size: \"0\". Expected an integer of at least 1"],
      ["--size -1", "Expected an integer of at least 1"],
      ["--size many", "Invalid value for flag --size: \"many\""],
      ["--max-pages 0", "Expected an integer of at least 1"],
      ["--retries -1", "Expected an integer of at least 0"],
      ["--timeout soon", "Expected a duration of more than 0, such as 10, 500ms or 1m"],
      ["--depth 3", "Unrecognized flag: --depth"],
      ["--max-wait never", "Expected a duration of more than 0"],
      ["--skip (", "Expected a regular expression"],
      ["--skip=", "Expected a regular expression"],
      ["--header Cookie", "Expected a header, such as"],
      ["--header Bad@Name:x", "Expected a header, such as"],
      ["--user-agent \u00e9", "Expected printable ASCII"]
    ] as const
  )("ends with 2 and says why, given %s", ([args, says]) =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(...args.split(" "))
      assert.include(stderr, says)
      assert.match(stderr, /^.+\nSee linkcheck --help\.\n$/)
      assert.deepStrictEqual({ code, stdout }, { code: 2, stdout: "" })
    }))

  it.live("ends with 2 and says why when a site cannot be reached, as a process", () =>
    Effect.gen(function*() {
      const refused = yield* runProcess("linkcheck", "http://127.0.0.1:1/", "--retries", "0")
      const stderr = "cannot check http://127.0.0.1:1/: connect ECONNREFUSED 127.0.0.1:1\n"
      assert.deepInclude({ ...refused, stderr: refused.stderr.replace(/^\[.*\n/gm, "") }, {
        code: 2,
        stderr,
        stdout: ""
      })
      const unknown = yield* run("http://no-such-host.invalid/", "--retries", "0")
      assert.include(unknown.stderr, "cannot check http://no-such-host.invalid/: ")
      assert.strictEqual(unknown.code, 2)
    }))

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

  for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    it.live(`ends within a second of ${signal}, with ${exitCode}, the report so far, and nothing left running`, () =>
      Effect.gen(function*() {
        const asked = Promise.withResolvers<void>()
        const closed = Promise.withResolvers<void>()
        const { origin } = yield* serve({
          "/": linksTo("/missing", "/hang"),
          "/hang": (socket) => {
            socket.on("close", closed.resolve)
            asked.resolve()
          }
        })
        const { child, ended } = yield* startExample("linkcheck", origin, "--size", "1", "--timeout", "1h", "--json")
        yield* Effect.promise(() => asked.promise)
        const at = performance.now()
        child.kill(signal)
        const { code, stdout } = yield* ended
        assert.isBelow(performance.now() - at, 1000)
        assert.strictEqual(code, exitCode)
        const report = yield* decode(stdout)
        assert.isFalse(report.complete)
        assert.deepStrictEqual(report.ok.map(({ url }) => url), [`${origin}/`])
        assert.deepStrictEqual(report.broken.map(({ url }) => url), [`${origin}/missing`])
        assert.deepStrictEqual(report.unchecked.map(({ url }) => url), [`${origin}/hang`])
        yield* Effect.promise(() => closed.promise)
      }).pipe(Effect.scoped))
  }

  it.live("ends quietly, with the same code, when nobody reads its report to the end", () =>
    Effect.gen(function*() {
      const body = Array.from({ length: 3000 }, (_, index) => `<a href="http://[broken/${index}">`).join("")
      const { origin } = yield* pages({ "/": body })
      const { child, ended } = yield* startExample("linkcheck", origin, "--json", "--quiet")
      child.stdout.destroy()
      const { code, stderr } = yield* ended
      assert.deepStrictEqual({ code, stderr }, { code: 1, stderr: "" })
    }).pipe(Effect.scoped))
})
