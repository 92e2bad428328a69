import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { spawn } from "node:child_process"
import { connect } from "node:net"
import { parseRobots, ROBOTS_LIMIT } from "../../src/linkcheck/robots.ts"
import { linksTo, respond, serve, serveRaw } from "../raw-server.ts"
import { check } from "./crawling.ts"

const allows = (text: string, path: string) => parseRobots("http://site.test", text).allows(`http://site.test${path}`)

describe("robots.txt", () => {
  it("rules by the group of this program, and without one by the group of all", () => {
    const text = "User-agent: *\nDisallow: /all\n\nUser-agent: Greenpool-LinkCheck\nDisallow: /own"
    assert.isTrue(allows(text, "/all"))
    assert.isFalse(allows(text, "/own/page"))
    assert.isFalse(allows("User-agent: *\nDisallow: /", "/"))
  })

  it("rules by the longest match, with wildcards and ends", () => {
    const text = "User-agent: *\nDisallow: /shop\nAllow: /shop/open\nDisallow: /*.pdf$"
    assert.isFalse(allows(text, "/shop/till"))
    assert.isTrue(allows(text, "/shop/open/today"))
    assert.isFalse(allows(text, "/docs/a.pdf"))
    assert.isTrue(allows(text, "/docs/a.pdf?x"))
  })

  it("rules over a path however its letters are encoded, and over others only as they are", () => {
    assert.isFalse(allows("User-agent: *\nDisallow: /%7Ejoe", "/~joe/"))
    assert.isFalse(allows("User-agent: *\nDisallow: /~joe", "/%7ejoe/"))
    assert.isFalse(allows("User-agent: *\nDisallow: /caf\u00e9", "/caf%C3%A9"))
    assert.isTrue(allows("User-agent: *\nDisallow: /a%2Fb", "/a/b"))
  })

  it("that is empty or no robots.txt at all forbids nothing, and none forbids itself", () => {
    assert.isTrue(allows("", "/"))
    assert.isTrue(allows("<!doctype html><title>Welcome</title>", "/"))
    assert.isTrue(allows("User-agent: *\nDisallow: /", "/robots.txt"))
  })

  it("may ask for a time between requests; not for a negative one", () => {
    assert.strictEqual(parseRobots("http://site.test", "User-agent: *\nCrawl-delay: 1.5").delay, 1500)
    assert.strictEqual(parseRobots("http://site.test", "User-agent: *\nCrawl-delay: -1").delay, 0)
    assert.isTrue(Number.isFinite(parseRobots("http://site.test", "User-agent: *\nCrawl-delay: 1e999").delay))
    assert.strictEqual(parseRobots("http://site.test", "User-agent: *\nCrawl-delay: soon").delay, 0)
  })
})

/** What becomes of a page and of /private on a host whose robots.txt is answered so; the other paths are answered well. */
const becomes = (robots: string | ((path: string) => string), more?: Parameters<typeof check>[1]) =>
  Effect.gen(function*() {
    const asked: Array<string> = []
    const host = yield* serveRaw((socket, path) => {
      asked.push(path)
      const answer = typeof robots === "string" ? robots : robots(path)
      if (answer === "hang") return
      socket.end(/^\/(?:robots|r\d)/.test(path) ? answer : respond("200 OK", ""))
    })
    const site = yield* serve({ "/": linksTo(`${host.origin}/page`, `${host.origin}/private`) })
    const { broken, disallowed, ok } = yield* check(site.origin, { retries: 0, ...more })
    const paths = (links: ReadonlyArray<{ readonly url: string }>) =>
      links.filter(({ url }) => url.startsWith(host.origin)).map(({ url }) => new URL(url).pathname)
    return {
      ok: paths(ok),
      disallowed: paths(disallowed),
      broken: paths(broken),
      details: disallowed.map(({ detail }) => detail),
      asked
    }
  }).pipe(Effect.scoped)

const all = ["/page", "/private"]
const rules = "User-agent: *\nDisallow: /private"

describe("the robots.txt of a server, by RFC 9309,", { concurrent: true, timeout: 60_000 }, () => {
  const redirects = (times: number) => (path: string) => {
    const at = Number(path.slice(2)) || 0
    return at < times ? respond("302 Found", "", `Location: /r${at + 1}`) : respond("200 OK", rules)
  }

  it.live("allows everything without one (4xx), behind more than five redirects, and behind one to nowhere", () => {
    const statuses = ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "410 Gone"]
    const answers = [
      ...statuses.map((status) => respond(status, rules)),
      redirects(6),
      respond("302 Found", ""),
      respond("302 Found", "", "Location: http://[")
    ]
    return Effect.forEach(
      answers,
      (answer) => Effect.map(becomes(answer), (found) => assert.deepInclude(found, { ok: all, disallowed: [] }))
    )
  })

  it.live("rules: also when it comes late, at the end of five redirects, and within 500 KiB, to the end of a line", () => {
    const [begin, end] = [`${rules}\n#`, "\nDisallow: /page"]
    const filler = "x".repeat(ROBOTS_LIMIT - begin.length - end.length)
    /** At the second time. */
    const late = (first: string) => () => {
      const answer = first
      first = respond("200 OK", rules)
      return answer
    }
    const answers = [
      [respond("200 OK", rules)],
      // It is asked for again before it counts as unreadable, and waited for as long as the server says.
      [late(respond("503 Service Unavailable", "")), { retries: 1 }],
      [late(respond("429 Too Many Requests", "", "Retry-After: 1"))],
      [redirects(5)],
      [respond("200 OK", `${begin}${filler}${end}/that-is-another`)]
    ] as const
    return Effect.forEach(
      answers,
      ([answer, options]) =>
        Effect.map(
          becomes(answer, options),
          (found) => assert.deepInclude(found, { ok: ["/page"], disallowed: ["/private"] })
        )
    )
  })

  it.live.each(Object.entries({
    "is 500 Internal Server Error": respond("500 Internal Server Error", ""),
    "is 503 Service Unavailable": respond("503 Service Unavailable", ""),
    "closes the connection": "",
    "isn't HTTP": "garbage\r\n\r\n",
    "breaks off": "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nUser-agent: *",
    "hangs": "hang"
  }))(
    "allows nothing when it %s: the links aren't broken, and nothing more is asked",
    ([, answer]) =>
      Effect.gen(function*() {
        const options = answer === "hang" ? { timeout: Duration.seconds(1) } : {}
        const { asked, broken, details, disallowed } = yield* becomes(answer, options)
        assert.deepStrictEqual({ broken, disallowed, asked }, { broken: [], disallowed: all, asked: ["/robots.txt"] })
        for (const detail of details) assert.include(detail, "robots.txt cannot be read: ")
      })
  )

  it.live("rules where it is on another host, and allows nothing if that can't be reached", () =>
    Effect.gen(function*() {
      const other = yield* serveRaw((socket) => socket.end(respond("200 OK", rules)))
      const found = yield* becomes(respond("301 Moved", "", `Location: ${other.origin}/`))
      assert.deepInclude(found, { ok: ["/page"], disallowed: ["/private"] })
      const lost = yield* becomes(respond("301 Moved", "", "Location: http://127.0.0.1:1/"))
      assert.deepInclude(lost, { broken: [], disallowed: all })
    }).pipe(Effect.scoped))

  it.live("is of no interest where no host is: its links are broken", () =>
    Effect.gen(function*() {
      const site = yield* serve({ "/": linksTo("http://127.0.0.1:1/") })
      const { broken } = yield* check(site.origin, { retries: 0 })
      assert.deepStrictEqual(broken.map(({ detail, reason }) => [reason, detail]), [
        ["Unreachable", "connect ECONNREFUSED 127.0.0.1:1"]
      ])
    }).pipe(Effect.scoped))

  it.live("nor where a host doesn't take the connection", () =>
    Effect.gen(function*() {
      // It listens, takes nothing, and its kernel has no room for more than the connections that are made here.
      const script = `require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, function () {
        require("fs").writeSync(1, String(this.address().port))
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      })`
      const child = yield* Effect.acquireRelease(
        Effect.sync(() => spawn(process.execPath, ["-e", script])),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      const port = yield* Effect.callback<number>((resume) => {
        child.stdout.once("data", (data) => resume(Effect.succeed(Number(data))))
      })
      yield* Effect.acquireRelease(
        Effect.sync(() => Array.from({ length: 4 }, () => connect(port, "127.0.0.1"))),
        (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
      )
      const site = yield* serve({ "/": linksTo(`http://127.0.0.1:${port}/`) })
      const { broken } = yield* check(site.origin, { retries: 0, timeout: Duration.seconds(4) })
      assert.deepStrictEqual(broken.map(({ reason }) => reason), ["Unreachable"])
    }).pipe(Effect.scoped))
})
