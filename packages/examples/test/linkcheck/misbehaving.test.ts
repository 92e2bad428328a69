import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Duration, Effect, Fiber } from "effect"
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"
import { crawl, type CrawlOptions, Ledger } from "../../src/linkcheck/crawl.ts"
import { makeReport } from "../../src/linkcheck/report.ts"
import { layerClient } from "../../src/linkcheck/request.ts"
import { respond, serveRaw } from "../raw-server.ts"
import { check, defaults, options } from "./crawling.ts"

/** A test that has to run into the time limit need not wait for long. */
const limit = (is: string): Partial<CrawlOptions> => is === "Timeout" ? { timeout: Duration.seconds(1) } : {}

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

/** A server that gives each path its answer, and 404 to others, its robots.txt included. */
const serve = (answers: Readonly<Record<string, string | Buffer | ((socket: Socket, method: string) => void)>>) =>
  serveRaw((socket, path, method) => {
    const answer = answers[path] ?? respond("404 Not Found", "")
    if (typeof answer === "function") answer(socket, method)
    else socket.end(answer)
  })

const encoded = (encoding: string, body: string | Buffer) =>
  Buffer.concat([
    Buffer.from(head(`Content-Encoding: ${encoding}`, `Content-Length: ${body.length}`)),
    Buffer.from(body)
  ])

describe("linkcheck and misbehaving servers:", { concurrent: true }, () => {
  describe("a link to a server that", () => {
    for (const [title, { does, is }] of Object.entries(badly)) {
      it.live(`${title} for its robots.txt, too, isn't followed (RFC 9309)`, () =>
        Effect.gen(function*() {
          const bad = yield* serveRaw(does)
          const site = yield* serve({ "/": respond("200 OK", `<a href="${bad.origin}/1"><a href="${bad.origin}/2">`) })
          const report = yield* check(`${site.origin}/`, limit(is))
          assert.deepStrictEqual(report.broken, [])
          assert.deepStrictEqual(report.disallowed.map(({ pages, url }) => [url, pages]), [
            [`${bad.origin}/1`, [`${site.origin}/`]],
            [`${bad.origin}/2`, [`${site.origin}/`]]
          ])
          assert.include(report.disallowed[0]?.detail, "robots.txt cannot be read: ")
        }).pipe(Effect.scoped), 60_000)

      it.live(`${title} is broken: ${is}`, () =>
        Effect.gen(function*() {
          const asked: Array<string> = []
          const bad = yield* serve({
            "/bad": (socket, method) => {
              asked.push(method)
              does(socket)
            }
          })
          const site = yield* serve({ "/": respond("200 OK", `<a href="${bad.origin}/bad">`) })
          const report = yield* check(`${site.origin}/`, limit(is))
          assert.deepStrictEqual(report.broken.map(({ reason, url }) => [url, reason]), [[`${bad.origin}/bad`, is]])
          assert.deepStrictEqual(asked, ["HEAD", "GET", "GET"])
        }).pipe(Effect.scoped), 60_000)

      it.live(`${title} at HEAD, and answers GET, works`, () =>
        Effect.gen(function*() {
          const asked: Array<string> = []
          const answer = (socket: Socket, method: string) => {
            asked.push(method)
            if (method === "HEAD") does(socket)
            else socket.end(respond("200 OK", "here"))
          }
          const bad = yield* serve({ "/1": answer, "/2": answer })
          const site = yield* serve({ "/": respond("200 OK", `<a href="${bad.origin}/1"><a href="${bad.origin}/2">`) })
          const report = yield* check(`${site.origin}/`, { ...limit(is), retries: 0, size: 1 })
          assert.deepStrictEqual(report.broken, [])
          // The second time, it is known not to know HEAD.
          assert.deepStrictEqual(asked, ["HEAD", "GET", "GET"])
        }).pipe(Effect.scoped), 60_000)

      it.live(`${title} is none to start from`, () =>
        Effect.gen(function*() {
          const bad = yield* serveRaw(does)
          const error = yield* Effect.flip(check(bad.origin, { ...limit(is), retries: 0 }))
          assert.strictEqual(error._tag, "StartError")
          assert.include(error.message, `cannot check ${bad.origin}/: robots.txt cannot be read: `)
        }).pipe(Effect.scoped), 60_000)
    }

    it.live("answers HEAD later than in time, and GET in time, works", () =>
      Effect.gen(function*() {
        const slow = yield* serve({
          "/": (socket, method) => {
            setTimeout(() => socket.end(respond("200 OK", "")), method === "HEAD" ? 3000 : 1200)
          }
        })
        const site = yield* serve({ "/": respond("200 OK", `<a href="${slow.origin}/">`) })
        const report = yield* check(site.origin, { timeout: Duration.seconds(2), retries: 0 })
        assert.deepStrictEqual(report.broken, [])
      }).pipe(Effect.scoped), 60_000)

    for (const status of ["403 Forbidden", "404 Not Found", "405 Not Allowed", "501 Not Implemented"]) {
      it.live(`refuses HEAD with ${status} works`, () =>
        Effect.gen(function*() {
          const other = yield* serve({
            "/": (socket, method) => socket.end(respond(method === "HEAD" ? status : "200 OK", ""))
          })
          const site = yield* serve({ "/": respond("200 OK", `<a href="${other.origin}/">`) })
          assert.deepStrictEqual((yield* check(site.origin)).broken, [])
        }).pipe(Effect.scoped), 60_000)
    }

    it.live("sends a body without end, as a radio does, works", () =>
      Effect.gen(function*() {
        const radio = yield* serve({
          "/": (socket, method) =>
            method === "HEAD"
              ? socket.end(respond("405 Not Allowed", ""))
              : socket.write("HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\nmusic")
        })
        const site = yield* serve({
          "/": respond("200 OK", `<a href="${radio.origin}/"><a href="/events">`),
          "/events": (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        })
        const report = yield* check(site.origin)
        assert.deepStrictEqual([report.broken.length, report.ok.length], [0, 3])
      }).pipe(Effect.scoped), 60_000)

    for (const status of ["206 Partial Content", "304 Not Modified", "300 Multiple Choices", "204 No Content"]) {
      it.live(`answers ${status} works`, () =>
        Effect.gen(function*() {
          const other = yield* serve({ "/": (socket) => socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`) })
          const site = yield* serve({ "/": respond("200 OK", `<a href="${other.origin}/">`) })
          assert.deepStrictEqual((yield* check(site.origin)).broken, [])
        }).pipe(Effect.scoped), 60_000)
    }
  })

  describe("a page whose server", () => {
    for (const [title, { does, is }] of Object.entries(badly)) {
      it.live(`${title} is broken: ${is}, and was tried once more`, () =>
        Effect.gen(function*() {
          const asked: Array<string> = []
          const site = yield* serve({
            "/": respond("200 OK", "<a href=/bad><a href=/good>"),
            "/good": respond("200 OK", "good"),
            "/bad": (socket, method) => {
              asked.push(method)
              does(socket)
            }
          })
          const report = yield* check(site.origin, limit(is))
          assert.deepStrictEqual(report.broken.map(({ reason, url }) => [url, reason]), [[`${site.origin}/bad`, is]])
          assert.deepStrictEqual(report.ok.map(({ url }) => url), [`${site.origin}/`, `${site.origin}/good`])
          assert.deepStrictEqual(asked, ["GET", "GET"])
        }).pipe(Effect.scoped), 60_000)
    }

    for (const [title, { cut, does }] of Object.entries(badlyInBody)) {
      it.live(`${title} is read as far as it goes, after another try`, () =>
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
        }).pipe(Effect.scoped), 60_000)
    }

    for (
      const [title, body] of Object.entries({
        "packs in a way that nobody knows": encoded("aws-chunked", "<a href=/x>"),
        "calls a way of packing what is none": encoded("utf-8", "<a href=/x>"),
        "names no way of packing": encoded("", "<a href=/x>"),
        "sends garbage behind its gzip": encoded(
          "gzip",
          Buffer.concat([gzipSync("<a href=/x>"), Buffer.from("garbage")])
        ),
        "cuts its gzip off": encoded("gzip", gzipSync("<a href=/x>").subarray(0, -8)),
        "has headers as long as a browser takes": respond("200 OK", "<a href=/x>", `X-Long: ${"x".repeat(200_000)}`)
      })
    ) {
      it.live(`${title} is read as a browser reads it`, () =>
        Effect.gen(function*() {
          const site = yield* serve({ "/": body })
          const report = yield* check(site.origin)
          assert.deepStrictEqual(report.ok.map(({ cut, url }) => [url, cut]), [[`${site.origin}/`, null]])
          assert.deepStrictEqual(report.broken.map(({ url }) => url), [`${site.origin}/x`])
        }).pipe(Effect.scoped), 60_000)
    }

    it.live("packs nothing into nothing is empty", () =>
      Effect.gen(function*() {
        const site = yield* serve({ "/": encoded("gzip", "") })
        const report = yield* check(site.origin)
        assert.deepStrictEqual([report.ok.length, report.broken.length], [1, 0])
      }).pipe(Effect.scoped), 60_000)

    it.live("calls gzip what isn't is broken, as in a browser", () =>
      Effect.gen(function*() {
        const site = yield* serve({
          "/": respond("200 OK", "<a href=/plain>"),
          "/plain": encoded("gzip", "<a href=/x>")
        })
        const report = yield* check(site.origin)
        assert.deepStrictEqual(report.broken.map(({ detail, reason }) => [reason, detail]), [
          ["Garbage", "the body is not valid gzip"]
        ])
      }).pipe(Effect.scoped), 60_000)

    for (const location of ["", "Location: \r\n"]) {
      it.live(
        `redirects with ${location === "" ? "no" : "an empty"} Location, and a page with it, works`,
        () =>
          Effect.gen(function*() {
            const site = yield* serve({
              "/": `HTTP/1.1 302 Found\r\n${location}Content-Type: text/html\r\n\r\n<a href=/x>`
            })
            const report = yield* check(site.origin)
            assert.deepStrictEqual(report.ok.map(({ status }) => status), [302])
            assert.deepStrictEqual(report.broken.map(({ url }) => url), [`${site.origin}/x`])
          }).pipe(Effect.scoped),
        60_000
      )
    }

    it.live("never ends it is read to the limit, and said to be too long", () =>
      Effect.gen(function*() {
        const site = yield* serveRaw((socket, path) => {
          if (path === "/") {
            socket.write(head() + "<a href=/near>")
            flood(socket, "x".repeat(10_000))
          } else {
            socket.end(respond("404 No", ""))
          }
        })
        const report = yield* check(site.origin, { timeout: Duration.seconds(5) })
        assert.deepInclude(report.ok[0], { url: `${site.origin}/`, cut: "longer than 100000 bytes", bytes: null })
        assert.deepStrictEqual(report.broken.map(({ url }) => url), [`${site.origin}/near`])
      }).pipe(Effect.scoped), 60_000)

    it.live("packs far more than a page into little is read to the limit", () =>
      Effect.gen(function*() {
        const body = gzipSync(`<a href=/near>${" ".repeat(50_000_000)}<a href=/far>`)
        const site = yield* serveRaw((socket, path) => {
          if (path !== "/") return void socket.end(respond("404 No", ""))
          socket.write(head("Content-Encoding: gzip", `Content-Length: ${body.length}`))
          socket.end(body)
        })
        const report = yield* check(site.origin)
        assert.deepInclude(report.ok[0], {
          url: `${site.origin}/`,
          cut: "longer than 100000 bytes",
          bytes: body.length
        })
        assert.deepStrictEqual(report.broken.map(({ url }) => url), [`${site.origin}/near`])
      }).pipe(Effect.scoped), 60_000)

    it.live("redirects to a place written in UTF-8 is followed there, as browsers do", () =>
      Effect.gen(function*() {
        const site = yield* serveRaw((socket, path) =>
          socket.end(
            path === "/robots.txt" ?
              respond("404 No", "") :
              path === "/"
              ? respond("302 Found", "", "Location: /caf\u00e9")
              : respond("200 OK", "")
          )
        )
        const report = yield* check(site.origin)
        assert.deepStrictEqual(report.redirected.map(({ redirects }) => redirects), [[`${site.origin}/caf%C3%A9`]])
      }).pipe(Effect.scoped), 60_000)

    it.live("sends more than it promises is read as far as promised", () =>
      Effect.gen(function*() {
        const site = yield* serveRaw((socket, path) =>
          socket.end(path === "/" ? head("Content-Length: 12") + "<a href='/a'><a href='/b'>" : respond("404 No", ""))
        )
        const report = yield* check(site.origin)
        assert.deepInclude(report.ok[0], { url: `${site.origin}/`, bytes: 12 })
        assert.deepStrictEqual(report.broken, [])
      }).pipe(Effect.scoped), 60_000)

    it.live("redirects without end is given up after twenty redirects", () =>
      Effect.gen(function*() {
        let turns = 0
        const site = yield* serveRaw((socket, path) =>
          socket.end(
            path === "/robots.txt" ?
              respond("404 No", "") :
              path === "/"
              ? respond("200 OK", "<a href=/turn/0>")
              : respond("302 Found", "", `Location: /turn/${++turns}`)
          )
        )
        const report = yield* check(site.origin)
        assert.deepStrictEqual(report.broken.map(({ reason, redirects }) => [reason, redirects.length]), [[
          "TooManyRedirects",
          21
        ]])
        assert.strictEqual(turns, 21)
      }).pipe(Effect.scoped), 60_000)

    it.live("redirects to no place is broken", () =>
      Effect.gen(function*() {
        const locations = ["http://[::1", "ftp://files.test/", "javascript:alert(1)"]
        const links = locations.map((_, index) => `<a href=/${index}>`).join("")
        const site = yield* serveRaw((socket, path) =>
          socket.end(
            path === "/robots.txt" ?
              respond("404 No", "") :
              path === "/"
              ? respond("200 OK", links)
              : respond("301 Moved", "", `Location: ${locations[Number(path.slice(1))]}`)
          )
        )
        const report = yield* check(site.origin)
        assert.deepStrictEqual(
          report.broken.map(({ reason, status }) => `${reason} ${status}`),
          locations.map(() => "InvalidRedirect 301")
        )
      }).pipe(Effect.scoped), 60_000)
  })

  describe("the start of a crawl", () => {
    it.live("that redirects to another origin makes that origin the site", () =>
      Effect.gen(function*() {
        const home = yield* serveRaw((socket, path) =>
          socket.end(
            path === "/robots.txt"
              ? respond("404 No", "")
              : respond("200 OK", path === "/en" ? "<a href=/deep>" : "<a href=/en>")
          )
        )
        const door = yield* serveRaw((socket, path) =>
          socket.end(
            path === "/robots.txt" ? respond("404 No", "") : respond("301 Moved", "", `Location: ${home.origin}/en`)
          )
        )
        const report = yield* check(door.origin)
        assert.deepStrictEqual(report.redirected.map(({ redirects, url }) => [url, redirects]), [[`${door.origin}/`, [
          `${home.origin}/en`
        ]]])
        assert.deepStrictEqual(report.ok.map(({ url }) => url), [`${home.origin}/deep`, `${home.origin}/en`])
        assert.strictEqual(report.pagesRead, 2)
      }).pipe(Effect.scoped), 60_000)

    it.live("that robots.txt forbids is an error", () =>
      Effect.gen(function*() {
        const site = yield* serveRaw((socket) => socket.end(respond("200 OK", "User-agent: *\nDisallow: /")))
        const error = yield* Effect.flip(check(site.origin))
        assert.strictEqual(error.message, `cannot check ${site.origin}/: forbidden by robots.txt`)
      }).pipe(Effect.scoped), 60_000)

    it.live("that answers with an error status is a broken link like any other", () =>
      Effect.gen(function*() {
        const site = yield* serveRaw((socket) => socket.end(respond("404 Not Found", "gone")))
        const report = yield* check(site.origin)
        assert.deepInclude(report.broken[0], { url: `${site.origin}/`, status: 404, bytes: 4, pages: [] })
      }).pipe(Effect.scoped), 60_000)
  })

  describe("an interrupted crawl", () => {
    it.live("closes its connections, and leaves what it has in the ledger", () =>
      Effect.gen(function*() {
        const closed = Promise.withResolvers<void>()
        const asked = Promise.withResolvers<void>()
        const site = yield* serveRaw((socket, path) => {
          if (path === "/hang") {
            socket.on("close", closed.resolve)
            asked.resolve()
          } else {
            socket.end(path === "/robots.txt" ? respond("404 No", "") : respond("200 OK", "<a href=/hang>"))
          }
        })
        const ledger = new Ledger()
        const fiber = yield* crawl(new URL(site.origin), ledger, { ...defaults, timeout: Duration.minutes(1) }).pipe(
          Effect.provide([GreenPool.layer({ size: 1 }), layerClient(defaults)]),
          Effect.forkChild
        )
        yield* Effect.promise(() => asked.promise)
        yield* Fiber.interrupt(fiber)
        yield* Effect.promise(() => closed.promise)
        const report = makeReport(new URL(site.origin), ledger, { complete: false, millis: 0, options })
        assert.deepStrictEqual(report.ok.map(({ url }) => url), [`${site.origin}/`])
        assert.deepStrictEqual(report.unchecked, [{ url: `${site.origin}/hang`, pages: [`${site.origin}/`] }])
      }).pipe(Effect.scoped), 60_000)
  })
})
