import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect } from "effect"
import { FetchHttpClient } from "effect/http"
import { recursiveCrawler } from "../src/gallery/recursive-crawler.ts"
import { startSite } from "./embedded/site.ts"
import { quietly, runExample, startExample } from "./example.ts"
import { respond, serveRaw } from "./raw-server.ts"

const crawl = (start: string, size: number, limit?: number) =>
  recursiveCrawler(start, limit).pipe(quietly, Effect.provide([GreenPool.layer({ size }), FetchHttpClient.layer]))

describe("recursive-crawler", { timeout: 30_000 }, () => {
  for (const size of [1, 2, 50]) {
    it.live(`asks for each page once, with a pool of ${size}`, () =>
      Effect.gen(function*() {
        const { hits, start, urls } = yield* startSite
        const seen = yield* crawl(start, size)
        const dead = new URL("/trees/plum", start).href
        assert.deepStrictEqual([...seen].sort(), [...urls, dead].sort())
        assert.deepStrictEqual([...hits.values()], [...seen].map(() => 1))
      }).pipe(Effect.scoped))
  }

  it.live("stops at the limit", () =>
    Effect.gen(function*() {
      const { hits, start } = yield* startSite
      assert.strictEqual((yield* crawl(start, 3, 4)).size, 4)
      assert.strictEqual(hits.size, 4)
    }).pipe(Effect.scoped))

  it.live("follows a chain of 300 pages that all wait for each other's slot", () =>
    Effect.gen(function*() {
      const { origin } = yield* serveRaw((socket, path) => {
        const page = Number(path.slice(1))
        socket.end(respond("200 OK", page < 300 ? `<a href="/${page + 1}">` : "the end"))
      })
      assert.strictEqual((yield* crawl(`${origin}/1`, 1)).size, 300)
    }).pipe(Effect.scoped))

  it.live("stays on the site, and says which pages it could not read", () =>
    Effect.gen(function*() {
      const { origin } = yield* serveRaw((socket, path) =>
        socket.end(
          path === "/"
            ? respond("200 OK", `<a href="/gone"><a href="http://elsewhere.invalid/"><a href="mailto:a@b.invalid">`)
            : respond("410 Gone", "")
        )
      )
      const { code, stderr, stdout } = yield* runExample("recursive-crawler", `${origin}/`)
      const [first, gone, ...rest] = stdout.split("\n")
      assert.strictEqual(first, `${origin}/: 1 link`)
      assert.match(gone ?? "", /\/gone: .*410/)
      assert.deepStrictEqual({ code, rest, stderr }, { code: 0, rest: ["2 pages", ""], stderr: "" })
    }).pipe(Effect.scoped))

  it.live("runs by its name without a URL", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* runExample("recursive-crawler")
      assert.match(stdout, /^10 pages$/m)
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    }))

  it.live("ends on Ctrl-C, however much it has found", () =>
    Effect.gen(function*() {
      const asked = Promise.withResolvers<void>()
      const closed = Promise.withResolvers<void>()
      const { origin } = yield* serveRaw((socket, path) => {
        if (path === "/") {
          socket.end(respond("200 OK", "<a href=/never>"))
        } else {
          socket.once("close", closed.resolve)
          asked.resolve()
        }
      })
      const { child, ended } = yield* startExample("recursive-crawler", `${origin}/`)
      yield* Effect.promise(() => asked.promise)
      child.kill("SIGINT")
      assert.strictEqual((yield* ended).code, 130)
      yield* Effect.promise(() => closed.promise)
    }).pipe(Effect.scoped))
})
