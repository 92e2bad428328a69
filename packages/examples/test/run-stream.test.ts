/**
 * `runStream` on what streams: the body of a response, the output of a child process, the rows of a query.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientResponse, HttpRouter, HttpServerResponse } from "effect/http"
import { ChildProcess } from "effect/process"
import { DatabaseSync } from "node:sqlite"
import { serve } from "../src/gallery/serve.ts"

const live = Layer.mergeAll(FetchHttpClient.layer, NodeServices.layer)

describe("runStream keeps its slot", () => {
  it.live("until the body of a response has ended, where run gives it back at the headers", () =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 1 })
      const rest = yield* Deferred.make<void>()
      const body = Stream.make("first\n").pipe(
        Stream.concat(Stream.fromEffect(Effect.as(Deferred.await(rest), "second\n"))),
        Stream.encodeText
      )
      const address = yield* serve(HttpRouter.add("GET", "/", Effect.succeed(HttpServerResponse.stream(body))))
      const response = yield* pool.run(HttpClient.get(address))
      expect(yield* pool.running).toBe(0)
      const reading = yield* Effect.forkChild(
        Stream.mkString(Stream.decodeText(pool.runStream(response.stream))),
        { startImmediately: true }
      )
      const other = yield* Effect.forkChild(pool.run(Effect.void), { startImmediately: true })
      expect(yield* pool.waiting).toBe(1)
      yield* Deferred.succeed(rest, undefined)
      expect(yield* Fiber.join(reading)).toBe("first\nsecond\n")
      yield* Fiber.join(other)
      // Request and body in one slot.
      const whole = pool.runStream(HttpClientResponse.stream(HttpClient.get(address)))
      expect(yield* Stream.mkString(Stream.decodeText(whole))).toBe("first\nsecond\n")
      expect(yield* pool.stats).toMatchObject({ running: 0, started: 4, succeeded: 4 })
    })).pipe(Effect.provide(live)))

  it.live("as long as a child process writes, and ends the process when the reader leaves", () =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 1 })
      const script = "let n = 0; setInterval(() => console.log(++n), 5)"
      const lines = Stream.unwrap(Effect.map(
        ChildProcess.make(process.execPath, ["-e", script]),
        (child) => Stream.splitLines(Stream.decodeText(child.stdout))
      ))
      const read = yield* Stream.runCollect(Stream.take(
        Stream.tap(pool.runStream(lines), () => Effect.map(pool.running, (running) => expect(running).toBe(1))),
        3
      ))
      expect(read).toEqual(["1", "2", "3"])
      expect(yield* pool.stats).toMatchObject({ running: 0, succeeded: 1 })
    })).pipe(Effect.provide(live)))

  it.live("as long as the rows of a query are read", () =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 1 })
      const db = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(":memory:")),
        (db) => Effect.sync(() => db.close())
      )
      db.exec("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2), (3)")
      const rows = Stream.suspend(() => Stream.fromIterable(db.prepare("SELECT n FROM t ORDER BY n").iterate()))
      const doubled = pool.imap((row) => Effect.succeed(Number(row["n"]) * 2), pool.runStream(Stream.rechunk(rows, 1)))
      // The query holds the one slot of the pool, so the map has to wait: read it in a pool of its own, or collect it.
      expect(yield* Effect.timeoutOption(Stream.runHead(doubled), 50)).toMatchObject({ _tag: "None" })
      const collected = yield* Stream.runCollect(pool.runStream(rows))
      expect(collected.map((row) => row["n"])).toEqual([1, 2, 3])
      expect(yield* pool.running).toBe(0)
    })))
})
