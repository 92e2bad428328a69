import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib"
import { decoded } from "../../src/linkcheck/encoding.ts"
import { live } from "../live.ts"

const text = "a page, ".repeat(600)

/** What is read of a body that comes in pieces of a size. */
const read = (body: Uint8Array, encodings: string | undefined, piece = body.length) => {
  const starts = Array.from({ length: Math.ceil(body.length / piece) || 0 }, (_, index) => index * piece)
  const pieces = Stream.fromIterable(starts.map((start) => body.subarray(start, start + piece)))
  return decoded(pieces, encodings, (encoding) => `no ${encoding}`).pipe(
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

const plain = Buffer.from(text)
const gzip = gzipSync(text)
const garbage = Buffer.from("garbage")

const bodies: Readonly<Record<string, readonly [encodings: string | undefined, body: Uint8Array]>> = {
  "without an encoding": [undefined, plain],
  "with an empty one": [" , ", plain],
  "gzip": ["gzip", gzip],
  "gzip with all there may be in its header": ["GZIP", gzipWithHeader],
  "x-gzip": ["x-gzip", gzip],
  "br": ["br", brotliCompressSync(text)],
  "zstd": ["zstd", zstdCompressSync(text)],
  "deflate with a header": ["deflate", deflateSync(text)],
  "deflate without": ["deflate", deflateRawSync(text)],
  "two encodings": ["gzip, br", brotliCompressSync(gzip)],
  "gzip with garbage behind it": ["gzip", Buffer.concat([gzip, garbage])],
  "gzip with NUL behind it": ["gzip", Buffer.concat([gzip, Buffer.alloc(9)])],
  "gzip with a wrong checksum": ["gzip", Buffer.concat([gzip.subarray(0, -8), Buffer.alloc(8)])],
  "gzip without its last bytes": ["gzip", gzip.subarray(0, -8)],
  "br with garbage behind it": ["br", Buffer.concat([brotliCompressSync(text), garbage])],
  "an encoding that nobody knows": ["aws-chunked", plain],
  "what is no encoding": ["utf-8", plain],
  "one of two that nobody knows": ["none, br", plain],
  "the name of a property": ["constructor", plain]
}

describe("a body", { timeout: 60_000 }, () => {
  for (const [title, [encodings, body]] of Object.entries(bodies)) {
    live(`in ${title} is read whole, however it comes in pieces`, function*() {
      for (const piece of [1, 7, 100, body.length]) assert.strictEqual(yield* read(body, encodings, piece), text)
    })
  }

  for (const name of ["gzip", "br", "zstd", "deflate"]) {
    live(`that is empty is empty in ${name}, too, and what isn't that fails`, function*() {
      assert.strictEqual(yield* read(new Uint8Array(0), name), "")
      const exit = yield* Effect.exit(read(Buffer.from("\u00ff<html>".repeat(9)), name))
      assert.deepStrictEqual(exit, Exit.fail(`no ${name}`))
    })
  }

  live("that is longer than what is decoded in one go is read whole", function*() {
    const long = Array.from({ length: 40_000 }, (_, index) => Math.imul(index, 2_654_435_761) >>> 7).join()
    const body = gzipSync(long)
    assert.isAbove(body.length, 100_000)
    assert.isTrue((yield* read(body, "gzip")) === long)
  })

  live("that is cut off is read as far as it goes", function*() {
    const random = Buffer.from(Array.from({ length: 4000 }, (_, i) => (i * 7919 + (i >> 3) * 104729) & 127))
    for (const [encoding, body] of [["gzip", gzipSync(random)], ["br", brotliCompressSync(random)]] as const) {
      const part = yield* read(body.subarray(0, body.length >> 1), encoding)
      assert.isTrue(part !== "" && random.toString().startsWith(part))
    }
  })

  live("that becomes a thousand times as much is decoded only as far as it is read", function*() {
    const body = gzipSync(Buffer.alloc(80_000_000))
    const before = process.memoryUsage.rss()
    const first = yield* Stream.runHead(decoded(Stream.succeed(body), "gzip", () => "none"))
    assert.isTrue(first._tag === "Some")
    assert.isBelow(process.memoryUsage.rss() - before, 50_000_000)
  })
})
