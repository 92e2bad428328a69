// Reads a CSV of any length into SQLite, in constant memory: batches of rows are checked in jobs of the pool, and written
// in their order, each in one transaction, which also says how far the import is. So it can be stopped at any moment.
import * as NodeStream from "@effect/platform-node/NodeStream"
import { GreenPool } from "@greenpool/core"
import { parse } from "csv-parse"
import { Clock, Console, Effect, FileSystem, Option, Result, Schedule, Schema, Stream } from "effect"
import { Argument, Command } from "effect/cli"
import { DatabaseSync } from "node:sqlite"
import { integer, path } from "../flags.ts"
import { COLUMNS, generateOrders } from "./orders.ts"

const digits = (pattern: RegExp) =>
  Schema.String.check(Schema.isPattern(pattern)).pipe(Schema.decodeTo(Schema.FiniteFromString))

/** Whether there is such a date. `Date` takes 2023-02-29 for the first of March. */
const isDay = (text: string): boolean => {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN
  return Number.isFinite(time) && new Date(time).toISOString().startsWith(text)
}

const Order = Schema.Struct({
  id: digits(/^[1-9]\d{0,14}$/),
  email: Schema.String.check(Schema.isPattern(/^\S+@\S+$/)),
  amount: digits(/^\d{1,9}\.\d\d$/),
  day: Schema.String.check(Schema.makeFilter(isDay, { expected: "a date, as 2026-01-31" })),
  note: Schema.String
})

/** What keeps a file from being imported any further. What was written before stays. */
export class ImportError extends Schema.TaggedError<ImportError>()("ImportError", {
  reason: Schema.Literals(["NotThisTable", "BrokenCsv", "FileChanged", "Database"]),
  message: Schema.String
}) {}

/** A place in a file, at the beginning of a row: how many bytes and lines are before it. */
interface Place {
  readonly bytes: number
  readonly lines: number
}

/** A row of the file as text, where it begins, and where the next one does. */
interface Row {
  readonly fields: ReadonlyArray<string>
  readonly start: Place
  readonly end: Place
}

/** What the parser gives for a row: `bytes` is its end. */
interface Parsed {
  readonly record: ReadonlyArray<string>
  readonly info: { readonly bytes: number }
}

/** The rows of a file from a place on. A row may have any number of fields, and fields may have lines of their own. */
export const readRows = (file: string, from: Place) =>
  Stream.unwrap(Effect.map(FileSystem.FileSystem, (fs) => {
    let at = from
    // What the parser says after a resumption counts lines from there.
    const broken = (error: unknown) => {
      const [why] = String(error instanceof Error ? error.message : error).split(":")
      return new ImportError({ reason: "BrokenCsv", message: `${file}: the row of line ${at.lines + 1}: ${why}` })
    }
    return fs.stream(file, { offset: from.bytes }).pipe(
      NodeStream.pipeThroughDuplex<Parsed>({
        evaluate: () =>
          parse({
            bom: true,
            info: true,
            record_delimiter: ["\n", "\r\n"],
            // These are for the schema to judge, with the other errors of a row.
            relax_column_count: true,
            relax_quotes: true,
            // So that a quote without an end does not take up all memory.
            max_record_size: 1_000_000
          }),
        chunkSize: 1000
      }),
      Stream.map(({ info, record }): Row => {
        const start = at
        const breaks = record.reduce((sum, text) => sum + text.split("\n").length - 1, 0)
        at = { bytes: from.bytes + info.bytes, lines: start.lines + 1 + breaks }
        return { fields: record, start, end: at }
      }),
      Stream.catchTag("UnknownError", ({ cause }) => Stream.fail(broken(cause)))
    )
  }))

/** A row that is not imported: its line, why, and its fields. */
interface Reject {
  readonly line: number
  readonly reason: string
  readonly fields: ReadonlyArray<string>
}

/** The rows of a batch after their check, and where the next batch begins. */
interface Batch {
  readonly orders: ReadonlyArray<typeof Order.Type & { readonly row: Row }>
  readonly rejects: ReadonlyArray<Reject>
  readonly end: Place
}

const decodeOrder = Schema.decodeUnknownResult(Order)

/** A job: checks a batch. This is work for the CPU alone; a check that asks somebody else would be written the same. */
const check = (rows: readonly [Row, ...ReadonlyArray<Row>]) =>
  Effect.sync((): Batch => {
    const orders: Array<Batch["orders"][number]> = []
    const rejects: Array<Reject> = []
    for (const row of rows) {
      const { fields, start } = row
      // An empty line.
      if (fields.length === 1 && fields[0] === "") continue
      const reject = (reason: string) => rejects.push({ line: start.lines + 1, reason, fields })
      if (fields.length !== COLUMNS.length) {
        reject(`${fields.length} fields, not ${COLUMNS.length}`)
        continue
      }
      const order = decodeOrder(Object.fromEntries(COLUMNS.map((name, index) => [name, fields[index]])))
      if (Result.isSuccess(order)) orders.push({ ...order.success, row })
      else reject(order.failure.message.replace(/\s+/g, " "))
    }
    return { orders, rejects, end: rows.at(-1)?.end ?? rows[0].end }
  })

/**
 * Checks rows, so many in a batch, and writes the batches in their order. No more batches are in hand than the pool has
 * slots, beside one that is written and what the parser gives at once: a slow disk slows down the reading.
 */
export const importRows = <E, R, E2, R2>(
  rows: Stream.Stream<Row, E, R>,
  batch: number,
  write: (batch: Batch) => Effect.Effect<void, E2, R2>
) => rows.pipe(Stream.grouped(batch), GreenPool.imap(check), Stream.runForEach(write))

const TABLES = `
  CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, email TEXT, amount REAL, day TEXT, note TEXT) STRICT;
  CREATE TABLE IF NOT EXISTS rejects (file TEXT, line INTEGER, reason TEXT, fields TEXT, PRIMARY KEY (file, line)) STRICT;
  CREATE TABLE IF NOT EXISTS imports (
    file TEXT PRIMARY KEY, version TEXT, bytes INTEGER, lines INTEGER, orders INTEGER, rejects INTEGER
  ) STRICT;
`

const attempt = <A>(run: () => A) =>
  Effect.try({ try: run, catch: (error) => new ImportError({ reason: "Database", message: String(error) }) })

/** Opens the database for the import of a file, and closes it with the scope. `version` tells the file from others. */
export const openDatabase = Effect.fn("openDatabase")(function*(path: string, file: string, version: string) {
  const database = yield* Effect.acquireRelease(
    attempt(() => new DatabaseSync(path, { timeout: 5000 })),
    (database) => Effect.sync(() => database.close())
  )
  return yield* attempt(() => {
    // With a write-ahead log, a transaction that is written survives the end of the process, however it comes.
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; ${TABLES}`)
    database.prepare("INSERT INTO imports VALUES (?, ?, 0, 0, 0, 0) ON CONFLICT DO NOTHING").run(file, version)
    const addOrder = database.prepare("INSERT INTO orders VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING")
    const addReject = database.prepare("INSERT INTO rejects VALUES (?, ?, ?, ?)")
    const find = database.prepare("SELECT version, bytes, lines, orders, rejects FROM imports WHERE file = ?")
    const advance = database.prepare(
      "UPDATE imports SET bytes = ?, lines = ?, orders = orders + ?, rejects = rejects + ? WHERE file = ? AND bytes = ?"
    )
    const progress = Schema.decodeUnknownSync(
      Schema.Struct({
        version: Schema.String,
        bytes: Schema.Int,
        lines: Schema.Int,
        orders: Schema.Int,
        rejects: Schema.Int
      })
    )(find.get(file))
    let at = progress.bytes

    /** Writes a batch and how far the import is then, or nothing of it; gives the number of orders and of rejects. */
    const write = ({ end, orders, rejects }: Batch) =>
      attempt(() => {
        database.exec("BEGIN IMMEDIATE")
        try {
          const all = [...rejects]
          for (const { amount, day, email, id, note, row } of orders) {
            if (addOrder.run(id, email, amount, day, note).changes > 0) continue
            all.push({ line: row.start.lines + 1, reason: `the id ${id} is there already`, fields: row.fields })
          }
          for (const { fields, line, reason } of all) addReject.run(file, line, reason, JSON.stringify(fields))
          const counts = { orders: orders.length + rejects.length - all.length, rejects: all.length }
          const isMine = advance.run(end.bytes, end.lines, counts.orders, counts.rejects, file, at).changes > 0
          if (!isMine) throw new Error("another process is importing this file")
          database.exec("COMMIT")
          at = end.bytes
          return counts
        } catch (error) {
          // On a full disk SQLite has done that itself.
          if (database.isTransaction) database.exec("ROLLBACK")
          throw error
        }
      })

    return { progress, write }
  })
})

/** Imports a file from where the database has it, and gives the number of its orders and of its rejects. */
export const importOrders = Effect.fn("importOrders")(
  function*(file: string, path: string, batch: number) {
    const fs = yield* FileSystem.FileSystem
    const name = yield* fs.realPath(file)
    const { mtime, size } = yield* fs.stat(file)
    const version = `${size} bytes, ${Option.match(mtime, { onNone: () => "", onSome: (date) => date.toISOString() })}`
    const header = yield* Stream.runHead(readRows(file, { bytes: 0, lines: 0 }))
    if (Option.isNone(header) || header.value.fields.join() !== COLUMNS.join()) {
      return yield* new ImportError({
        reason: "NotThisTable",
        message: `${file}: its columns are not ${COLUMNS.join()}`
      })
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

    yield* importRows(
      readRows(file, progress.bytes === 0 ? header.value.end : progress),
      batch,
      (checked) =>
        Effect.map(write(checked), ({ orders, rejects }) => {
          tally.orders += orders
          tally.rejects += rejects
        })
    )
    return tally
  },
  Effect.scoped
)

const command = Command.make(
  "importer",
  {
    file: Argument.File("FILE", { mustExist: true }).pipe(
      Argument.withDescription(`A CSV with the columns ${COLUMNS.join()}; without it, a generated one`),
      Argument.optional
    ),
    generate: integer("generate", "Without FILE: how many rows are generated, into import-N.csv", 1_000_000),
    db: path("db", "The database", "import.sqlite"),
    batch: integer("batch", "Rows in a transaction", 1000),
    size: integer("size", "Batches in hand", 4)
  },
  Effect.fn("importer")(function*({ batch, db, file, generate, size }) {
    const fs = yield* FileSystem.FileSystem
    const csv = Option.getOrElse(file, () => `import-${generate}.csv`)
    if (!(yield* fs.exists(csv))) yield* generateOrders(csv, generate)
    const { orders, rejects } = yield* importOrders(csv, db, batch).pipe(Effect.provide(GreenPool.layer({ size })))
    const megabytes = (process.resourceUsage().maxRSS / 1024).toFixed(0)
    yield* Console.log(`${csv}: ${orders} orders and ${rejects} rejects in ${db}; at most ${megabytes} MB of memory`)
  })
).pipe(Command.withDescription("Reads a CSV into SQLite, and goes on where it was interrupted."))

export const main = Command.run(command, { version: "0.1.0" })
