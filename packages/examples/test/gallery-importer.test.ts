import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Console, Effect, FileSystem, Stream } from "effect"
import { writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { openDatabase } from "../src/gallery/import-database.ts"
import { readRows } from "../src/gallery/import-rows.ts"
import { importOrders, importRows } from "../src/gallery/importer.ts"
import { generateOrders } from "./embedded/orders.ts"
import { everything, query } from "./importing.ts"

const silent = Effect.provideService(Console.Console, { ...globalThis.console, error: () => {} })

const directory = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

/** A CSV of that content, and a path for a database. */
const csv = Effect.fnUntraced(function*(content: string) {
  const fs = yield* FileSystem.FileSystem
  const place = yield* directory
  yield* fs.writeFileString(`${place}/in.csv`, content)
  return { file: `${place}/in.csv`, db: `${place}/out.sqlite` }
})

const importing = (file: string, db: string, batch = 100) =>
  importOrders(file, db, batch).pipe(Effect.provide(GreenPool.layer({ size: 3 })), silent)

const head = "id,email,amount,day,note\n"

describe("importer", { timeout: 60_000, concurrent: true }, () => {
  it.live("writes what is right as it is, and what is not with its line and the reason", () =>
    Effect.gen(function*() {
      const rows = [
        `1,a@b.c,1.50,2026-01-31,"say ""yes"",\r\nor no"`,
        `2,a@b.c,1.50,2026-01-31`,
        ``,
        `3,nobody,1.50,2026-01-31,`,
        `x,a@b.c,1.50,2026-01-31,`,
        `4,a@b.c,-1.50,2026-01-31,`,
        `1,a@b.c,2.50,2026-01-31,again`,
        `5,a@b.c,0.00,2026-01-31,5" wide`,
        `6,a@b.c,0.00,2026-01-31,`,
        `7,a@b.c,0.00,2024-99-99,`,
        `8,a@b.c,0.00,2023-02-29,`,
        `9,a@b.c,0.00,2024-02-29,`,
        `10,a@b.c,0.00,2026-01,`
      ]
      const { db, file } = yield* csv(`\ufeff${head.trim()}\r\n${rows.join("\r\n")}`)
      assert.deepStrictEqual(yield* importing(file, db, 2), { orders: 4, rejects: 8 })
      assert.deepStrictEqual(query(db, "SELECT * FROM orders"), [
        { id: 1, email: "a@b.c", amount: 1.5, day: "2026-01-31", note: `say "yes",\r\nor no` },
        { id: 5, email: "a@b.c", amount: 0, day: "2026-01-31", note: `5" wide` },
        { id: 6, email: "a@b.c", amount: 0, day: "2026-01-31", note: "" },
        { id: 9, email: "a@b.c", amount: 0, day: "2024-02-29", note: "" }
      ])
      const rejects = query(db, "SELECT line, reason FROM rejects").map(({ line, reason }) => `${line}: ${reason}`)
      assert.deepStrictEqual(rejects.map((reject) => reject.replace(/ RegExp .* at/, " … at")), [
        "4: 4 fields, not 5",
        `6: Expected a string matching the … at ["email"]`,
        `7: Expected a string matching the … at ["id"]`,
        `8: Expected a string matching the … at ["amount"]`,
        "9: the id 1 is there already",
        `12: Expected a date such as 2026-01-31 at ["day"]`,
        `13: Expected a date such as 2026-01-31 at ["day"]`,
        `15: Expected a date such as 2026-01-31 at ["day"]`
      ])
      assert.deepStrictEqual(query(db, "SELECT fields FROM rejects WHERE line = 4"), [
        { fields: `["2","a@b.c","1.50","2026-01-31"]` }
      ])
    }).pipe(Effect.provide(NodeServices.layer), Effect.scoped))

  it.live("rejects rows that are not UTF-8, and imports the others", () =>
    Effect.gen(function*() {
      const { db, file } = yield* csv("")
      const row = (id: number, note: string) => `${id},a@b.c,1.50,2026-01-31,${note}\n`
      const text = head + row(1, "plain") + row(2, "caf\u00e9") + row(3, "\"two\nlines of caf\u00e9\"") + row(4, "end")
      writeFileSync(file, text, "latin1")
      assert.deepStrictEqual(yield* importing(file, db, 2), { orders: 2, rejects: 2 })
      const reason = "not UTF-8: the file may be in Latin-1"
      assert.deepStrictEqual(query(db, "SELECT line, reason, fields FROM rejects"), [
        { line: 3, reason, fields: `["2","a@b.c","1.50","2026-01-31","caf\u00e9"]` },
        { line: 4, reason, fields: `["3","a@b.c","1.50","2026-01-31","two\\nlines of caf\u00e9"]` }
      ])
      // What is UTF-8 is imported as it is, the replacement character too.
      const utf8 = yield* csv(head + row(1, "caf\u00e9 \ufffd"))
      yield* importing(utf8.file, utf8.db)
      assert.deepStrictEqual(query(utf8.db, "SELECT note FROM orders"), [{ note: "caf\u00e9 \ufffd" }])
      const utf16 = yield* csv("")
      writeFileSync(utf16.file, `\ufeff${head}`, "utf16le")
      assert.match(
        (yield* Effect.flip(importing(utf16.file, utf16.db))).message,
        /in\.csv, line 1: .*, or it is not UTF-8$/
      )
    }).pipe(Effect.provide(NodeServices.layer), Effect.scoped))

  it.live("has few rows in hand, however long the file and however slow the writing", () =>
    Effect.gen(function*() {
      const file = `${yield* directory}/in.csv`
      yield* generateOrders(file, 20_000)
      let [taken, written, most] = [0, 0, 0]
      const rows = readRows(file, { bytes: 0, lines: 0 }).pipe(Stream.tap(() => Effect.sync(() => taken++)))
      yield* importRows(rows, 100, ({ orders, rejects }) =>
        Effect.gen(function*() {
          // All that can happen meanwhile does.
          for (let i = 0; i < 10; i++) {
            yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
          }
          most = Math.max(most, taken - written)
          written += orders.length + rejects.length
        })).pipe(Effect.provide(GreenPool.layer({ size: 2 })))
      assert.deepStrictEqual([taken, written], [20_001, 20_001])
      // Two slots, the batch that is written, and a chunk of the parser.
      assert.isAtMost(most, 3 * 100 + 1000)
    }).pipe(Effect.provide(NodeServices.layer), Effect.scoped))

  it.live("refuses files that it cannot import, and keeps what it has", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      for (const content of ["", "id,name\n1,x\n", "1,a@b.c,1.50,2026-01-31,\n"]) {
        const { db, file } = yield* csv(content)
        assert.deepInclude(yield* Effect.flip(importing(file, db)), { reason: "NotThisTable" })
        assert.isFalse(yield* fs.exists(db))
      }
      const row = (id: number) => `${id},a@b.c,1.50,2026-01-31,\n`
      const open = yield* csv(`${head}${row(1)}${row(2)}${row(3)}4,"a@b.c,1.50,2026-01-31,\n${row(5)}`)
      const error = yield* Effect.flip(importing(open.file, open.db, 1))
      assert.deepInclude(error, { reason: "BrokenCsv" })
      assert.match(error.message, /in\.csv: the row of line 5: Quote Not Closed$/)
      assert.deepStrictEqual(query(open.db, "SELECT id FROM orders"), [{ id: 1 }, { id: 2 }, { id: 3 }])

      const changed = yield* csv(head + row(1))
      yield* importing(changed.file, changed.db)
      yield* fs.writeFileString(changed.file, head + row(1) + row(2))
      assert.deepInclude(yield* Effect.flip(importing(changed.file, changed.db)), { reason: "FileChanged" })
      assert.deepInclude(yield* Effect.flip(importing(changed.file, changed.file)), { reason: "Database" })
      assert.strictEqual(yield* fs.readFileString(changed.file), head + row(1) + row(2))
    }).pipe(Effect.provide(NodeServices.layer), Effect.scoped))

  it.live("writes all of a batch or nothing, for one process at a time", () =>
    Effect.gen(function*() {
      const { db } = yield* csv("")
      const [one, two] = [yield* openDatabase(db, "in.csv", "v"), yield* openDatabase(db, "in.csv", "v")]
      const row = (id: number) => ({ id, email: "a@b.c", amount: 1, day: "2026-01-31", note: "" })
      const batch = (id: number) => {
        const end = { bytes: id, lines: id }
        return { orders: [{ ...row(id), row: { fields: [], isUtf8: true, start: end, end } }], rejects: [], end }
      }
      assert.deepStrictEqual(yield* one.write(batch(1)), { orders: 1, rejects: 0 })
      assert.match((yield* Effect.flip(two.write(batch(1)))).message, /another process is importing in\.csv/)
      assert.match((yield* Effect.flip(two.write(batch(2)))).message, /another process is importing in\.csv/)
      const twice = { line: 1, reason: "", fields: [] }
      assert.deepInclude(yield* Effect.flip(one.write({ ...batch(3), rejects: [twice, twice] })), {
        reason: "Database"
      })
      assert.deepStrictEqual(query(db, "SELECT id FROM orders"), [{ id: 1 }])
      assert.deepStrictEqual(query(db, "SELECT bytes, orders FROM imports"), [{ bytes: 1, orders: 1 }])
      assert.deepStrictEqual(yield* one.write(batch(3)), { orders: 1, rejects: 0 })
    }).pipe(Effect.provide(NodeServices.layer), Effect.scoped))

  it.live("says why a transaction has failed that SQLite itself has rolled back, as it does on a full disk", () =>
    Effect.gen(function*() {
      const { db, file } = yield* csv(`${head}1,a@b.c,1.50,2026-01-31,\n`)
      yield* openDatabase(db, "in.csv", "v").pipe(Effect.scoped)
      const database = new DatabaseSync(db)
      database.exec(
        "CREATE TRIGGER full BEFORE INSERT ON orders BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END"
      )
      database.close()
      const error = yield* Effect.flip(importing(file, db))
      assert.deepInclude(error, { reason: "Database", message: `${db}: database or disk is full` })
      assert.deepStrictEqual(everything(db).slice(0, 2), [[], []])
    }).pipe(Effect.provide(NodeServices.layer), Effect.scoped))
})
