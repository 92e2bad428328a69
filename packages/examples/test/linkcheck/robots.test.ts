import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { connect } from "node:net"
import { parseRobots, ROBOTS_LIMIT } from "../../src/linkcheck/robots.ts"
import { live } from "../live.ts"
import { startProcess } from "../outside.ts"
import { respond, serveRaw } from "../raw-server.ts"
import { type check, checkLinks, urlsOf } from "./crawling.ts"

describe("robots.txt", () => {
  const forAll = (rules: string) => `User-agent: *\n${rules}`
  const own = `${forAll("Disallow: /all")}\n\nUser-agent: Greenpool-LinkCheck\nDisallow: /own`
  const shop = forAll("Disallow: /shop\nAllow: /shop/open\nDisallow: /*.pdf$")

  const cases: ReadonlyArray<readonly [title: string, text: string, allowed: string, forbidden: string]> = [
    ["by the group of this program", own, "/all", "/own/page"],
    ["by the group of all without one, never over itself", forAll("Disallow: /"), "/robots.txt", "/"],
    ["by the longest match, with wildcards and ends", shop, "/shop/open/today /docs/a.pdf?x", "/shop/till /docs/a.pdf"],
    ["over a path however its letters are encoded", forAll("Disallow: /%7Ejoe"), "", "/~joe/ /%7ejoe/"],
    ["over a path whose letters it does not encode", forAll("Disallow: /~joe"), "", "/~joe/ /%7ejoe/"],
    ["over a path in UTF-8, encoded", forAll("Disallow: /caf\u00e9"), "", "/caf%C3%A9"],
    ["over other encoded characters only as they are", forAll("Disallow: /a%2Fb"), "/a/b", "/a%2Fb"],
    ["over nothing when it is empty", "", "/", ""],
    ["over nothing when it is no robots.txt at all", "<!doctype html><title>Welcome</title>", "/", ""]
  ]
  it.each(cases)("rules %s", (_, text, allowed, forbidden) => {
    const { allows } = parseRobots("http://site.test", text)
    const all = `${allowed} ${forbidden}`.split(" ").filter((path) => path !== "")
    assert.strictEqual(all.filter((path) => allows(`http://site.test${path}`)).join(" "), allowed)
  })

  it("may ask for a time between requests; not for a negative one", () => {
    const delay = (text: string) => parseRobots("http://site.test", forAll(`Crawl-delay: ${text}`)).delay
    assert.deepStrictEqual(["1.5", "-1", "soon"].map(delay), [1500, 0, 0])
    assert.isTrue(Number.isFinite(delay("1e999")))
  })
})

/** What becomes of a page and of /private on a host whose robots.txt is answered so; the other paths are answered well. */
const becomes = Effect.fnUntraced(
  function*(robots: string | ((path: string) => string), options?: Parameters<typeof check>[1]) {
    const asked: Array<string> = []
    const { origin } = yield* serveRaw((socket, path) => {
      asked.push(path)
      const answer = typeof robots === "string" ? robots : robots(path)
      socket.end(/^\/(?:robots|r\d)/.test(path) ? answer : respond("200 OK", ""))
    })
    const report = yield* checkLinks([`${origin}/page`, `${origin}/private`], { retries: 0, ...options })
    const found = (["ok", "disallowed", "broken"] as const).map((name) =>
      urlsOf(report[name]).filter((url) => url.startsWith(origin)).map((url) => url.replace(origin, "")).join(" ")
    )
    return { found, details: report.disallowed.map(({ detail }) => detail), asked }
  },
  Effect.scoped
)

const rules = "User-agent: *\nDisallow: /private"
/** What is ok, what is disallowed, and what is broken. */
const [allowed, ruled, forbidden] = [["/page /private", "", ""], ["/page", "/private", ""], ["", "/page /private", ""]]

describe("the robots.txt of a server, by RFC 9309,", { concurrent: true, timeout: 60_000 }, () => {
  const moved = (location: string) => respond("302 Found", "", `Location: ${location}`)
  const redirects = (times: number) => (path: string) => {
    const at = Number(path.slice(2)) || 0
    return at < times ? moved(`/r${at + 1}`) : respond("200 OK", rules)
  }

  live("allows everything without one (4xx), behind more than five redirects, and behind one to nowhere", function*() {
    const statuses = ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "410 Gone"]
    const missing = statuses.map((status) => respond(status, rules))
    for (const answer of [...missing, redirects(6), respond("302 Found", ""), moved("http://[")]) {
      assert.deepStrictEqual((yield* becomes(answer)).found, allowed)
    }
  })

  live("rules: also when it comes late, after five redirects, and within 500 KiB, to the end of a line", function*() {
    const [begin, end] = [`${rules}\n#`, "\nDisallow: /page"]
    const filler = "x".repeat(ROBOTS_LIMIT - begin.length - end.length)
    /** At the second time. */
    const late = (...first: Array<string>) => () => first.shift() ?? respond("200 OK", rules)
    const answers = [
      [respond("200 OK", rules)],
      // It is asked for again before it counts as unreadable, and waited for as long as the server says.
      [late(respond("503 Service Unavailable", "")), { retries: 1 }],
      [late(respond("429 Too Many Requests", "", "Retry-After: 1"))],
      [redirects(5)],
      [respond("200 OK", `${begin}${filler}${end}/that-is-another`)]
    ] as const
    for (const [answer, options] of answers) {
      assert.deepStrictEqual((yield* becomes(answer, options)).found, ruled)
    }
  })

  live("allows nothing when it is an error of the server (5xx) or breaks off, and nothing more is asked", function*() {
    const errors = ["500 Internal Server Error", "503 Service Unavailable"].map((status) => respond(status, ""))
    for (const answer of [...errors, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nUser-agent: *"]) {
      const { asked, details, found } = yield* becomes(answer)
      assert.deepStrictEqual([found, asked], [forbidden, ["/robots.txt"]])
      for (const detail of details) assert.include(detail, "robots.txt cannot be read: ")
    }
  })

  live("rules where it is on another host, and allows nothing if that can't be reached", function*() {
    const other = yield* serveRaw((socket) => socket.end(respond("200 OK", rules)))
    assert.deepStrictEqual((yield* becomes(moved(`${other.origin}/`))).found, ruled)
    assert.deepStrictEqual((yield* becomes(moved("http://127.0.0.1:1/"))).found, forbidden)
  })

  live("is of no interest where a host doesn't take the connection: its links are broken", function*() {
    // It listens, takes nothing, and its kernel has no room for more than the connections that are made here.
    const script = `require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, function () {
        require("fs").writeSync(1, this.address().port + ".")
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      })`
    const { said } = yield* startProcess(process.execPath, ["-e", script])
    const [, port] = yield* said(/(\d+)\./)
    const sockets = Array.from({ length: 4 }, () => connect(Number(port), "127.0.0.1"))
    yield* Effect.addFinalizer(() => Effect.sync(() => sockets.forEach((socket) => socket.destroy())))
    const options = { retries: 0, timeout: Duration.seconds(4) }
    const { broken } = yield* checkLinks([`http://127.0.0.1:${port}/`], options)
    assert.deepStrictEqual(broken.map(({ reason }) => reason), ["Unreachable"])
  })
})
