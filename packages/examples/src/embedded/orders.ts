import { Effect, FileSystem, Stream } from "effect"
import { COLUMNS } from "../gallery/import-check.ts"

const field = (text: string) => /[",\n]/.test(text) ? `"${text.replaceAll("\"", "\"\"")}"` : text

/** A row. Some notes need quotes; every 1000th row is wrong in one of four ways. */
const row = (index: number): string => {
  const wrong = index % 1000 === 0 ? index / 1000 % 4 : undefined
  const day = new Date(Date.UTC(2020, 0, 1 + index % 2000)).toISOString().slice(0, 10)
  const note = index % 50 === 0 ? "two\nlines" : index % 20 === 0 ? "say \"please\", or not" : `note ${index}`
  const fields = [
    // The same as that of the row before.
    String(wrong === 0 ? index - 1 : index),
    wrong === 1 ? "nobody" : `customer${index % 5000}@example.com`,
    wrong === 2 ? "-1.00" : (index % 9973 / 100).toFixed(2),
    day,
    note
  ]
  return `${(wrong === 3 ? fields.slice(1) : fields).map(field).join(",")}\n`
}

const blocks = function*(count: number) {
  yield `${COLUMNS.join(",")}\n`
  for (let start = 1; start <= count; start += 1000) {
    yield Array.from({ length: Math.min(1000, count + 1 - start) }, (_, index) => row(start + index)).join("")
  }
}

/** Writes a CSV of so many orders. The file is there when it is complete. */
export const generateOrders = Effect.fn("generateOrders")(function*(file: string, count: number) {
  const fs = yield* FileSystem.FileSystem
  const part = `${file}.${process.pid}.part`
  yield* Stream.fromIterable(blocks(count), { chunkSize: 1 }).pipe(
    Stream.encodeText,
    Stream.run(fs.sink(part))
  )
  yield* fs.rename(part, file)
})
