import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Fiber, Layer } from "effect"
import { FetchHttpClient, HttpBody, HttpClient } from "effect/http"
import { startFeedscraper } from "../src/gallery/feedscraper.ts"
import { eventually, liveWith } from "./live.ts"
import { numbers } from "./outside.ts"
import { respond, serveCounting } from "./raw-server.ts"

const feeds: Readonly<Record<string, string>> = {
  "/rss": `<?xml version="1.0"?><rss version="2.0"><channel><title>Apples &amp; pears</title></channel></rss>`,
  "/atom": `<feed xmlns="http://www.w3.org/2005/Atom"><title type="text">Plums
    of the year</title></feed>`,
  "/rdf": `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
    <channel><title><![CDATA[Quinces]]></title></channel></rdf:RDF>`,
  "/latin1":
    `<?xml version="1.0" encoding="ISO-8859-1"?><rss version="2.0"><channel><title>Café</title></channel></rss>`,
  "/json": `{"version":"https://jsonfeed.org/version/1.1","title":"Cherries","items":[]}`,
  "/page": "<!doctype html><title>no feed</title>",
  "/broken": `<rss version="2.0"><channel><title>brok`,
  "/huge": `<rss version="2.0"><channel><title>Huge</title></channel></rss>${" ".repeat(5 * 1024 * 1024)}`
}

/** A server of feeds: `/slow/N` takes N ms, `/never` takes for ever. */
const serveFeeds = serveCounting((socket, path) => {
  const [, millis] = /^\/slow\/(\d+)/.exec(path) ?? []
  const body = millis === undefined ? feeds[path] : feeds["/rss"]
  if (path === "/moved") socket.end(respond("302 Found", "", "Location: /json"))
  else if (path === "/gone") socket.end(respond("302 Found", "", "Location: ftp://127.0.0.1/rss"))
  else if (path === "/latin1") socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${body}`, "latin1")
  else if (body === undefined && path !== "/never") socket.end(respond("404 Not Found", ""))
  else if (body !== undefined) setTimeout(() => socket.end(respond("200 OK", body)), Number(millis ?? 0))
})

const post = Effect.fnUntraced(function*(address: string, urls: ReadonlyArray<string>) {
  const response = yield* HttpClient.post(address, { body: HttpBody.text(urls.join("\r\n")) })
  return { status: response.status, lines: (yield* response.text).split("\n").slice(0, -1) }
})

const live = liveWith(Layer.mergeAll(GreenPool.layer({ size: 3 }), FetchHttpClient.layer))

describe("feedscraper", { timeout: 30_000, concurrent: true }, () => {
  live("answers with the titles of feeds of all kinds in the order of the URLs", function*() {
    const { origin } = yield* serveFeeds
    const address = yield* startFeedscraper(0)
    const paths = ["/slow/50", "/atom", "", "/rdf", "/json", "/moved", "/latin1", "/rss"]
    const answer = yield* post(address, paths.map((path) => path === "" ? "" : origin + path))
    const fruit = ["Plums of the year", "Quinces", "Cherries", "Cherries", "Café"]
    assert.deepStrictEqual(answer, { status: 200, lines: ["Apples & pears", ...fruit, "Apples & pears"] })
  })

  live("says in its place what is wrong with a feed or its URL, also where it is redirected to one", function*() {
    const { origin } = yield* serveFeeds
    const bad = [
      [`${origin}/page`, /^error: Unrecognized feed format$/],
      [`${origin}/broken`, /^error: Invalid feed format: Unexpected end of title$/],
      [`${origin}/missing`, /^error: .*404/],
      [`${origin}/huge`, /^error: The feed is longer than 4 MiB$/],
      ["nonsense", /^error: InvalidUrl/],
      ["http://127.0.0.1:1/", /^error: Transport/],
      ["file:///x", /^error: Transport error \(GET file:\/\/\/x\): fetch failed: not implemented/],
      ["ftp://127.0.0.1/", /^error: .*: fetch failed: unknown scheme$/],
      ["mailto:x", /^error: .*: fetch failed: unknown scheme$/],
      ["http://a:b%zz@127.0.0.1/", /^error: Transport error .* URL that includes credentials/],
      [`${origin}/gone`, /^error: .*: fetch failed: .*scheme/],
      [`${origin}/rss`, /^Apples & pears$/]
    ] as const
    const { lines, status } = yield* post(yield* startFeedscraper(0), bad.map(([url]) => url))
    assert.deepStrictEqual([status, lines.length], [200, bad.length])
    for (const [index, [, says]] of bad.entries()) assert.match(lines[index] ?? "", says)
  })

  live("shares the pool among its requests, each of which gets its own titles", function*() {
    const { most, origin } = yield* serveFeeds
    const address = yield* startFeedscraper(0)
    const request = (count: number) => post(address, numbers(count).map(() => `${origin}/slow/20`))
    const answers = yield* Effect.forEach([8, 7, 6, 5, 4], request, { concurrency: "unbounded" })
    assert.deepStrictEqual(answers.map(({ lines }) => lines.length), [8, 7, 6, 5, 4])
    assert.strictEqual(most(), 3)
  })

  live("lets go of the feeds of a client that leaves, and of nobody else's", function*() {
    const { open, origin } = yield* serveFeeds
    const address = yield* startFeedscraper(0)
    const leaving = yield* Effect.forkChild(post(address, numbers(9).map(() => `${origin}/never`)))
    yield* eventually(() => open() === 3)
    const staying = yield* Effect.forkChild(post(address, [`${origin}/rss`]))
    yield* eventually(() => open() === 3)
    yield* Fiber.interrupt(leaving)
    assert.deepStrictEqual((yield* Fiber.join(staying)).lines, ["Apples & pears"])
    yield* eventually(() => open() === 0)
    assert.strictEqual(yield* GreenPool.running, 0)
  })

  live("refuses what is no POST, and more than it would read", function*() {
    const address = yield* startFeedscraper(0)
    assert.strictEqual((yield* HttpClient.get(address)).status, 404)
    assert.deepStrictEqual((yield* post(address, ["x".repeat(5 * 1024 * 1024)])).status, 413)
    assert.deepStrictEqual(yield* post(address, [""]), { status: 200, lines: [] })
  })
})
