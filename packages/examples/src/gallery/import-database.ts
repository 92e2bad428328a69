import { Effect, Schema } from "effect"
import { DatabaseSync } from "node:sqlite"
import { messageOf } from "../message.ts"
import type { Batch } from "./import-check.ts"
import { ImportError } from "./import-rows.ts"

const TABLES = `
  CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, email TEXT, amount REAL, day TEXT, note TEXT) STRICT;
  CREATE TABLE IF NOT EXISTS rejects (file TEXT, line INTEGER, reason TEXT, fields TEXT, PRIMARY KEY (file, line)) STRICT;
  CREATE TABLE IF NOT EXISTS imports (
    file TEXT PRIMARY KEY, version TEXT, bytes INTEGER, lines INTEGER, orders INTEGER, rejects INTEGER
  ) STRICT;
`

const Progress = Schema.Struct({
  version: Schema.String,
  bytes: Schema.Int,
  lines: Schema.Int,
  orders: Schema.Int,
  rejects: Schema.Int
})

/** Opens the database for the import of a file, and closes it with the scope. `version` tells the file from others. */
export const openDatabase = Effect.fn("openDatabase")(function*(path: string, file: string, version: string) {
  const attempt = <A>(run: () => A) =>
    Effect.try({
      try: run,
      catch: (error) => new ImportError({ reason: "Database", message: `${path}: ${messageOf(error)}` })
    })
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
    const advance = database.prepare("UPDATE imports SET bytes = ?, lines = ? WHERE file = ? AND bytes = ?")
    const count = database.prepare("UPDATE imports SET orders = orders + ?, rejects = rejects + ? WHERE file = ?")
    const progress = Schema.decodeUnknownSync(Progress)(find.get(file))
    let at = progress.bytes

    /** Writes a batch and how far the import is then, or nothing of it; returns the number of orders and of rejects. */
    const write = ({ end, orders, rejects }: Batch) =>
      attempt(() => {
        database.exec("BEGIN IMMEDIATE")
        try {
          // First: if another process has written this batch, its rows are there already.
          if (advance.run(end.bytes, end.lines, file, at).changes === 0) {
            throw new Error(`another process is importing ${file}; this one has stopped`)
          }
          const all = [...rejects]
          for (const { amount, day, email, id, note, row } of orders) {
            if (addOrder.run(id, email, amount, day, note).changes > 0) continue
            all.push({ line: row.start.lines + 1, reason: `the id ${id} is there already`, fields: row.fields })
          }
          for (const { fields, line, reason } of all) addReject.run(file, line, reason, JSON.stringify(fields))
          const counts = { orders: orders.length + rejects.length - all.length, rejects: all.length }
          count.run(counts.orders, counts.rejects, file)
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
