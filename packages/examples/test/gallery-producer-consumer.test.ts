import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect } from "effect"
import { FetchHttpClient } from "effect/http"
import { producerConsumer } from "../src/gallery/producer-consumer.ts"
import { startSite } from "./embedded/site.ts"
import { quietly, runExample, startExample } from "./example.ts"
import { respond, serveRaw } from "./raw-server.ts"

const visit = (start: string, size: number, limit?: number) =>
  producerConsumer(start, limit).pipe(quietly, Effect.provide([GreenPool.layer({ size }), FetchHttpClient.layer]))

describe("producer-consumer", { timeout: 30_000 }, () => {
  for (const size of [1, 2, 50]) {
    it.live(`goes on until nothing new comes, with a pool of ${size}`, () =>
      Effect.gen(function*() {
        const { hits, start, urls } = yield* startSite
        const rounds = yield* visit(start, size)
        assert.deepStrictEqual(rounds.flat().sort(), [...urls, new URL("/trees/plum", start).href].sort())
        assert.deepStrictEqual([...hits.values()], rounds.flat().map(() => 1))
        assert.deepStrictEqual(rounds[0], [start])
      }).pipe(Effect.scoped))
  }

  it.live("takes what is found while it waits for a slot into the same round", () =>
    Effect.gen(function*() {
      const { origin } = yield* serveRaw((socket, path) => {
        const links = new Map([["/", "<a href=/a><a href=/b>"], ["/a", "<a href=/c>"]]).get(path) ?? ""
        setTimeout(() => socket.end(respond("200 OK", links)), path === "/b" ? 30 : 0)
      })
      const rounds = yield* visit(`${origin}/`, 1)
      assert.deepStrictEqual(rounds, [[`${origin}/`], [`${origin}/a`, `${origin}/b`, `${origin}/c`]])
    }).pipe(Effect.scoped))

  it.live("stops at the limit", () =>
    Effect.gen(function*() {
      const { hits, start } = yield* startSite
      assert.strictEqual((yield* visit(start, 3, 4)).flat().length, 4)
      assert.strictEqual(hits.size, 4)
    }).pipe(Effect.scoped))

  it.live("runs by its name, and says what it could not read", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* runExample("producer-consumer")
      assert.match(stdout, /^http\S+\/trees\/plum: .*404/m)
      assert.match(stdout, /^round 1: http:\/\/127\.0\.0\.1:\d+\/\nround 2: /m)
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    }))

  it.live("ends on Ctrl-C", () =>
    Effect.gen(function*() {
      const asked = Promise.withResolvers<void>()
      const closed = Promise.withResolvers<void>()
      const { origin } = yield* serveRaw((socket) => {
        socket.once("close", closed.resolve)
        asked.resolve()
      })
      const { child, ended } = yield* startExample("producer-consumer", origin)
      yield* Effect.promise(() => asked.promise)
      child.kill("SIGINT")
      assert.strictEqual((yield* ended).code, 130)
      yield* Effect.promise(() => closed.promise)
    }).pipe(Effect.scoped))
})
