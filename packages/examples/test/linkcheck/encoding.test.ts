import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib"
import { decoded } from "../../src/linkcheck/encoding.ts"

const text = "a page, ".repeat(600)

/** What is read of a body that comes in pieces of a size. */
const read = (body: Uint8Array, encodings: string | undefined, piece = Number.MAX_SAFE_INTEGER) => {
  const pieces = Array.from(
    { length: Math.ceil(body.length / piece) },
    (_, index) => body.subarray(index * piece, (index + 1) * piece)
  )
  return decoded(Stream.fromIterable(pieces), encodings, (encoding) => `no ${encoding}`).pipe(
    Stream.runCollect,
    Effect.map((chunks) => Buffer.concat(chunks).toString())
  )
}

/** A header with each of its optional parts: an extra field, a name, a comment and a checksum. */
const gzipWithHeader = (() => {
  const header = Buffer.from([0x1f, 0x8b, 8, 4 | 8 | 16 | 2, 0, 0, 0, 0, 0, 3])
  const parts = [header, Buffer.from([3, 0, 1, 2, 3]), Buffer.from("name\0comment\0"), Buffer.from([7, 7])]
  return Buffer.concat([...parts, gzipSync(text).subarray(10)])
})()

const bodies: ReadonlyArray<readonly [string, string | undefined, Uint8Array]> = [
  ["without an encoding", undefined, Buffer.from(text)],
  ["with an empty one", " , ", Buffer.from(text)],
  ["gzip", "gzip", gzipSync(text)],
  ["gzip with all there may be in its header", "GZIP", gzipWithHeader],
  ["x-gzip", "x-gzip", gzipSync(text)],
  ["br", "br", brotliCompressSync(text)],
  ["zstd", "zstd", zstdCompressSync(text)],
  ["deflate with a header", "deflate", deflateSync(text)],
  ["deflate without", "deflate", deflateRawSync(text)],
  ["two encodings", "gzip, br", brotliCompressSync(gzipSync(text))],
  ["gzip with garbage behind it", "gzip", Buffer.concat([gzipSync(text), Buffer.from("garbage")])],
  ["gzip with NUL behind it", "gzip", Buffer.concat([gzipSync(text), Buffer.alloc(9)])],
  ["gzip with a wrong checksum", "gzip", Buffer.concat([gzipSync(text).subarray(0, -8), Buffer.alloc(8)])],
  ["gzip without its last bytes", "gzip", gzipSync(text).subarray(0, -8)],
  ["br with garbage behind it", "br", Buffer.concat([brotliCompressSync(text), Buffer.from("garbage")])],
  ["an encoding that nobody knows", "aws-chunked", Buffer.from(text)],
  ["what is no encoding", "utf-8", Buffer.from(text)],
  ["one of two that nobody knows", "none, br", Buffer.from(text)],
  ["the name of a property", "constructor", Buffer.from(text)]
]

describe("a body", { timeout: 60_000 }, () => {
  it.live.each(bodies)(
    "in %s is read whole, however it comes in pieces",
    ([, encodings, body]) =>
      Effect.gen(function*() {
        for (const piece of [1, 7, 100, body.length]) assert.strictEqual(yield* read(body, encodings, piece), text)
      })
  )

  it.live.each(["gzip", "br", "zstd", "deflate"])(
    "that is empty is empty in %s, too, and what isn't that fails",
    (name) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* read(new Uint8Array(0), name), "")
        const exit = yield* Effect.exit(read(Buffer.from("\u00ff<html>".repeat(9)), name))
        assert.deepStrictEqual(exit, Exit.fail(`no ${name}`))
      })
  )

  it.live("that is longer than what is decoded in one go is read whole", () =>
    Effect.gen(function*() {
      const long = Array.from({ length: 40_000 }, (_, index) => Math.imul(index, 2_654_435_761) >>> 7).join()
      const body = gzipSync(long)
      assert.isAbove(body.length, 100_000)
      assert.isTrue((yield* read(body, "gzip")) === long)
    }))

  it.live("that is cut off is read as far as it goes", () =>
    Effect.gen(function*() {
      const random = Buffer.from(
        Array.from({ length: 4000 }, (_, index) => (index * 7919 + (index >> 3) * 104729) & 127)
      )
      for (const [encoding, body] of [["gzip", gzipSync(random)], ["br", brotliCompressSync(random)]] as const) {
        const part = yield* read(body.subarray(0, body.length >> 1), encoding)
        assert.isTrue(part !== "" && random.toString().startsWith(part))
      }
    }))

  it.live("that becomes a thousand times as much is decoded only as far as it is read", () =>
    Effect.gen(function*() {
      const body = gzipSync(Buffer.alloc(80_000_000))
      const before = process.memoryUsage.rss()
      const first = yield* Stream.runHead(decoded(Stream.succeed(body), "gzip", () => "none"))
      assert.isTrue(first._tag === "Some")
      assert.isBelow(process.memoryUsage.rss() - before, 50_000_000)
    }))
})
