/**
 * `runStream` on what streams: the body of a response, the rows of a query.
 */
import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Deferred, Effect, Fiber, Option, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientResponse, HttpRouter, HttpServerResponse } from "effect/http"
import { DatabaseSync } from "node:sqlite"
import { serve } from "../src/gallery/serve.ts"
import { liveWith } from "./live.ts"

const live = liveWith(FetchHttpClient.layer)

describe("runStream keeps its slot", () => {
  live("until the body of a response has ended, where run gives it back at the headers", function*() {
    const pool = yield* GreenPool.make({ size: 1 })
    const rest = yield* Deferred.make<void>()
    const second = Stream.fromEffect(Effect.as(Deferred.await(rest), "second\n"))
    const body = Stream.encodeText(Stream.concat(Stream.make("first\n"), second))
    const address = yield* serve(HttpRouter.add("GET", "/", Effect.succeed(HttpServerResponse.stream(body))))
    const text = <E, R>(stream: Stream.Stream<Uint8Array, E, R>) =>
      Stream.mkString(Stream.decodeText(pool.runStream(stream)))
    const response = yield* pool.run(HttpClient.get(address))
    assert.strictEqual(yield* pool.running, 0)
    const reading = yield* Effect.forkChild(text(response.stream), { startImmediately: true })
    const other = yield* Effect.forkChild(pool.run(Effect.void), { startImmediately: true })
    assert.strictEqual(yield* pool.waiting, 1)
    yield* Deferred.succeed(rest, undefined)
    assert.strictEqual(yield* Fiber.join(reading), "first\nsecond\n")
    yield* Fiber.join(other)
    // Request and body in one slot.
    assert.strictEqual(yield* text(HttpClientResponse.stream(HttpClient.get(address))), "first\nsecond\n")
    assert.deepInclude(yield* pool.stats, { running: 0, started: 4, succeeded: 4 })
  })

  live("as long as the rows of a query are read", function*() {
    const pool = yield* GreenPool.make({ size: 1 })
    const db = new DatabaseSync(":memory:")
    yield* Effect.addFinalizer(() => Effect.sync(() => db.close()))
    db.exec("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2), (3)")
    const rows = Stream.suspend(() => Stream.fromIterable(db.prepare("SELECT n FROM t ORDER BY n").iterate()))
    const doubled = pool.imap((row) => Effect.succeed(Number(row["n"]) * 2), pool.runStream(Stream.rechunk(rows, 1)))
    // The query holds the one slot of the pool, so the map has to wait: read it in a pool of its own, or collect it.
    assert.isTrue(Option.isNone(yield* Effect.timeoutOption(Stream.runHead(doubled), 50)))
    const collected = yield* Stream.runCollect(pool.runStream(rows))
    assert.deepStrictEqual(collected.map((row) => row["n"]), [1, 2, 3])
    assert.strictEqual(yield* pool.running, 0)
  })
})
