import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import type { Socket } from "node:net"
import { startSite } from "../src/embedded/site.ts"
import { producerConsumer } from "../src/gallery/producer-consumer.ts"
import { recursiveCrawler } from "../src/gallery/recursive-crawler.ts"
import { webcrawler } from "../src/gallery/webcrawler.ts"
import { printedBy, quietly, runExample } from "./example.ts"
import { live } from "./live.ts"
import { numbers } from "./outside.ts"
import { linksTo, respond, serve, serveCounting } from "./raw-server.ts"

const withPool = (size: number) => Effect.provide([GreenPool.layer({ size }), FetchHttpClient.layer])

/** What visits the pages of a site, and what it prints in the end of the embedded one. */
const crawlers = {
  "recursive-crawler": [
    (start: string, limit?: number) => Effect.map(recursiveCrawler(start, limit), (pages) => [...pages]),
    /\n10 pages\n$/
  ],
  "producer-consumer": [
    (start: string, limit?: number) => Effect.map(producerConsumer(start, limit), (rounds) => rounds.flat()),
    /^round 1: http:\/\/127\.0\.0\.1:\d+\/\nround 2: /m
  ]
} as const

describe.each(Object.entries(crawlers))("%s", { timeout: 30_000, concurrent: true }, (name, [crawler, prints]) => {
  const crawl = (start: string, size: number, limit?: number) => crawler(start, limit).pipe(quietly, withPool(size))

  for (const size of [1, 2, 50]) {
    live(`asks for each page once, with a pool of ${size}, and stops at the limit`, function*() {
      const { hits, start, urls } = yield* startSite
      assert.strictEqual((yield* crawl(start, size, 4)).length, 4)
      assert.strictEqual(hits.size, 4)
      hits.clear()
      const seen = yield* crawl(start, size)
      assert.deepStrictEqual(seen.toSorted(), [...urls, new URL("/trees/plum", start).href].sort())
      assert.deepStrictEqual([...hits.values()], seen.map(() => 1))
      assert.strictEqual(seen[0], start)
    })
  }

  live("fails when its start page cannot be fetched", function*() {
    const { code, stderr } = yield* runExample(name, "http://127.0.0.1:1")
    assert.deepStrictEqual([code, stderr], [1, "The start page cannot be fetched: http://127.0.0.1:1/\n"])
  })

  live("runs by its name without a URL, and says what it could not read", function*() {
    const printed = yield* printedBy(name)
    assert.match(printed, /^http\S+\/trees\/plum: .*404/m)
    assert.match(printed, prints)
  })
})

describe("recursive-crawler", { timeout: 30_000, concurrent: true }, () => {
  live("stays on the site, and says which pages it could not read", function*() {
    const links = linksTo("/gone", "http://elsewhere.invalid/", "mailto:a@b.invalid")
    const { origin } = yield* serve({ "/": links, "/gone": respond("410 Gone", "") })
    const [first, gone, ...rest] = (yield* printedBy("recursive-crawler", `${origin}/`)).split("\n")
    assert.strictEqual(first, `${origin}/: 1 link`)
    assert.match(gone ?? "", /\/gone: .*410/)
    assert.deepStrictEqual(rest, ["2 pages", ""])
  })
})

describe("producer-consumer", { timeout: 30_000, concurrent: true }, () => {
  live("takes what is found while it waits for a slot into the same round", function*() {
    const slow = (socket: Socket) => void setTimeout(() => socket.end(linksTo()), 30)
    const { origin } = yield* serve({ "/": linksTo("/a", "/b"), "/a": linksTo("/c"), "/b": slow })
    const found = yield* producerConsumer(`${origin}/`).pipe(quietly, withPool(1))
    assert.deepStrictEqual(found, [[`${origin}/`], [`${origin}/a`, `${origin}/b`, `${origin}/c`]])
  })
})

const lines = (urls: Iterable<string>, size: number) => webcrawler(urls).pipe(Stream.runCollect, withPool(size))

/** A server of pages of as many bytes as their path says. Odd ones are slow, and a negative one is missing. */
const serveBytes = serveCounting((socket, path) => {
  const length = Number(path.slice(1))
  const answer = length < 0 ? respond("404 Not Found", "") : respond("200 OK", "x".repeat(length))
  setTimeout(() => socket.end(answer), length % 2 === 0 ? 5 : 40)
})

describe("webcrawler", { timeout: 60_000, concurrent: true }, () => {
  live("gives sizes in the order of the URLs, whichever comes first, and runs what the pool lets run", function*() {
    const { most, origin } = yield* serveBytes
    const sizes = yield* lines(numbers(20).map((length) => `${origin}/${length}`), 4)
    assert.deepStrictEqual(sizes, numbers(20).map((length) => `${origin}/${length}: ${length} bytes`))
    assert.strictEqual(most(), 4)
  })

  live("gives what cannot be had a line in its place", function*() {
    const { origin } = yield* serveBytes
    const urls = [`${origin}/7`, `${origin}/-1`, "http://127.0.0.1:1/", "nonsense", `${origin}/8`]
    const expected = [/\/7: 7 bytes$/, /\/-1: .*404/, /^http:\/\/127\.0\.0\.1:1\/: Transport/, /^nonsense: InvalidUrl/]
    const sizes = yield* lines(urls, 2)
    for (const [index, line] of expected.entries()) assert.match(sizes[index] ?? "", line)
    assert.deepStrictEqual(sizes.slice(4), [`${origin}/8: 8 bytes`])
  })

  live("runs by its name, with URLs and without", function*() {
    const { origin } = yield* serveBytes
    const given = yield* printedBy("webcrawler", `${origin}/3`, `${origin}/2`)
    assert.strictEqual(given, `${origin}/3: 3 bytes\n${origin}/2: 2 bytes\n`)
    const embedded = yield* printedBy("webcrawler")
    assert.match(embedded, /^http:\/\/127\.0\.0\.1:\d+\/: \d+ bytes\n(?:http\S+: \d+ bytes\n){8}$/)
  })
})
