import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Duration, Effect, Fiber, type Scope } from "effect"
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"
import { crawl, type CrawlOptions, Ledger } from "../../src/linkcheck/crawl.ts"
import { makeReport } from "../../src/linkcheck/report.ts"
import { layerClient } from "../../src/linkcheck/request.ts"
import { linksTo, respond, serve, serveNever, serveRaw } from "../raw-server.ts"
import { check, defaults, options } from "./crawling.ts"

/** A test that has to run into the time limit need not wait for long. */
const limit = (is: string): Partial<CrawlOptions> => is === "Timeout" ? { timeout: Duration.millis(600) } : {}

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

const badly: Readonly<Record<string, { readonly does: (socket: Socket) => void; readonly is: string }>> = {
  "closes the connection at once": { does: (socket) => socket.destroy(), is: "Closed" },
  "ends the connection politely without an answer": { does: (socket) => socket.end(), is: "Closed" },
  "sends garbage": { does: (socket) => socket.end("\u0000\u0001 no HTTP at all\r\n\r\n"), is: "Garbage" },
  "sends a status of no number": { does: (socket) => socket.end("HTTP/1.1 abc OK\r\n\r\n"), is: "Garbage" },
  "sends headers without end": {
    does: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n")
      flood(socket, `X: ${"x".repeat(9000)}\r\n`)
    },
    is: "Garbage"
  },
  "says nothing": { does: () => {}, is: "Timeout" },
  "stops in the middle of its headers": { does: (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-"), is: "Timeout" }
}

/** A server that begins a body has answered: a browser shows what has arrived. */
const badlyInBody: Readonly<Record<string, { readonly does: (socket: Socket) => void; readonly cut: RegExp }>> = {
  "closes the connection in the middle of the body": {
    does: (socket) => socket.write(head("Content-Length: 5000") + "<a href=/x>", () => socket.destroy()),
    cut: /./
  },
  "promises more than it sends": {
    does: (socket) => socket.end(head("Content-Length: 5000") + "<a href=/x>"),
    cut: /./
  },
  "ends a chunked body in the middle": {
    does: (socket) => socket.end(head("Transfer-Encoding: chunked") + "b\r\n<a href=/x>\r\n"),
    cut: /./
  },
  "stops in the middle of the body": {
    does: (socket) => socket.write(head("Content-Length: 5000") + "<a href=/x>"),
    cut: /the body did not end in time/
  }
}

/** Crawls a site whose only page has these links. */
const checkLinks = (urls: ReadonlyArray<string>, options?: Parameters<typeof check>[1]) =>
  Effect.flatMap(serve({ "/": linksTo(...urls) }), ({ origin }) => check(origin, options))

const encoded = (encoding: string, body: string | Buffer) =>
  Buffer.concat([
    Buffer.from(head(`Content-Encoding: ${encoding}`, `Content-Length: ${body.length}`)),
    Buffer.from(body)
  ])

const test = <E>(title: string, crawl: Effect.Effect<void, E, Scope.Scope>) =>
  it.live(title, () => Effect.scoped(crawl), 60_000)

describe("linkcheck and misbehaving servers:", { concurrent: true }, () => {
  describe.each(Object.entries(badly))("a server that %s", (_, { does, is }) => {
    test(
      "for its robots.txt, too, has links that aren't followed (RFC 9309), and is none to start from",
      Effect.gen(function*() {
        const bad = yield* serveRaw(does)
        const { broken, disallowed } = yield* checkLinks([`${bad.origin}/1`, `${bad.origin}/2`], limit(is))
        assert.deepStrictEqual(broken, [])
        assert.deepStrictEqual(disallowed.map(({ url }) => url), [`${bad.origin}/1`, `${bad.origin}/2`])
        assert.include(disallowed[0]?.detail, "robots.txt cannot be read: ")
        const error = yield* Effect.flip(check(bad.origin, { ...limit(is), retries: 0 }))
        assert.strictEqual(error._tag, "StartError")
        assert.include(error.message, `cannot check ${bad.origin}/: robots.txt cannot be read: `)
      })
    )

    test(
      `is broken, as a link to elsewhere and as a page: ${is}, after another try`,
      Effect.gen(function*() {
        const asked: Array<string> = []
        const answer = (socket: Socket, method: string) => {
          asked.push(method)
          does(socket)
        }
        const bad = yield* serve({ "/bad": answer })
        const link = yield* checkLinks([`${bad.origin}/bad`], limit(is))
        assert.deepStrictEqual(link.broken.map(({ reason, url }) => [url, reason]), [[`${bad.origin}/bad`, is]])
        assert.deepStrictEqual(asked.splice(0), ["HEAD", "GET", "GET"])
        const site = yield* serve({ "/": linksTo("/bad", "/good"), "/good": respond("200 OK", "good"), "/bad": answer })
        const page = yield* check(site.origin, limit(is))
        assert.deepStrictEqual(page.broken.map(({ reason, url }) => [url, reason]), [[`${site.origin}/bad`, is]])
        assert.deepStrictEqual(page.ok.map(({ url }) => url), [`${site.origin}/`, `${site.origin}/good`])
        assert.deepStrictEqual(asked, ["GET", "GET"])
      })
    )

    test(
      "at HEAD, and answers GET, works",
      Effect.gen(function*() {
        const asked: Array<string> = []
        const answer = (socket: Socket, method: string) => {
          asked.push(method)
          if (method === "HEAD") does(socket)
          else socket.end(respond("200 OK", "here"))
        }
        const bad = yield* serve({ "/1": answer, "/2": answer })
        const urls = [`${bad.origin}/1`, `${bad.origin}/2`]
        // A busy machine may take its time for what is answered immediately.
        const timeout = is === "Timeout" ? { timeout: Duration.millis(1500) } : {}
        assert.deepStrictEqual((yield* checkLinks(urls, { ...timeout, retries: 0, size: 1 })).broken, [])
        // The second time, it is known not to know HEAD.
        assert.deepStrictEqual(asked, ["HEAD", "GET", "GET"])
      })
    )
  })

  describe("a link to a server that", () => {
    test(
      "answers HEAD later than in time, and GET in time, works",
      Effect.gen(function*() {
        const slow = yield* serve({
          "/": (socket, method) => {
            if (method === "GET") setTimeout(() => socket.end(respond("200 OK", "")), 300)
          }
        })
        assert.deepStrictEqual(
          (yield* checkLinks([slow.origin], { timeout: Duration.seconds(1), retries: 0 })).broken,
          []
        )
      })
    )

    test(
      "refuses HEAD, or answers with a status that is no error, works",
      Effect.gen(function*() {
        const refusals = ["403 Forbidden", "404 Not Found", "405 Not Allowed", "501 Not Implemented"]
        const refusing = yield* serveRaw((socket, path, method) => {
          const status = refusals[Number(path.slice(1))] ?? "404 No"
          socket.end(respond(path !== "/robots.txt" && method === "GET" ? "200 OK" : status, ""))
        })
        const statuses = ["206 Partial Content", "304 Not Modified", "300 Multiple Choices", "204 No Content"]
        const odd = yield* serveRaw((socket, path) =>
          socket.end(`HTTP/1.1 ${statuses[Number(path.slice(1))] ?? "404 No"}\r\nConnection: close\r\n\r\n`)
        )
        const urls = [0, 1, 2, 3].flatMap((index) => [`${refusing.origin}/${index}`, `${odd.origin}/${index}`])
        const { broken, ok } = yield* checkLinks(urls)
        assert.deepStrictEqual([broken, ok.length], [[], 9])
        // HEAD says nothing of a size that isn't declared.
        const sizes = ok.filter(({ url }) => url.startsWith(odd.origin)).map(({ bytes }) => bytes)
        assert.deepStrictEqual(sizes, [null, null, null, null])
      })
    )

    test(
      "sends a body without end, as a radio does, works",
      Effect.gen(function*() {
        const radio = yield* serve({
          "/": (socket, method) =>
            method === "HEAD"
              ? socket.end(respond("405 Not Allowed", ""))
              : socket.write("HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\nmusic")
        })
        const site = yield* serve({
          "/": linksTo(radio.origin, "/events"),
          "/events": (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        })
        const report = yield* check(site.origin)
        assert.deepStrictEqual([report.broken.length, report.ok.length], [0, 3])
      })
    )
  })

  describe("a page whose server", () => {
    for (const [title, { cut, does }] of Object.entries(badlyInBody)) {
      test(
        `${title} is read as far as it goes, after another try`,
        Effect.gen(function*() {
          let asked = 0
          const site = yield* serve({
            "/": (socket) => {
              asked++
              does(socket)
            }
          })
          const report = yield* check(site.origin, { timeout: Duration.seconds(title.startsWith("stops") ? 1 : 10) })
          assert.strictEqual(asked, 2)
          assert.match(report.ok[0]?.cut ?? "", cut)
          assert.deepStrictEqual(report.broken.map(({ url }) => url), [`${site.origin}/x`])
        })
      )
    }

    for (
      const [title, body, status = 200] of [
        ["packs in a way that nobody knows", encoded("aws-chunked", "<a href=/x>")],
        ["calls a way of packing what is none", encoded("utf-8", "<a href=/x>")],
        ["names no way of packing", encoded("", "<a href=/x>")],
        ["sends garbage behind its gzip", encoded("gzip", Buffer.concat([gzipSync("<a href=/x>"), Buffer.from("no")]))],
        ["cuts its gzip off", encoded("gzip", gzipSync("<a href=/x>").subarray(0, -8))],
        ["has headers as long as a browser takes", respond("200 OK", "<a href=/x>", `X-Long: ${"x".repeat(200_000)}`)],
        ["redirects with no Location", "HTTP/1.1 302 Found\r\nContent-Type: text/html\r\n\r\n<a href=/x>", 302],
        ["redirects with an empty Location", "HTTP/1.1 302 Found\r\nLocation: \r\n\r\n<a href=/x>", 302]
      ] as const
    ) {
      test(
        `${title} is read as a browser reads it`,
        Effect.gen(function*() {
          const site = yield* serve({ "/": body })
          const report = yield* check(site.origin)
          assert.deepStrictEqual(report.ok.map((page) => [page.url, page.cut, page.status]), [
            [`${site.origin}/`, null, status]
          ])
          assert.deepStrictEqual(report.broken.map(({ url }) => url), [`${site.origin}/x`])
        })
      )
    }

    test(
      "packs nothing into nothing is empty, and what calls gzip what isn't is broken, as in a browser",
      Effect.gen(function*() {
        const site = yield* serve({
          "/": linksTo("/empty", "/plain"),
          "/empty": encoded("gzip", ""),
          "/plain": encoded("gzip", "<a href=/x>")
        })
        const { broken, ok } = yield* check(site.origin)
        assert.deepStrictEqual(ok.map(({ url }) => url), [`${site.origin}/`, `${site.origin}/empty`])
        assert.deepStrictEqual(broken.map(({ detail, reason }) => [reason, detail]), [
          ["Garbage", "the body is not valid gzip"]
        ])
      })
    )

    test(
      "never ends it, or packs far more than a page into little, is read to the limit, and said to be too long",
      Effect.gen(function*() {
        const packed = gzipSync(`<a href=/near>${" ".repeat(50_000_000)}<a href=/far>`)
        const site = yield* serve({
          "/": linksTo("/endless", "/packed"),
          "/endless": (socket) => {
            socket.write(head() + "<a href=/near>")
            flood(socket, "x".repeat(10_000))
          },
          "/packed": encoded("gzip", packed)
        })
        const { broken, ok } = yield* check(site.origin)
        const cut = "longer than 100000 bytes"
        assert.deepInclude(ok[1], { url: `${site.origin}/endless`, cut, bytes: null })
        assert.deepInclude(ok[2], { url: `${site.origin}/packed`, cut, bytes: packed.length })
        assert.deepStrictEqual(broken.map(({ pages, url }) => [url, pages.length]), [[`${site.origin}/near`, 2]])
      })
    )

    test(
      "sends more than it promises is read as far as promised",
      Effect.gen(function*() {
        const site = yield* serve({ "/": head("Content-Length: 12") + "<a href='/a'><a href='/b'>" })
        const report = yield* check(site.origin)
        assert.deepInclude(report.ok[0], { url: `${site.origin}/`, bytes: 12 })
        assert.deepStrictEqual(report.broken, [])
      })
    )

    test(
      "redirects to a place written in UTF-8 is followed there, as browsers do",
      Effect.gen(function*() {
        const site = yield* serve({
          "/": respond("302 Found", "", "Location: /caf\u00e9"),
          "/caf%C3%A9": respond("200 OK", "")
        })
        const { redirected } = yield* check(site.origin)
        assert.deepStrictEqual(redirected.map(({ redirects }) => redirects), [[`${site.origin}/caf%C3%A9`]])
      })
    )

    test(
      "redirects without end is given up after twenty redirects, and one to no place is broken",
      Effect.gen(function*() {
        let turns = 0
        const locations = ["http://[::1", "ftp://files.test/", "javascript:alert(1)"]
        const site = yield* serveRaw((socket, path) => {
          const location = path.startsWith("/turn/") ? `/turn/${++turns}` : locations[Number(path.slice(1)) - 1]
          if (path === "/") socket.end(linksTo("/1", "/2", "/3", "/turn/0"))
          else {socket.end(
              path === "/robots.txt" ? respond("404", "") : respond("301 Moved", "", `Location: ${location}`)
            )}
        })
        const { broken } = yield* check(site.origin)
        assert.deepStrictEqual(
          broken.map(({ reason, redirects, status }) => `${reason} ${status} ${redirects.length}`),
          [
            ...locations.map(() => "InvalidRedirect 301 0"),
            "TooManyRedirects 301 21"
          ]
        )
        assert.strictEqual(turns, 21)
      })
    )
  })

  describe("the start of a crawl", () => {
    test(
      "that redirects to another origin makes that origin the site",
      Effect.gen(function*() {
        const home = yield* serve({ "/en": linksTo("/deep"), "/deep": linksTo("/en") })
        const door = yield* serve({ "/": respond("301 Moved", "", `Location: ${home.origin}/en`) })
        const report = yield* check(door.origin)
        assert.deepStrictEqual(report.redirected.map(({ redirects, url }) => [url, redirects]), [
          [`${door.origin}/`, [`${home.origin}/en`]]
        ])
        assert.deepStrictEqual(report.ok.map(({ url }) => url), [`${home.origin}/deep`, `${home.origin}/en`])
        assert.strictEqual(report.pagesRead, 2)
      })
    )

    test(
      "that robots.txt forbids is an error, and one with an error status a broken link like any other",
      Effect.gen(function*() {
        const closed = yield* serveRaw((socket) => socket.end(respond("200 OK", "User-agent: *\nDisallow: /")))
        const error = yield* Effect.flip(check(closed.origin))
        assert.strictEqual(error.message, `cannot check ${closed.origin}/: forbidden by robots.txt`)
        const gone = yield* serveRaw((socket) => socket.end(respond("404 Not Found", "gone")))
        const { broken } = yield* check(gone.origin)
        assert.deepInclude(broken[0], { url: `${gone.origin}/`, status: 404, bytes: 4, pages: [] })
      })
    )
  })

  describe("an interrupted crawl", () => {
    test(
      "closes its connections, and leaves what it has in the ledger",
      Effect.gen(function*() {
        const { asked, closed, origin } = yield* serveNever({ "/": linksTo("/never") })
        const ledger = new Ledger()
        const fiber = yield* crawl(new URL(origin), ledger, { ...defaults, timeout: Duration.minutes(1) }).pipe(
          Effect.provide([GreenPool.layer({ size: 1 }), layerClient(defaults)]),
          Effect.forkChild
        )
        yield* asked
        yield* Fiber.interrupt(fiber)
        yield* closed
        const report = makeReport(new URL(origin), ledger, { complete: false, millis: 0, options })
        assert.deepStrictEqual(report.ok.map(({ url }) => url), [`${origin}/`])
        assert.deepStrictEqual(report.unchecked, [{ url: `${origin}/never`, pages: [`${origin}/`] }])
      })
    )
  })
})
