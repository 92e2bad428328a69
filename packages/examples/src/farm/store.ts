// What jobs have written and what is not printed yet: in memory up to a limit, and beyond it in a file without a name.
import { Effect, Schema } from "effect"
import { randomUUID } from "node:crypto"
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The largest piece that a pipe delivers, and the room for a piece in the file. */
const BLOCK = 64 * 1024

/** A piece of output: itself, or where it is in the file. */
export type Piece = Buffer | { readonly block: number; readonly length: number }

export interface Store {
  /** Keeps a piece. */
  readonly put: (piece: Buffer) => Piece
  /** Takes pieces out, one after the other. */
  readonly take: (pieces: Iterable<Piece>) => Iterable<Buffer>
  /** Forgets pieces. */
  readonly drop: (pieces: Iterable<Piece>) => void
}

/** A file cannot be opened. */
class CannotOpen extends Schema.TaggedError<CannotOpen>()("CannotOpen", { cause: Schema.Defect() }) {}

/** Opens a file for reading and writing, and closes it with the scope. */
export const openFile = (path: string, flags: string) =>
  Effect.acquireRelease(
    Effect.try({ try: () => openSync(path, flags, 0o600), catch: (cause) => new CannotOpen({ cause }) }),
    (file) => Effect.sync(() => closeSync(file))
  )

/** Makes a store that lives as long as the scope. The file has its descriptor from the start, and never needs another. */
export const makeStore = Effect.fnUntraced(function*(limit: number) {
  const path = join(tmpdir(), `farm-${randomUUID()}`)
  const file = yield* openFile(path, "wx+")
  yield* Effect.sync(() => unlinkSync(path))
  let inMemory = 0
  let blocks = 0
  const free: Array<number> = []

  const put = (piece: Buffer): Piece => {
    if (inMemory + piece.length > limit) {
      const block = free.pop() ?? blocks++
      try {
        if (writeSync(file, piece, 0, piece.length, block * BLOCK) === piece.length) {
          return { block, length: piece.length }
        }
      } catch {
        // No room on the disk: memory is the place that is left.
      }
      free.push(block)
    }
    inMemory += piece.length
    return piece
  }

  const drop = (pieces: Iterable<Piece>) => {
    for (const piece of pieces) {
      if (Buffer.isBuffer(piece)) inMemory -= piece.length
      else free.push(piece.block)
    }
  }

  const take = function*(pieces: Iterable<Piece>) {
    for (const piece of pieces) {
      const bytes = Buffer.isBuffer(piece) ? piece : Buffer.allocUnsafe(piece.length)
      if (!Buffer.isBuffer(piece)) readSync(file, bytes, 0, piece.length, piece.block * BLOCK)
      drop([piece])
      yield bytes
    }
  }

  return { put, take, drop } satisfies Store
})
