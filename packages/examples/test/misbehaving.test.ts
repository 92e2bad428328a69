import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Duration, Effect, Fiber } from "effect"
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"
import { crawl, type CrawlOptions, Ledger } from "../src/linkcheck/crawl.ts"
import { makeReport } from "../src/linkcheck/report.ts"
import { layerClient } from "../src/linkcheck/request.ts"
import { respond, serveRaw } from "./raw-server.ts"

const options: CrawlOptions = { timeout: Duration.seconds(2), retries: 1, pageLimit: 100_000 }

const check = (start: string, more?: Partial<CrawlOptions>) =>
  Effect.gen(function*() {
    const ledger = new Ledger()
    const url = new URL(start)
    yield* crawl(url, ledger, { ...options, ...more })
    return makeReport(url, ledger, { complete: true, millis: 0 })
  }).pipe(Effect.provide([GreenPool.layer({ size: 4 }), layerClient]))

/** Who has to run into the time limit need not wait for long. */
const limit = (is: string): Partial<CrawlOptions> => is === "Timeout" ? { timeout: Duration.millis(500) } : {}

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

const badlyInBody: typeof badly = {
  "closes the connection in the middle of the body": {
    does: (socket) => socket.write(head("Content-Length: 5000") + "<a href=/x>", () => socket.destroy()),
    is: "Truncated"
  },
  "promises more than it sends": {
    does: (socket) => socket.end(head("Content-Length: 5000") + "<a href=/x>"),
    is: "Truncated"
  },
  "ends a chunked body in the middle": {
    does: (socket) => socket.end(head("Transfer-Encoding: chunked") + "b\r\n<a href=/x>\r\n"),
    is: "Truncated"
  },
  "sends chunks that are none": {
    does: (socket) => socket.end(head("Transfer-Encoding: chunked") + "nonsense\r\n"),
    is: "Garbage"
  },
  "stops in the middle of the body": {
    does: (socket) => socket.write(head("Content-Length: 5000") + "<a href=/x>"),
    is: "Timeout"
  },
  "calls gzip what is none": {
    does: (socket) => socket.end(head("Content-Encoding: gzip", "Content-Length: 11") + "<a href=/x>"),
    is: "Garbage"
  },
  "cuts its gzip off": {
    does: (socket) => {
      const body = gzipSync("<a href=/x>").subarray(0, 20)
      socket.write(head("Content-Encoding: gzip", `Content-Length: ${body.length}`))
      socket.end(body)
    },
    is: "Garbage"
  },
  "packs in a way that nobody knows": {
    does: (socket) => socket.end(head("Content-Encoding: constructor", "Content-Length: 11") + "<a href=/x>"),
    is: "Garbage"
  }
}

describe("linkcheck and misbehaving servers:", { concurrent: true }, () => {
  describe("a link to a server that", () => {
    for (const [title, { does, is }] of Object.entries(badly)) {
      it.live(`${title} is broken: ${is}`, () =>
        Effect.gen(function*() {
          const bad = yield* serveRaw(does)
          const site = yield* serveRaw((socket, path) =>
            socket.end(
              path === "/"
                ? respond("200 OK", `<a href="${bad.origin}/1"><a href="${bad.origin}/2">`)
                : respond("404 No", "")
            )
          )
          const report = yield* check(`${site.origin}/`, limit(is))
          assert.deepStrictEqual(
            report.broken.map(({ pages, reason, url }) => [url, reason, pages]),
            [[`${bad.origin}/1`, is, [`${site.origin}/`]], [`${bad.origin}/2`, is, [`${site.origin}/`]]]
          )
        }).pipe(Effect.scoped), 20_000)

      it.live(`${title} is none to start from`, () =>
        Effect.gen(function*() {
          const bad = yield* serveRaw(does)
          const error = yield* Effect.flip(check(bad.origin, { ...limit(is), retries: 0 }))
          assert.strictEqual(error._tag, "StartError")
          assert.include(error.message, `cannot check ${bad.origin}/: robots.txt: `)
        }).pipe(Effect.scoped), 20_000)
    }
  })

  describe("a page whose server", () => {
    for (const [title, { does, is }] of Object.entries({ ...badly, ...badlyInBody })) {
      it.live(`${title} is broken: ${is}, and was tried once more`, () =>
        Effect.gen(function*() {
          const asked: Array<string> = []
          const site = yield* serveRaw((socket, path) => {
            asked.push(path)
            if (path === "/bad") does(socket)
            else {socket.end(
                path === "/robots.txt" ? respond("404 No", "") : respond("200 OK", "<a href=/bad><a href=/good>")
              )}
          })
          const report = yield* check(site.origin, limit(is))
          assert.deepStrictEqual(report.broken.map(({ reason, url }) => [url, reason]), [[`${site.origin}/bad`, is]])
          assert.deepStrictEqual(report.ok.map(({ url }) => url), [`${site.origin}/`, `${site.origin}/good`])
          assert.deepStrictEqual(asked.sort(), ["/", "/bad", "/bad", "/good", "/robots.txt"])
        }).pipe(Effect.scoped), 20_000)
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
        assert.deepInclude(report.ok[0], { url: `${site.origin}/`, truncated: true, bytes: null })
        assert.deepStrictEqual(report.broken.map(({ url }) => url), [`${site.origin}/near`])
      }).pipe(Effect.scoped), 20_000)

    it.live("packs far more than a page into little is read to the limit", () =>
      Effect.gen(function*() {
        const body = gzipSync(`<a href=/near>${" ".repeat(50_000_000)}<a href=/far>`)
        const site = yield* serveRaw((socket, path) => {
          if (path !== "/") return void socket.end(respond("404 No", ""))
          socket.write(head("Content-Encoding: gzip", `Content-Length: ${body.length}`))
          socket.end(body)
        })
        const report = yield* check(site.origin)
        assert.deepInclude(report.ok[0], { url: `${site.origin}/`, truncated: true, bytes: body.length })
        assert.deepStrictEqual(report.broken.map(({ url }) => url), [`${site.origin}/near`])
      }).pipe(Effect.scoped), 20_000)

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
      }).pipe(Effect.scoped), 20_000)

    it.live("sends more than it promises is read as far as promised", () =>
      Effect.gen(function*() {
        const site = yield* serveRaw((socket, path) =>
          socket.end(path === "/" ? head("Content-Length: 12") + "<a href='/a'><a href='/b'>" : respond("404 No", ""))
        )
        const report = yield* check(site.origin)
        assert.deepInclude(report.ok[0], { url: `${site.origin}/`, bytes: 12 })
        assert.deepStrictEqual(report.broken, [])
      }).pipe(Effect.scoped), 20_000)

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
      }).pipe(Effect.scoped), 20_000)

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
      }).pipe(Effect.scoped), 20_000)
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
      }).pipe(Effect.scoped), 20_000)

    it.live("that robots.txt forbids is an error", () =>
      Effect.gen(function*() {
        const site = yield* serveRaw((socket) => socket.end(respond("200 OK", "User-agent: *\nDisallow: /")))
        const error = yield* Effect.flip(check(site.origin))
        assert.strictEqual(error.message, `cannot check ${site.origin}/: its robots.txt does not allow it`)
      }).pipe(Effect.scoped), 20_000)

    it.live("that answers with an error status is a broken link like any other", () =>
      Effect.gen(function*() {
        const site = yield* serveRaw((socket) => socket.end(respond("404 Not Found", "gone")))
        const report = yield* check(site.origin)
        assert.deepInclude(report.broken[0], { url: `${site.origin}/`, status: 404, bytes: 4, pages: [] })
      }).pipe(Effect.scoped), 20_000)
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
        const fiber = yield* crawl(new URL(site.origin), ledger, { ...options, timeout: Duration.minutes(1) }).pipe(
          Effect.provide([GreenPool.layer({ size: 1 }), layerClient]),
          Effect.forkChild
        )
        yield* Effect.promise(() => asked.promise)
        yield* Fiber.interrupt(fiber)
        yield* Effect.promise(() => closed.promise)
        const report = makeReport(new URL(site.origin), ledger, { complete: false, millis: 0 })
        assert.deepStrictEqual(report.ok.map(({ url }) => url), [`${site.origin}/`])
        assert.deepStrictEqual(report.unchecked, [{ url: `${site.origin}/hang`, pages: [`${site.origin}/`] }])
      }).pipe(Effect.scoped), 20_000)
  })
})
