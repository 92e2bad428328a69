// Lines as bytes: a file name need not be UTF-8, and a carriage return belongs to its line.
import { Stream } from "effect"

/** The longest line that Linux passes to a process, in an environment variable of nine letters. */
export const LINE_LIMIT = 128 * 1024 - "FARM_LINE=\0".length

const nothing = Buffer.alloc(0)

/** One byte beyond the limit is kept of a line that is longer: it shows that, and input without lines needs no memory. */
const append = (start: Buffer, more: Uint8Array): Buffer =>
  Buffer.concat([start, more.subarray(0, LINE_LIMIT + 1 - start.length)])

/** The lines of a stream of bytes, without the bytes that end them; the last one may lack it. Empty lines are lines. */
export const splitLines = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>, end = 0x0a): Stream.Stream<Buffer, E, R> =>
  bytes.pipe(
    Stream.mapAccum((): Buffer => nothing, (rest, chunk) => {
      const lines: Array<Buffer> = []
      let from = 0
      for (let at = chunk.indexOf(end); at >= 0; at = chunk.indexOf(end, from)) {
        lines.push(append(rest, chunk.subarray(from, at)))
        rest = nothing
        from = at + 1
      }
      return [append(rest, chunk.subarray(from)), lines]
    }, { onHalt: (rest) => rest.length > 0 ? [rest] : [] })
  )
