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
type Parsed = { readonly record: ReadonlyArray<string>; readonly info: { readonly bytes: number } }

/** Text of bytes that were read as Latin-1, in which every byte is a character; undefined where they are not UTF-8. */
const decode = (field: string): string | undefined => {
  if (!/[\x80-\xff]/.test(field)) return field
  const bytes = Buffer.from(field, "latin1")
  return isUtf8(bytes) ? bytes.toString() : undefined
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
            // So that bytes that are not UTF-8 are noticed, and not replaced.
            encoding: "latin1",
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
        const decoded = record.map(decode)
        const fields = decoded.filter((field) => field !== undefined)
        const isText = fields.length === record.length
        const breaks = record.reduce((sum, text) => sum + text.split("\n").length - 1, 0)
        at = { bytes: origin + info.bytes, lines: start.lines + 1 + breaks }
        return { fields: isText ? fields : record, isUtf8: isText, start, end: at }
      })
    )
  }))
