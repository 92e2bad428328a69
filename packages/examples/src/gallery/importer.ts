// Reads a CSV of any length into SQLite, in constant memory: batches of rows are checked in jobs of the pool, and written
// in their order, each in one transaction, which also says how far the import is. So it can be stopped at any moment.
import { GreenPool } from "@greenpool/core"
import { Clock, Console, Effect, FileSystem, Option, Schedule, Stream } from "effect"
import { generateOrders } from "../embedded/orders.ts"
import { type Batch, check, COLUMNS } from "./import-check.ts"
import { openDatabase } from "./import-database.ts"
import { ImportError, readRows, type Row } from "./import-rows.ts"

/**
 * Checks rows, so many in a batch, and writes the batches in their order. No more batches are in flight than the pool has
 * slots, in addition to one that is written and what the parser returns at a time: a slow disk slows down the reading.
 */
export const importRows = <E, R, E2, R2>(
  rows: Stream.Stream<Row, E, R>,
  batch: number,
  write: (batch: Batch) => Effect.Effect<void, E2, R2>
) => rows.pipe(Stream.grouped(batch), GreenPool.imap(check), Stream.runForEach(write))

/** Imports a file from where the database has it, and returns the number of its orders and of its rejects. */
export const importOrders = Effect.fn("importOrders")(
  function*(file: string, path: string, batch: number) {
    const fs = yield* FileSystem.FileSystem
    const name = yield* fs.realPath(file)
    const { mtime, size } = yield* fs.stat(file)
    const version = `${size} bytes, ${Option.match(mtime, { onNone: () => "", onSome: (date) => date.toISOString() })}`
    const header = yield* Stream.runHead(readRows(file, { bytes: 0, lines: 0 }))
    if (Option.isNone(header) || header.value.fields.join() !== COLUMNS.join()) {
      const encoding = Option.isSome(header) && header.value.isUtf8 ? "" : ", or it is not UTF-8"
      const message = `${file}, line 1: its columns are not ${COLUMNS.join()}${encoding}`
      return yield* new ImportError({ reason: "NotThisTable", message })
    }
    const { progress, write } = yield* openDatabase(path, name, version)
    if (progress.version !== version) {
      const message = `${file} has changed since ${progress.orders} orders were imported from it; use another database`
      return yield* new ImportError({ reason: "FileChanged", message })
    }

    const tally = { orders: progress.orders, rejects: progress.rejects }
    const began = yield* Clock.currentTimeMillis
    const report = Effect.gen(function*() {
      const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
      const rate = (tally.orders + tally.rejects - progress.orders - progress.rejects) / Math.max(seconds, 0.001)
      yield* Console.error(`${tally.orders} orders, ${tally.rejects} rejects, ${rate.toFixed(0)} rows/s`)
    })
    yield* Effect.addFinalizer(() => report)
    yield* Effect.forkScoped(Effect.repeat(report, Schedule.spaced("1 second")))
    const rows = readRows(file, progress.bytes === 0 ? header.value.end : progress)
    yield* importRows(rows, batch, (checked) =>
      Effect.map(write(checked), ({ orders, rejects }) => {
        tally.orders += orders
        tally.rejects += rejects
      }))
    return tally
  },
  Effect.scoped
)

interface Options {
  readonly batch: number
  readonly db: string
  readonly file: Option.Option<string>
  readonly generate: number
  readonly size: number
}

export const main = Effect.fn("importer")(function*({ batch, db, file, generate, size }: Options) {
  const fs = yield* FileSystem.FileSystem
  const csv = Option.getOrElse(file, () => `import-${generate}.csv`)
  if (!(yield* fs.exists(csv))) yield* generateOrders(csv, generate)
  const { orders, rejects } = yield* importOrders(csv, db, batch).pipe(Effect.provide(GreenPool.layer({ size })))
  const megabytes = (process.resourceUsage().maxRSS / 1024).toFixed(0)
  yield* Console.log(`${csv}: ${orders} orders and ${rejects} rejects in ${db}; at most ${megabytes} MB of memory`)
})
