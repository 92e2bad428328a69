import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { webcrawler } from "../src/gallery/webcrawler.ts"
import { runExample } from "./example.ts"
import { respond, serveRaw } from "./raw-server.ts"

const lines = (urls: Iterable<string>, size: number) =>
  webcrawler(urls).pipe(Stream.runCollect, Effect.provide([GreenPool.layer({ size }), FetchHttpClient.layer]))

/** A server of pages of as many bytes as their path says. The path `/0` never gets an answer, odd ones are slow. */
const serveBytes = Effect.gen(function*() {
  let open = 0
  let most = 0
  const server = yield* serveRaw((socket, path) => {
    const length = Number(path.slice(1))
    most = Math.max(most, ++open)
    socket.once("close", () => open--)
    const answer = () => socket.end(length < 0 ? respond("404 Not Found", "") : respond("200 OK", "x".repeat(length)))
    if (length !== 0) setTimeout(answer, length % 2 === 0 ? 5 : 40)
  })
  return { ...server, most: () => most, open: () => open }
})

describe("webcrawler", { timeout: 60_000, concurrent: true }, () => {
  it.live("gives the sizes in the order of the URLs, whichever comes first, and never more at once than the pool has", () =>
    Effect.gen(function*() {
      const { most, origin } = yield* serveBytes
      const lengths = Array.from({ length: 20 }, (_, index) => index + 1)
      const sizes = yield* lines(lengths.map((length) => `${origin}/${length}`), 4)
      assert.deepStrictEqual(sizes, lengths.map((length) => `${origin}/${length}: ${length} bytes`))
      assert.strictEqual(most(), 4)
    }).pipe(Effect.scoped))

  it.live("gives what cannot be had a line in its place", () =>
    Effect.gen(function*() {
      const { origin } = yield* serveBytes
      const urls = [`${origin}/7`, `${origin}/-1`, "http://127.0.0.1:1/", "nonsense", `${origin}/8`]
      const [first, missing, refused, invalid, last] = yield* lines(urls, 2)
      assert.strictEqual(first, `${origin}/7: 7 bytes`)
      assert.match(missing ?? "", /^http.*\/-1: .*404/)
      assert.match(refused ?? "", /^http:\/\/127\.0\.0\.1:1\/: Transport/)
      assert.match(invalid ?? "", /^nonsense: InvalidUrl/)
      assert.strictEqual(last, `${origin}/8: 8 bytes`)
    }).pipe(Effect.scoped))

  it.live("takes an endless list as it is read", () =>
    Effect.gen(function*() {
      const { origin } = yield* serveBytes
      let taken = 0
      const endless = function*() {
        while (true) yield `${origin}/${2 * ++taken}`
      }
      const first = yield* webcrawler(endless()).pipe(
        Stream.take(3),
        Stream.runCollect,
        Effect.provide([GreenPool.layer({ size: 2 }), FetchHttpClient.layer])
      )
      assert.deepStrictEqual(first, [2, 4, 6].map((length) => `${origin}/${length}: ${length} bytes`))
      // A chunk of results, and as many again in hand.
      assert.isAtMost(taken, 3 + 2 * 2)
    }).pipe(Effect.scoped))

  it.live("runs by its name, with URLs and without", () =>
    Effect.gen(function*() {
      const { origin } = yield* serveBytes
      const given = yield* runExample("webcrawler", `${origin}/3`, `${origin}/2`)
      assert.deepStrictEqual(given, { code: 0, stderr: "", stdout: `${origin}/3: 3 bytes\n${origin}/2: 2 bytes\n` })

      const embedded = yield* runExample("webcrawler")
      assert.match(embedded.stdout, /^http:\/\/127\.0\.0\.1:\d+\/: \d+ bytes\n(?:http\S+: \d+ bytes\n){8}$/)
      assert.deepInclude(embedded, { code: 0, stderr: "" })
    }).pipe(Effect.scoped))
})
