import { Effect, Stream } from "effect"
import type { Transform } from "node:stream"
import { createBrotliDecompress, createGunzip, createInflateRaw, createZstdDecompress } from "node:zlib"

/** So many bytes are decompressed in one go: little may become a thousand times as much. */
const SLICE = 16 * 1024

/** A decoder, and where in the body it begins; undefined if that takes more of the body to know. */
type Start = (head: Uint8Array) => { readonly decoder: Transform; readonly at: number } | undefined

/** By their names in `Content-Encoding`. */
const decoders: ReadonlyMap<string, Start> = new Map<string, Start>([
  ["gzip", (head) => startGzip(head)],
  ["x-gzip", (head) => startGzip(head)],
  ["br", () => ({ decoder: createBrotliDecompress(), at: 0 })],
  ["zstd", () => ({ decoder: createZstdDecompress(), at: 0 })],
  // Servers don't agree on what it means: a zlib header, which is of two bytes, starts with the method, 8.
  ["deflate", (head) => {
    const at = (head[0]! & 0x0f) === 8 ? 2 : 0
    return at < head.length ? { decoder: createInflateRaw(), at } : undefined
  }]
])

/**
 * The header is skipped here, and what follows the compressed data, a checksum, isn't read: `Gunzip` fails at a wrong one,
 * and at garbage, and takes with it what it has decoded.
 */
const startGzip: Start = (head) => {
  if (head[0] !== 0x1f || (head[1] ?? 0x8b) !== 0x8b) return { decoder: createGunzip(), at: 0 }
  const flags = head[3] ?? 0
  let at = 10
  if (flags & 4) at += 2 + (head[at] ?? 0) + 256 * (head[at + 1] ?? 0)
  for (const text of [8, 16]) if (flags & text) at = head.indexOf(0, at) + 1 || Infinity
  if (flags & 2) at += 2
  if (at < head.length) return { decoder: createInflateRaw(), at }
  return head.length < SLICE ? undefined : { decoder: createGunzip(), at: 0 }
}

/**
 * A body as it was before its `Content-Encoding`, read as browsers do: one with an encoding that nobody knows is taken as
 * it is, and one that ends early, or goes on with garbage, counts as far as it goes. It fails only where nothing can be
 * decoded.
 */
export const decoded = <E>(
  encoded: Stream.Stream<Uint8Array, E>,
  encodings: string | undefined,
  garbage: (encoding: string) => E
): Stream.Stream<Uint8Array, E> => {
  const names = (encodings ?? "").toLowerCase().split(",").map((name) => name.trim()).filter((name) => name !== "")
  return names.every((name) => decoders.has(name))
    ? names.reduceRight((body, name) => decode(body, decoders.get(name)!, () => garbage(name)), encoded)
    : encoded
}

const decode = <E>(
  body: Stream.Stream<Uint8Array, E>,
  start: Start,
  garbage: () => E
): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    let decoder: Transform | undefined
    let head: Uint8Array = new Uint8Array(0)
    let chunks: Array<Uint8Array> = []
    let isEmpty = true
    let isOver = false
    let settle: (failed: boolean) => void

    /** What remains of a slice to be decoded, once there is a decoder. */
    const afterHead = (slice: Uint8Array) => {
      if (decoder !== undefined) return slice
      head = Buffer.concat([head, slice])
      const started = start(head)
      decoder = started?.decoder
        .on("data", (chunk: Uint8Array) => chunks.push(chunk))
        .on("error", () => {
          isOver = true
          settle(true)
        })
      return head.subarray(started?.at)
    }

    const write = (slice: Uint8Array) =>
      Effect.callback<ReadonlyArray<Uint8Array>, E>((resume) => {
        settle = (failed) => {
          isEmpty &&= chunks.length === 0
          resume(failed && isEmpty ? Effect.fail(garbage()) : Effect.succeed(chunks))
          chunks = []
        }
        const rest = afterHead(slice)
        if (decoder === undefined) settle(false)
        else decoder.write(rest, (error) => error ?? settle(false))
      })

    return body.pipe(
      Stream.map(slices),
      Stream.flattenIterable,
      Stream.mapEffect(write),
      Stream.takeUntil(() => isOver),
      Stream.flattenIterable,
      Stream.ensuring(Effect.sync(() => decoder?.destroy()))
    )
  })

const slices = (chunk: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from(
    { length: Math.ceil(chunk.length / SLICE) },
    (_, index) => chunk.subarray(index * SLICE, (index + 1) * SLICE)
  )
