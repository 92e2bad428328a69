import * as NodeStream from "@effect/platform-node/NodeStream"
import { parse } from "csv-parse"
import { Effect, FileSystem, Schema, Stream } from "effect"
import { isUtf8 } from "node:buffer"
import { messageOf } from "../message.ts"

/** What keeps a file from being imported any further. What was written before stays. */
export class ImportError extends Schema.TaggedError<ImportError>()("ImportError", {
  reason: Schema.Literals(["NotThisTable", "BrokenCsv", "FileChanged", "Database"]),
  message: Schema.String
}) {}

/** A place in a file, at the beginning of a row: how many bytes and lines are before it. */
export interface Place {
  readonly bytes: number
  readonly lines: number
}

/** A row of the file as text, where it begins, and where the next one does. */
export interface Row {
  readonly fields: ReadonlyArray<string>
  /** Otherwise `fields` are its bytes as Latin-1. */
  readonly isUtf8: boolean
  readonly start: Place
  readonly end: Place
}

/** What the parser makes of a row: `bytes` is its end. */
interface Parsed {
  readonly record: ReadonlyArray<Buffer>
  readonly info: { readonly bytes: number }
}

const breaksIn = (field: Buffer): number => {
  let count = 0
  for (let at = field.indexOf(0x0a); at >= 0; at = field.indexOf(0x0a, at + 1)) count++
  return count
}

/** The rows of a file from a place on. A row may have any number of fields, and fields may have lines of their own. */
export const readRows = (file: string, from: Place) =>
  Stream.unwrap(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    // The parser would read a file with a byte order mark as text.
    const start = yield* Stream.mkUint8Array(fs.stream(file, { bytesToRead: 3 }))
    const origin = from.bytes === 0 && Buffer.from("\ufeff").equals(start) ? 3 : from.bytes
    let at = { bytes: origin, lines: from.lines }
    // What the parser says after a resumption counts lines from there.
    const broken = (error: unknown) => {
      const [why] = messageOf(error).split(":")
      return new ImportError({ reason: "BrokenCsv", message: `${file}: the row of line ${at.lines + 1}: ${why}` })
    }
    return fs.stream(file, { offset: origin }).pipe(
      NodeStream.pipeThroughDuplex<Parsed, ImportError>({
        evaluate: () =>
          parse({
            // Fields are bytes, so that those that are not UTF-8 are noticed, and not replaced.
            encoding: null,
            info: true,
            record_delimiter: ["\n", "\r\n"],
            // These are for the schema to judge, with the other errors of a row.
            relax_column_count: true,
            relax_quotes: true,
            // So that a quote without an end does not take up all memory.
            max_record_size: 1_000_000
          }),
        chunkSize: 1000,
        onError: broken
      }),
      Stream.map(({ info, record }): Row => {
        const start = at
        const isText = record.every(isUtf8)
        const breaks = record.reduce((sum, field) => sum + breaksIn(field), 0)
        at = { bytes: origin + info.bytes, lines: start.lines + 1 + breaks }
        const fields = record.map((field) => field.toString(isText ? "utf8" : "latin1"))
        return { fields, isUtf8: isText, start, end: at }
      })
    )
  }))
