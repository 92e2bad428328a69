import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Console, Effect, Stream } from "effect"
import { existsSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { setImmediate } from "node:timers/promises"
import { generateOrders } from "../src/embedded/orders.ts"
import { openDatabase } from "../src/gallery/import-database.ts"
import { readRows } from "../src/gallery/import-rows.ts"
import { importOrders, importRows } from "../src/gallery/importer.ts"
import { live } from "./live.ts"
import { everything, folder, query } from "./outside.ts"

const csv = (content: string, encoding: BufferEncoding = "utf8") =>
  Effect.map(folder, ({ path, read, write }) => {
    const file = write("in.csv", Buffer.from(content, encoding))
    return { file, db: `${path}/out.sqlite`, read, write }
  })

const importing = ({ db, file }: { readonly file: string; readonly db: string }, batch = 100) =>
  importOrders(file, db, batch).pipe(
    Effect.provide(GreenPool.layer({ size: 3 })),
    Effect.provideService(Console.Console, { ...globalThis.console, error: () => {} })
  )

const head = "id,email,amount,day,note\n"
const row = (id: number, note = "") => `${id},a@b.c,1.50,2026-01-31,${note}\n`

describe("importer", { timeout: 60_000, concurrent: true }, () => {
  live("writes what is right as it is, and what is not with its line and the reason", function*() {
    const rows = [
      `1,a@b.c,1.50,2026-01-31,"say ""yes"",\r\nor no"`,
      `2,a@b.c,1.50,2026-01-31`,
      ``,
      `3,nobody,1.50,2026-01-31,`,
      `x,a@b.c,1.50,2026-01-31,`,
      `4,a@b.c,-1.50,2026-01-31,`,
      `1,a@b.c,2.50,2026-01-31,again`,
      `5,a@b.c,0.00,2026-01-31,5" wide`,
      `7,a@b.c,0.00,2024-99-99,`,
      `8,a@b.c,0.00,2023-02-29,`,
      `9,a@b.c,0.00,2024-02-29,`,
      `10,a@b.c,0.00,2026-01,`
    ]
    const place = yield* csv(`\ufeff${head.trim()}\r\n${rows.join("\r\n")}`)
    assert.deepStrictEqual(yield* importing(place, 2), { orders: 3, rejects: 8 })
    assert.deepStrictEqual(query(place.db, "SELECT * FROM orders"), [
      { id: 1, email: "a@b.c", amount: 1.5, day: "2026-01-31", note: `say "yes",\r\nor no` },
      { id: 5, email: "a@b.c", amount: 0, day: "2026-01-31", note: `5" wide` },
      { id: 9, email: "a@b.c", amount: 0, day: "2024-02-29", note: "" }
    ])
    const rejects = query(place.db, "SELECT line, reason FROM rejects").map(({ line, reason }) => `${line}: ${reason}`)
    assert.deepStrictEqual(rejects.map((reject) => reject.replace(/ RegExp .* at/, " … at")), [
      "4: 4 fields, not 5",
      `6: Expected a string matching the … at ["email"]`,
      `7: Expected a string matching the … at ["id"]`,
      `8: Expected a string matching the … at ["amount"]`,
      "9: the id 1 is there already",
      ...[11, 12, 14].map((line) => `${line}: Expected a date such as 2026-01-31 at ["day"]`)
    ])
    const [rejected] = query(place.db, "SELECT fields FROM rejects WHERE line = 4")
    assert.deepStrictEqual(rejected, { fields: `["2","a@b.c","1.50","2026-01-31"]` })
  })

  live("rejects rows that are not UTF-8, and imports the others", function*() {
    const rows = [row(1, "plain"), row(2, "caf\u00e9"), row(3, "\"two\nlines of caf\u00e9\""), row(4, "end")]
    const latin1 = yield* csv(head + rows.join(""), "latin1")
    assert.deepStrictEqual(yield* importing(latin1, 2), { orders: 2, rejects: 2 })
    const reason = "not UTF-8: the file may be in Latin-1"
    assert.deepStrictEqual(query(latin1.db, "SELECT line, reason, fields FROM rejects"), [
      { line: 3, reason, fields: `["2","a@b.c","1.50","2026-01-31","caf\u00e9"]` },
      { line: 4, reason, fields: `["3","a@b.c","1.50","2026-01-31","two\\nlines of caf\u00e9"]` }
    ])
    // What is UTF-8 is imported as it is, the replacement character too.
    const utf8 = yield* csv(head + row(1, "caf\u00e9 \ufffd"))
    yield* importing(utf8)
    assert.deepStrictEqual(query(utf8.db, "SELECT note FROM orders"), [{ note: "caf\u00e9 \ufffd" }])
    const { message } = yield* Effect.flip(importing(yield* csv(`\ufeff${head}`, "utf16le")))
    assert.match(message, /in\.csv, line 1: .*, or it is not UTF-8$/)
  })

  live("has few rows in hand, however long the file and however slow the writing", function*() {
    const { file } = yield* csv("")
    yield* generateOrders(file, 20_000)
    let [taken, written, most] = [0, 0, 0]
    const rows = readRows(file, { bytes: 0, lines: 0 }).pipe(Stream.tap(() => Effect.sync(() => taken++)))
    yield* importRows(rows, 100, ({ orders, rejects }) =>
      Effect.gen(function*() {
        // All that can happen meanwhile does.
        for (let i = 0; i < 10; i++) yield* Effect.promise(() => setImmediate())
        most = Math.max(most, taken - written)
        written += orders.length + rejects.length
      })).pipe(Effect.provide(GreenPool.layer({ size: 2 })))
    assert.deepStrictEqual([taken, written], [20_001, 20_001])
    // Two slots, the batch that is written, and a chunk of the parser.
    assert.isAtMost(most, 3 * 100 + 1000)
  })

  live("refuses files that it cannot import, and keeps what it has", function*() {
    for (const content of ["", "id,name\n1,x\n", row(1)]) {
      const other = yield* csv(content)
      assert.deepInclude(yield* Effect.flip(importing(other)), { reason: "NotThisTable" })
      assert.isFalse(existsSync(other.db))
    }
    const open = yield* csv(`${head}${row(1)}${row(2)}${row(3)}4,"a@b.c,1.50,2026-01-31,\n${row(5)}`)
    const error = yield* Effect.flip(importing(open, 1))
    assert.deepInclude(error, { reason: "BrokenCsv" })
    assert.match(error.message, /in\.csv: the row of line 5: Quote Not Closed$/)
    assert.deepStrictEqual(query(open.db, "SELECT id FROM orders"), [{ id: 1 }, { id: 2 }, { id: 3 }])

    const place = yield* csv(head + row(1))
    yield* importing(place)
    place.write("in.csv", head + row(1) + row(2))
    assert.deepInclude(yield* Effect.flip(importing(place)), { reason: "FileChanged" })
    assert.deepInclude(yield* Effect.flip(importing({ ...place, db: place.file })), { reason: "Database" })
    assert.strictEqual(place.read("in.csv"), head + row(1) + row(2))
  })

  live("writes all of a batch or nothing, for one process at a time", function*() {
    const { db } = yield* csv("")
    const [one, two] = yield* Effect.all([openDatabase(db, "in.csv", "v"), openDatabase(db, "in.csv", "v")])
    const batch = (id: number) => {
      const end = { bytes: id, lines: id }
      const row = { fields: [], isUtf8: true, start: end, end }
      return { orders: [{ id, email: "a@b.c", amount: 1, day: "2026-01-31", note: "", row }], rejects: [], end }
    }
    assert.deepStrictEqual(yield* one.write(batch(1)), { orders: 1, rejects: 0 })
    for (const id of [1, 2]) {
      assert.match((yield* Effect.flip(two.write(batch(id)))).message, /another process is importing in\.csv/)
    }
    const twice = { line: 1, reason: "", fields: [] }
    const failed = one.write({ ...batch(3), rejects: [twice, twice] })
    assert.deepInclude(yield* Effect.flip(failed), { reason: "Database" })
    assert.deepStrictEqual(query(db, "SELECT id FROM orders"), [{ id: 1 }])
    assert.deepStrictEqual(query(db, "SELECT bytes, orders FROM imports"), [{ bytes: 1, orders: 1 }])
    assert.deepStrictEqual(yield* one.write(batch(3)), { orders: 1, rejects: 0 })
  })

  live("says why a transaction has failed that SQLite has rolled back, as it does on a full disk", function*() {
    const place = yield* csv(head + row(1))
    yield* openDatabase(place.db, "in.csv", "v")
    const database = new DatabaseSync(place.db)
    const fail = "SELECT RAISE(ROLLBACK, 'database or disk is full')"
    database.exec(`CREATE TRIGGER full BEFORE INSERT ON orders BEGIN ${fail}; END`)
    database.close()
    const error = yield* Effect.flip(importing(place))
    assert.deepInclude(error, { reason: "Database", message: `${place.db}: database or disk is full` })
    assert.deepStrictEqual(everything(place.db).slice(0, 2), [[], []])
  })
})
