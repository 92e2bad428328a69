import { assert, describe } from "@effect/vitest"
import { Duration, Effect } from "effect"
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"
import { live } from "../live.ts"
import { numbers } from "../outside.ts"
import { linksTo, respond, serve, serveRaw } from "../raw-server.ts"
import { check, checkLinks, checkSite, urlsOf } from "./crawling.ts"

/** Writes a chunk of an endless body again and again, as fast as the reader takes it. */
const flood = (socket: Socket, chunk: string) => {
  const more = () => {
    while (!socket.destroyed && socket.write(chunk)) {}
  }
  socket.on("drain", more)
  more()
}

const head = (...headers: ReadonlyArray<string>) =>
  ["HTTP/1.1 200 OK", "Content-Type: text/html", ...headers, "", ""].join("\r\n")

type Does = (socket: Socket) => unknown

const badly: Readonly<Record<string, readonly [is: string, does: Does]>> = {
  "closes the connection at once": ["Closed", (socket) => socket.destroy()],
  "ends the connection politely without an answer": ["Closed", (socket) => socket.end()],
  "sends garbage": ["Garbage", (socket) => socket.end("\u0000\u0001 no HTTP at all\r\n\r\n")],
  "sends a status of no number": ["Garbage", (socket) => socket.end("HTTP/1.1 abc OK\r\n\r\n")],
  "sends headers without end": ["Garbage", (socket) => {
    socket.write("HTTP/1.1 200 OK\r\n")
    flood(socket, `X: ${"x".repeat(9000)}\r\n`)
  }],
  "says nothing": ["Timeout", () => {}],
  "stops in the middle of its headers": ["Timeout", (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-")]
}

const encoded = (encoding: string, body: string | Buffer) =>
  Buffer.concat([
    Buffer.from(head(`Content-Encoding: ${encoding}`, `Content-Length: ${body.length}`)),
    Buffer.from(body)
  ])

const describeAll = describe.each(Object.entries(badly))

describeAll("linkcheck and a server that %s", { concurrent: true, timeout: 60_000 }, (_, [is, does]) => {
  // A test that has to run into the time limit need not wait for long.
  const limit = is === "Timeout" ? { timeout: Duration.millis(600) } : {}

  live("for its robots.txt, too, has links that aren't followed (RFC 9309), and is none to start from", function*() {
    const { origin } = yield* serveRaw(does)
    const { broken, disallowed } = yield* checkLinks([`${origin}/1`, `${origin}/2`], limit)
    assert.deepStrictEqual([broken, urlsOf(disallowed)], [[], [`${origin}/1`, `${origin}/2`]])
    assert.include(disallowed[0]?.detail, "robots.txt cannot be read: ")
    const error = yield* Effect.flip(check(origin, { ...limit, retries: 0 }))
    assert.strictEqual(error._tag, "StartError")
    assert.include(error.message, `cannot check ${origin}/: robots.txt cannot be read: `)
  })

  live(`is broken, as a link to elsewhere and as a page: ${is}, after another try`, function*() {
    const other = yield* serve({ "/bad": does })
    const bad = `${other.origin}/bad`
    const pages = { "/": linksTo("/bad", "/good", bad), "/good": respond("200 OK", "good"), "/bad": does }
    const { broken, methods, ok, origin } = yield* checkSite(pages, limit)
    assert.sameDeepMembers(broken.map(({ reason, url }) => [url, reason]), [[bad, is], [`${origin}/bad`, is]])
    assert.deepStrictEqual(urlsOf(ok), [`${origin}/`, `${origin}/good`])
    assert.deepStrictEqual([other.methods["/bad"], methods["/bad"]], [["HEAD", "GET", "GET"], ["GET", "GET"]])
  })

  live("at HEAD, and answers GET, works", function*() {
    const here = (socket: Socket, method: string) =>
      method === "HEAD" ? does(socket) : socket.end(respond("200 OK", "here"))
    const { methods, origin } = yield* serve({ "/1": here, "/2": here })
    // A busy machine may take its time for what is answered immediately.
    const options = { ...limit, ...(is === "Timeout" ? { timeout: Duration.millis(1500) } : {}), retries: 0, size: 1 }
    assert.deepStrictEqual((yield* checkLinks([`${origin}/1`, `${origin}/2`], options)).broken, [])
    // The second time, it is known not to know HEAD.
    assert.deepStrictEqual([methods["/1"], methods["/2"]], [["HEAD", "GET"], ["GET"]])
  })
})

describe("linkcheck and misbehaving servers: a link to a server that", { concurrent: true, timeout: 60_000 }, () => {
  live("refuses HEAD, or answers with a status that is no error, works", function*() {
    const refusals = ["403 Forbidden", "404 Not Found", "405 Not Allowed", "429 Too Many Requests", "501 Unknown"]
    const refusing = yield* serveRaw((socket, path, method) => {
      const status = refusals[Number(path.slice(1))] ?? "404 No"
      socket.end(respond(path !== "/robots.txt" && method === "GET" ? "200 OK" : status, ""))
    })
    const statuses = ["206 Partial Content", "304 Not Modified", "300 Multiple Choices", "204 No Content"]
    const odd = yield* serveRaw((socket, path) =>
      socket.end(`HTTP/1.1 ${statuses[Number(path.slice(1))] ?? "404 No"}\r\nConnection: close\r\n\r\n`)
    )
    const urls = [refusals.map((_, n) => `${refusing.origin}/${n}`), statuses.map((_, n) => `${odd.origin}/${n}`)]
    const { broken, ok } = yield* checkLinks(urls.flat())
    assert.deepStrictEqual([broken, ok.length], [[], 10])
    // HEAD says nothing of a size that isn't declared.
    const sizes = ok.filter(({ url }) => url.startsWith(odd.origin)).map(({ bytes }) => bytes)
    assert.deepStrictEqual(sizes, [null, null, null, null])
  })

  live("sends a body without end, as a radio does, works", function*() {
    const endless = (type: string) => `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n\r\nmusic`
    const music = (socket: Socket, method: string) =>
      method === "HEAD" ? socket.end(respond("405 Not Allowed", "")) : socket.write(endless("audio/mpeg"))
    const radio = yield* serve({ "/": music })
    const events = (socket: Socket) => void socket.write(endless("text/event-stream"))
    const { broken, ok } = yield* checkSite({ "/": linksTo(radio.origin, "/events"), "/events": events })
    assert.deepStrictEqual([broken.length, ok.length], [0, 3])
  })
})

describe("linkcheck and misbehaving servers: a page whose server", { concurrent: true, timeout: 60_000 }, () => {
  const begun = head("Content-Length: 5000") + "<a href=/x>"
  const chunk = head("Transfer-Encoding: chunked") + "b\r\n<a href=/x>\r\n"
  const long = respond("200 OK", "<a href=/x>", `X-Long: ${"x".repeat(200_000)}`)
  const nowhere = "HTTP/1.1 302 Found\r\nContent-Type: text/html\r\n"

  /** What a server does with a page whose only link that a browser sees is /x, and why it is read no further. */
  const read: Readonly<Record<string, readonly [answer: string | Does, cut: RegExp | null, status?: number]>> = {
    "closes the connection in the middle of the body": [(socket) => socket.write(begun, () => socket.destroy()), /./],
    "promises more than it sends": [begun, /./],
    "ends a chunked body in the middle": [chunk, /./],
    "stops in the middle of the body": [(socket) => socket.write(begun), /the body did not end in time/],
    "sends more than it promises": [head("Content-Length: 11") + "<a href=/x><a href=/y>", null],
    "has headers as long as a browser takes": [long, null],
    "redirects with no Location": [`${nowhere}\r\n<a href=/x>`, null, 302],
    "redirects with an empty Location": [`${nowhere}Location: \r\n\r\n<a href=/x>`, null, 302]
  }
  for (const [title, [answer, cut, status = 200]] of Object.entries(read)) {
    live(`${title} is read as far as it goes, after another try where that may help`, function*() {
      const timeout = Duration.seconds(title.startsWith("stops") ? 1 : 10)
      const { broken, methods, ok, origin } = yield* checkSite({ "/": answer }, { timeout })
      assert.deepStrictEqual(methods["/"], cut === null ? ["GET"] : ["GET", "GET"])
      assert.deepStrictEqual(ok.map((page) => [page.url, page.status]), [[`${origin}/`, status]])
      assert.match(ok[0]?.cut ?? "to the end", cut ?? /^to the end$/)
      assert.deepStrictEqual(urlsOf(broken), [`${origin}/x`])
    })
  }

  live("calls gzip what isn't is broken, and one that calls no coding so is read", function*() {
    const page = "<a href=/x>"
    const pages = { "/": linksTo("/no", "/odd"), "/no": encoded("gzip", page), "/odd": encoded("x", page) }
    const { broken, ok, origin } = yield* checkSite(pages)
    assert.deepStrictEqual([urlsOf(ok), urlsOf(broken)], [[`${origin}/`, `${origin}/odd`], [
      `${origin}/no`,
      `${origin}/x`
    ]])
    assert.deepInclude(broken[0], { reason: "Garbage", detail: "the body is not valid gzip" })
  })

  live("never ends it, or packs very much into little, is read to the limit, and said to be too long", function*() {
    const packed = gzipSync(`<a href=/near>${" ".repeat(50_000_000)}<a href=/far>`)
    const endless = (socket: Socket) => {
      socket.write(head() + "<a href=/near>")
      flood(socket, "x".repeat(10_000))
    }
    const pages = { "/endless": endless, "/packed": encoded("gzip", packed) }
    const { broken, ok, origin } = yield* checkSite({ "/": linksTo("/endless", "/packed"), ...pages })
    const cut = "longer than 100000 bytes"
    assert.deepInclude(ok[1], { url: `${origin}/endless`, cut, bytes: null })
    assert.deepInclude(ok[2], { url: `${origin}/packed`, cut, bytes: packed.length })
    assert.deepStrictEqual(broken.map(({ pages, url }) => [url, pages.length]), [[`${origin}/near`, 2]])
  })

  live("redirects to a place written in UTF-8 is followed there, as browsers do", function*() {
    const moved = respond("302 Found", "", "Location: /caf\u00e9")
    const { origin, redirected } = yield* checkSite({ "/": moved, "/caf%C3%A9": respond("200 OK", "") })
    assert.deepStrictEqual(redirected.map(({ redirects }) => redirects), [[`${origin}/caf%C3%A9`]])
  })

  live("redirects without end is given up after twenty redirects, and one to no place is broken", function*() {
    const moved = (location: string) => respond("301 Moved", "", `Location: ${location}`)
    const turns = Object.fromEntries(numbers(30).map((n) => [`/turn/${n}`, moved(`/turn/${n + 1}`)]))
    const nowhere = { "/1": moved("http://[::1"), "/2": moved("ftp://files.test/"), "/3": moved("javascript:alert(1)") }
    const { broken, methods } = yield* checkSite({ "/": linksTo("/1", "/2", "/3", "/turn/1"), ...nowhere, ...turns })
    const found = broken.map(({ reason, redirects, status }) => `${reason} ${status} ${redirects.length}`)
    const invalid = "InvalidRedirect 301 0"
    assert.deepStrictEqual(found, [invalid, invalid, invalid, "TooManyRedirects 301 21"])
    assert.strictEqual(Object.keys(methods).filter((path) => path.startsWith("/turn/")).length, 21)
  })
})

describe("a crawl", { concurrent: true, timeout: 60_000 }, () => {
  live("fails if robots.txt forbids its start; one with an error status is a broken link like any other", function*() {
    const closed = checkSite({ "/robots.txt": respond("200 OK", "User-agent: *\nDisallow: /") })
    assert.match((yield* Effect.flip(closed)).message, /^cannot check http:\S+\/: forbidden by robots.txt$/)
    const { broken, origin } = yield* checkSite({ "/": respond("404 Not Found", "gone") })
    assert.deepInclude(broken[0], { url: `${origin}/`, status: 404, bytes: 4, pages: [] })
  })
})
