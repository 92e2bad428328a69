// Where the lines come from. They are bytes: a file name need not be UTF-8, and a carriage return belongs to its line.
import * as NodeStream from "@effect/platform-node/NodeStream"
import { Effect, FileSystem, type PlatformError, Schema, Stdio, Stream } from "effect"
import { constants, openSync } from "node:fs"
import { Socket } from "node:net"

class BadInput extends Schema.TaggedError<BadInput>()("BadInput", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/**
 * The bytes of a pipe by its name: a FIFO, `/dev/stdin` behind a `|`, or the `/dev/fd/63` of a shell's `<(…)`. It has no
 * positions, at which a file is read. Nothing blocks: a thread that waits for a writer would keep the process from its end.
 */
const readPipe = Effect.fnUntraced(function*(path: string) {
  const failed = (cause: unknown) => new BadInput({ message: path, cause })
  const socket = yield* Effect.try({
    try: () => new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), writable: false }),
    catch: failed
  })
  return NodeStream.fromReadable({ evaluate: () => socket, onError: failed })
})

const input = (bytes: Stream.Stream<Uint8Array, BadInput | PlatformError.PlatformError>, total?: number) => ({
  bytes,
  total
})

/** The bytes of a file, or of the standard input, and how many there are, as far as that is known. */
export const openInput = Effect.fnUntraced(function*(path: string) {
  if (path === "-") return input((yield* Stdio.Stdio).stdin)
  const fs = yield* FileSystem.FileSystem
  if (path.includes("{}") && !(yield* fs.exists(path))) {
    return yield* new BadInput({ message: `there is no file ${path}. Quote the command: farm 'echo {}' FILE` })
  }
  const { size, type } = yield* fs.stat(path)
  if (type === "Directory") return yield* new BadInput({ message: `${path} is a directory` })
  if (type === "FIFO") return input(yield* readPipe(path))
  return input(fs.stream(path), type === "File" ? Number(size) : undefined)
})

/** The longest line that Linux passes to a process, in an environment variable of nine letters. */
export const LINE_LIMIT = 128 * 1024 - "FARM_LINE=\0".length

/** One byte beyond the limit is kept of a line that is longer: it shows that, and input without lines needs no memory. */
const append = (start: Buffer, more: Uint8Array): Buffer =>
  Buffer.concat([start, more.subarray(0, LINE_LIMIT + 1 - start.length)])

/** The lines of a stream of bytes, without the bytes that end them; the last one may lack it. Empty lines are lines. */
export const splitLines = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>, end = 0x0a): Stream.Stream<Buffer, E, R> =>
  bytes.pipe(
    Stream.mapAccum((): Buffer => Buffer.alloc(0), (rest, chunk) => {
      const lines: Array<Buffer> = []
      let from = 0
      for (let at = chunk.indexOf(end); at >= 0; at = chunk.indexOf(end, from)) {
        lines.push(append(rest, chunk.subarray(from, at)))
        rest = Buffer.alloc(0)
        from = at + 1
      }
      return [append(rest, chunk.subarray(from)), lines]
    }, { onHalt: (rest) => rest.length > 0 ? [rest] : [] })
  )
