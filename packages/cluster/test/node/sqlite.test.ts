import { assert, describe, it, vi } from "@effect/vitest"
import { layerSqlite } from "@greenpool/cluster/node"
import { Context, Effect, Exit, Fiber, Latch, Layer, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { existsSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import type { Body } from "../support/cluster.ts"
import { database } from "../support/folder.ts"

/** A test with a table of items, in memory. */
const test = (title: string, body: (sql: SqlClient.SqlClient) => Body) =>
  it.effect(title, () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB)`
      yield* body(sql)
    }).pipe(Effect.provide(layerSqlite({ filename: ":memory:" }))))

describe("the client of SQLite", () => {
  test("reads what it has written, as rows, as values and as a stream", function*(sql) {
    yield* sql`INSERT INTO items ${sql.insert([{ id: 1, name: "a", data: null }, { id: 2, name: "b", data: null }])}`
    assert.deepStrictEqual([...yield* sql`SELECT id, name FROM items`].map((row) => ({ ...row })), [
      { id: 1, name: "a" },
      { id: 2, name: "b" }
    ])
    const names = sql`SELECT name FROM items ORDER BY id`
    assert.deepStrictEqual(yield* names.values, [["a"], ["b"]])
    assert.deepStrictEqual(yield* names.unprepared, yield* names)
    assert.deepStrictEqual([...yield* Stream.runCollect(names.stream)], [...yield* names])
    // The same statement, prepared once, gives rows again.
    assert.deepStrictEqual({ ...(yield* names)[0] }, { name: "a" })
    const { changes } = (yield* sql`UPDATE items SET name = name || '!'`.raw) as { readonly changes: number }
    assert.strictEqual(changes, 2)
    assert.deepStrictEqual(yield* names.raw, yield* names)
    assert.deepStrictEqual(yield* names.valuesUnprepared, yield* names.values)
    const connection = yield* sql.reserve
    const transformed = yield* connection.execute("SELECT 1", [], (rows) => [...rows, ...rows])
    assert.strictEqual(transformed.length, 2)
  })

  test("prepares a statement once, as long as it is among the 200 that were used last", function*(sql) {
    using prepares = vi.spyOn(DatabaseSync.prototype, "prepare")
    const select = (n: number) => sql`SELECT ${sql.literal(String(n))}`
    for (let n = 0; n < 200; n++) yield* select(n)
    for (const [n, times] of [[0, 200], [200, 201], [0, 201], [1, 202]] as const) {
      yield* select(n)
      assert.strictEqual(prepares.mock.calls.length, times)
    }
  })

  test("keeps bytes, and integers beyond those of JavaScript where they are asked for", function*(sql) {
    const large = 2n ** 60n + 1n
    yield* sql`INSERT INTO items ${sql.insert({ id: large, name: "x", data: Uint8Array.of(1, 2) })}`
    const [row] = yield* sql`SELECT id, data FROM items`.pipe(Effect.provideService(SqlClient.SafeIntegers, true))
    assert.strictEqual(row?.["id"], large)
    assert.deepStrictEqual(row?.["data"], Uint8Array.of(1, 2))
    // The same statement, prepared once, gives numbers where they aren't.
    for (const [safe, one] of [[false, 1], [true, 1n], [false, 1]] as const) {
      assert.deepStrictEqual(yield* sql`SELECT 1`.values.pipe(Effect.provideService(SqlClient.SafeIntegers, safe)), [
        [one]
      ])
    }
  })

  test("says what is wrong in Effect's terms", function*(sql) {
    yield* sql`INSERT INTO items ${sql.insert({ id: 1, name: "a", data: null })}`
    const twice = yield* Effect.flip(sql`INSERT INTO items ${sql.insert({ id: 2, name: "a", data: null })}`)
    assert.strictEqual(twice.reason._tag, "UniqueViolation")
    const wrong = yield* Effect.flip(sql`SELEC`)
    assert.deepInclude(wrong.reason, { _tag: "UnknownError", message: "SQLite could not execute a statement" })
    assert.match(String(wrong.reason.cause), /syntax error/)
  })

  test("takes back what a failed transaction has done, and what an inner one has", function*(sql) {
    const add = (id: number) => sql`INSERT INTO items ${sql.insert({ id, name: null, data: null })}`
    const failing = (id: number) => Effect.exit(sql.withTransaction(Effect.andThen(add(id), Effect.fail("no"))))
    yield* failing(1)
    yield* sql.withTransaction(Effect.andThen(add(2), failing(3)))
    assert.deepStrictEqual(yield* sql`SELECT id FROM items`.values, [[2]])
  })

  test("holds other statements of the process up while a transaction is open", function*(sql) {
    const latch = yield* Latch.make()
    const transaction = yield* Effect.forkChild(sql.withTransaction(latch.await))
    const beside = yield* Effect.forkChild(sql`SELECT 1`)
    yield* Effect.yieldNow
    assert.isUndefined(beside.pollUnsafe())
    yield* latch.open
    assert.isTrue(Exit.isSuccess(yield* Fiber.await(transaction)))
    yield* Fiber.join(beside)
  })

  it.effect("tries for 5 s while another process writes", () =>
    Effect.gen(function*() {
      const file = layerSqlite({ filename: yield* database })
      const open = Effect.map(Layer.build(Layer.fresh(file)), (context) => Context.get(context, SqlClient.SqlClient))
      const [sql, other] = [yield* open, yield* open]
      yield* sql`CREATE TABLE items (id INTEGER)`
      yield* Effect.forkChild(other.withTransaction(Effect.never))
      const write = yield* Effect.forkChild(sql`INSERT INTO items VALUES (1)`)
      yield* TestClock.adjust(4990)
      assert.isUndefined(write.pollUnsafe())
      yield* TestClock.adjust(10)
      assert.strictEqual((yield* Effect.flip(Fiber.join(write))).reason._tag, "LockTimeoutError")
    }))

  it.live("lets two clients of one file write in turns, and keeps the file", () =>
    Effect.gen(function*() {
      const filename = yield* database
      const file = layerSqlite({ filename })
      const run = <A, E>(f: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>) =>
        Effect.provide(Effect.flatMap(SqlClient.SqlClient, f), Layer.fresh(file))
      yield* run((sql) => Effect.andThen(sql`CREATE TABLE counter (n INTEGER)`, sql`INSERT INTO counter VALUES (0)`))
      const count = run((sql) =>
        Effect.repeat(
          sql.withTransaction(Effect.gen(function*() {
            const [row] = yield* sql<{ n: number }>`SELECT n FROM counter`
            yield* sql`UPDATE counter SET n = ${row!.n + 1}`
          })),
          { times: 49 }
        )
      )
      yield* Effect.all([count, count], { concurrency: 2 })
      assert.deepStrictEqual(yield* run((sql) => sql`SELECT n FROM counter`.values), [[100]])
      assert.deepStrictEqual(yield* run((sql) => sql`PRAGMA journal_mode`.values), [["wal"]])
      // The last one that closes the file removes it.
      assert.isFalse(existsSync(`${filename}-wal`))
    }))
})
