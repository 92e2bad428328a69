// Images of the example `thumbnails`: grey ones, in the format PGM, whose pixels are bytes after a header of text.
import { Effect, FileSystem, Schema } from "effect"

export class BadImage extends Schema.TaggedError<BadImage>()("BadImage", { image: Schema.String }) {}

const encode = (width: number, height: number, pixels: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from(`P5 ${width} ${height} 255\n`), pixels])

/** Writes an image that gets brighter from one corner to the other. */
export const writeImage = Effect.fnUntraced(function*(path: string, side: number) {
  const files = yield* FileSystem.FileSystem
  const pixels = Uint8Array.from({ length: side * side }, (_, index) => (index % side + index / side) * 128 / side)
  yield* files.writeFile(path, encode(side, side, pixels))
})

/** Writes the image again, with `scale` by `scale` pixels made one, and returns the path. */
export const writeThumbnail = Effect.fnUntraced(function*(image: string, scale: number) {
  const files = yield* FileSystem.FileSystem
  const bytes = yield* Effect.mapError(files.readFile(image), () => new BadImage({ image }))
  const [header, width, height] = /^P5 (\d+) (\d+) 255\n/.exec(Buffer.from(bytes.subarray(0, 32)).toString("latin1")) ??
    []
  if (header === undefined) return yield* new BadImage({ image })
  const pixels = bytes.subarray(header.length)
  const [columns, rows] = [Math.floor(Number(width) / scale), Math.floor(Number(height) / scale)]
  const small = Uint8Array.from({ length: columns * rows }, (_, index) => {
    const first = (Math.floor(index / columns) * Number(width) + index % columns) * scale
    let sum = 0
    for (let y = 0; y < scale; y++) for (let x = 0; x < scale; x++) sum += pixels[first + y * Number(width) + x]!
    return sum / scale ** 2
  })
  const thumbnail = image.replace(/\.pgm$/, ".thumbnail.pgm")
  yield* Effect.orDie(files.writeFile(thumbnail, encode(columns, rows, small)))
  return thumbnail
})
