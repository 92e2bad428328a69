import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { webcrawler } from "../src/gallery/webcrawler.ts"
import { runExample } from "./example.ts"
import { live } from "./live.ts"
import { respond, serveCounting } from "./raw-server.ts"

const lines = (urls: Iterable<string>, size: number, count = Infinity) =>
  webcrawler(urls).pipe(
    Stream.take(count),
    Stream.runCollect,
    Effect.provide([GreenPool.layer({ size }), FetchHttpClient.layer])
  )

/** A server of pages of as many bytes as their path says. Odd ones are slow, and a negative one is missing. */
const serveBytes = serveCounting((socket, path) => {
  const length = Number(path.slice(1))
  const answer = length < 0 ? respond("404 Not Found", "") : respond("200 OK", "x".repeat(length))
  setTimeout(() => socket.end(answer), length % 2 === 0 ? 5 : 40)
})

describe("webcrawler", { timeout: 60_000, concurrent: true }, () => {
  live(
    "gives sizes in the order of the URLs, whichever comes first, and never more than the pool has run",
    function*() {
      const { most, origin } = yield* serveBytes
      const lengths = Array.from({ length: 20 }, (_, index) => index + 1)
      const sizes = yield* lines(lengths.map((length) => `${origin}/${length}`), 4)
      assert.deepStrictEqual(sizes, lengths.map((length) => `${origin}/${length}: ${length} bytes`))
      assert.strictEqual(most(), 4)
    }
  )

  live("gives what cannot be had a line in its place", function*() {
    const { origin } = yield* serveBytes
    const urls = [`${origin}/7`, `${origin}/-1`, "http://127.0.0.1:1/", "nonsense", `${origin}/8`]
    const expected = [/\/7: 7 bytes$/, /\/-1: .*404/, /^http:\/\/127\.0\.0\.1:1\/: Transport/, /^nonsense: InvalidUrl/]
    const sizes = yield* lines(urls, 2)
    for (const [index, line] of expected.entries()) assert.match(sizes[index] ?? "", line)
    assert.deepStrictEqual(sizes.slice(4), [`${origin}/8: 8 bytes`])
  })

  live("takes an endless list as it is read", function*() {
    const { origin } = yield* serveBytes
    let taken = 0
    const endless = function*() {
      while (true) yield `${origin}/${2 * ++taken}`
    }
    const first = yield* lines(endless(), 2, 3)
    assert.deepStrictEqual(first, [2, 4, 6].map((length) => `${origin}/${length}: ${length} bytes`))
    // A chunk of results, and as many again in hand.
    assert.isAtMost(taken, 3 + 2 * 2)
  })

  live("runs by its name, with URLs and without", function*() {
    const { origin } = yield* serveBytes
    const given = yield* runExample("webcrawler", `${origin}/3`, `${origin}/2`)
    assert.deepStrictEqual(given, { code: 0, stderr: "", stdout: `${origin}/3: 3 bytes\n${origin}/2: 2 bytes\n` })

    const embedded = yield* runExample("webcrawler")
    assert.match(embedded.stdout, /^http:\/\/127\.0\.0\.1:\d+\/: \d+ bytes\n(?:http\S+: \d+ bytes\n){8}$/)
    assert.deepInclude(embedded, { code: 0, stderr: "" })
  })
})
