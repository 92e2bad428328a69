import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Fiber, Schedule } from "effect"
import { FetchHttpClient, HttpBody, HttpClient } from "effect/http"
import { startFeedscraper } from "../src/gallery/feedscraper.ts"
import { respond, serveRaw } from "./raw-server.ts"

const feeds: Readonly<Record<string, string>> = {
  "/rss": `<?xml version="1.0"?><rss version="2.0"><channel><title>Apples &amp; pears</title></channel></rss>`,
  "/atom": `<feed xmlns="http://www.w3.org/2005/Atom"><title type="text">Plums
    of the year</title></feed>`,
  "/rdf": `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">` +
    `<channel><title><![CDATA[Quinces]]></title></channel></rdf:RDF>`,
  "/latin1":
    `<?xml version="1.0" encoding="ISO-8859-1"?><rss version="2.0"><channel><title>Café</title></channel></rss>`,
  "/json": `{"version":"https://jsonfeed.org/version/1.1","title":"Cherries","items":[]}`,
  "/page": "<!doctype html><title>no feed</title>",
  "/broken": `<rss version="2.0"><channel><title>brok`,
  "/huge": `<rss version="2.0"><channel><title>Huge</title></channel></rss>${" ".repeat(5 * 1024 * 1024)}`
}

/** A server of feeds: `/slow/N` takes N ms, `/never` takes for ever. It knows how many are asked for at once. */
const serveFeeds = Effect.gen(function*() {
  let open = 0
  let most = 0
  const server = yield* serveRaw((socket, path) => {
    most = Math.max(most, ++open)
    socket.once("close", () => open--)
    const [, millis] = /^\/slow\/(\d+)/.exec(path) ?? []
    const body = millis === undefined ? feeds[path] : feeds["/rss"]
    if (path === "/moved") socket.end(respond("302 Found", "", "Location: /json"))
    else if (path === "/gone") socket.end(respond("302 Found", "", "Location: ftp://127.0.0.1/rss"))
    else if (path === "/latin1") socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${body}`, "latin1")
    else if (body === undefined && path !== "/never") socket.end(respond("404 Not Found", ""))
    else if (body !== undefined) setTimeout(() => socket.end(respond("200 OK", body)), Number(millis ?? 0))
  })
  return { origin: server.origin, open: () => open, most: () => most }
})

const post = (address: string, urls: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const response = yield* HttpClient.post(address, { body: HttpBody.text(urls.join("\r\n")) })
    return { status: response.status, lines: (yield* response.text).split("\n").slice(0, -1) }
  })

const layer = (size: number) => Effect.provide([GreenPool.layer({ size }), FetchHttpClient.layer])

const until = (condition: () => boolean) =>
  Effect.repeat(Effect.sync(condition), { until: (holds) => holds, schedule: Schedule.spaced("5 millis") })

describe("feedscraper", { timeout: 30_000, concurrent: true }, () => {
  it.live("answers with the titles of feeds of all kinds in the order of the URLs", () =>
    Effect.gen(function*() {
      const { origin } = yield* serveFeeds
      const address = yield* startFeedscraper(0)
      const paths = ["/slow/50", "/atom", "", "/rdf", "/json", "/moved", "/latin1", "/rss"]
      const { lines, status } = yield* post(address, paths.map((path) => path === "" ? "" : origin + path))
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(
        lines,
        ["Apples & pears", "Plums of the year", "Quinces", "Cherries", "Cherries", "Café", "Apples & pears"]
      )
    }).pipe(layer(3), Effect.scoped))

  it.live("says in its place what is wrong with a feed", () =>
    Effect.gen(function*() {
      const { origin } = yield* serveFeeds
      const address = yield* startFeedscraper(0)
      const bad = ["/page", "/broken", "/missing", "/huge"].map((path) => origin + path)
      const { lines } = yield* post(address, [...bad, "nonsense", "http://127.0.0.1:1/", `${origin}/rss`])
      const [page, broken, missing, huge, nonsense, refused, ...rest] = lines
      assert.strictEqual(page, "error: Unrecognized feed format")
      assert.strictEqual(broken, "error: Invalid feed format: Unexpected end of title")
      assert.match(missing ?? "", /^error: .*404/)
      assert.strictEqual(huge, "error: The feed is longer than 4 MiB")
      assert.match(nonsense ?? "", /^error: InvalidUrl/)
      assert.match(refused ?? "", /^error: Transport/)
      assert.deepStrictEqual(rest, ["Apples & pears"])
    }).pipe(layer(3), Effect.scoped))

  it.live("says so of a URL that is none of HTTP, or not fit for it, also where a feed is redirected to one", () =>
    Effect.gen(function*() {
      const { origin } = yield* serveFeeds
      const address = yield* startFeedscraper(0)
      const bad = ["file:///x", "ftp://127.0.0.1/", "mailto:x", "http://a:b%zz@127.0.0.1/", `${origin}/gone`]
      const { lines, status } = yield* post(address, [...bad, `${origin}/rss`])
      assert.strictEqual(status, 200)
      const [file, ftp, mail, credentials, gone, ...rest] = lines
      assert.match(file ?? "", /^error: Transport error \(GET file:\/\/\/x\): fetch failed: not implemented/)
      assert.match(ftp ?? "", /^error: .*: fetch failed: unknown scheme$/)
      assert.match(mail ?? "", /^error: .*: fetch failed: unknown scheme$/)
      assert.match(credentials ?? "", /^error: Transport error .* URL that includes credentials/)
      assert.match(gone ?? "", /^error: .*: fetch failed: .*scheme/)
      assert.deepStrictEqual(rest, ["Apples & pears"])
    }).pipe(layer(3), Effect.scoped))

  it.live("shares the pool among its requests, each of which gets its own titles", () =>
    Effect.gen(function*() {
      const { most, origin } = yield* serveFeeds
      const address = yield* startFeedscraper(0)
      const urls = Array.from({ length: 8 }, () => `${origin}/slow/20`)
      const requests = Array.from({ length: 5 }, (_, index) => post(address, urls.slice(index)))
      const answers = yield* Effect.all(requests, { concurrency: "unbounded" })
      assert.deepStrictEqual(answers.map(({ lines }) => lines.length), [8, 7, 6, 5, 4])
      assert.strictEqual(most(), 4)
    }).pipe(layer(4), Effect.scoped))

  it.live("lets go of the feeds of a client that leaves, and of nobody else's", () =>
    Effect.gen(function*() {
      const { open, origin } = yield* serveFeeds
      const address = yield* startFeedscraper(0)
      const leaving = yield* Effect.forkChild(post(address, Array.from({ length: 9 }, () => `${origin}/never`)))
      yield* until(() => open() === 2)
      const staying = yield* Effect.forkChild(post(address, [`${origin}/rss`]))
      yield* until(() => open() === 2)
      yield* Fiber.interrupt(leaving)
      assert.deepStrictEqual((yield* Fiber.join(staying)).lines, ["Apples & pears"])
      yield* until(() => open() === 0)
      assert.strictEqual(yield* GreenPool.running, 0)
    }).pipe(layer(2), Effect.scoped))

  it.live("refuses what is no POST, and more than it would read", () =>
    Effect.gen(function*() {
      const address = yield* startFeedscraper(0)
      assert.strictEqual((yield* HttpClient.get(address)).status, 404)
      assert.deepStrictEqual((yield* post(address, ["x".repeat(5 * 1024 * 1024)])).status, 413)
      assert.deepStrictEqual(yield* post(address, [""]), { status: 200, lines: [] })
    }).pipe(layer(2), Effect.scoped))
})
