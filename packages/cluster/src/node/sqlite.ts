/**
 * A client of SQLite for processes of one machine, on the SQLite that comes with Node.
 *
 * Effect's own client, `@effect/sql-sqlite-node`, has no release that works with Effect 4.1. It takes the place of this
 * one when there is one: both provide the same `SqlClient`.
 *
 * @since 0.1.0
 */
import { Effect, Layer, Schedule, Semaphore, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"

/**
 * The options of `layerSqlite`.
 *
 * @category options
 * @since 0.1.0
 */
export interface SqliteOptions {
  /** The path of the database, which is created if it is missing, or `":memory:"`. */
  readonly filename: string
}

// While another process writes, a statement is tried again for 5 s. It is not left to wait inside SQLite, since that
// holds up the event loop: a process that froze in a transaction would freeze all others.
const whileBusy = {
  while: ({ reason }: SqlError.SqlError) => reason._tag === "LockTimeoutError",
  schedule: Schedule.spaced(10),
  times: 500
}

// A cluster has a few dozen different statements.
const maxPrepared = 200

const open = (filename: string): DatabaseSync => {
  const database = new DatabaseSync(filename)
  // Readers go on while another process writes. This one statement waits while another process does the same.
  database.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 1")
  return database
}

const toSqlError = (cause: unknown) => {
  // Effect knows SQLite's codes by the name `errno`; Node calls them `errcode`.
  const { errcode } = cause as { readonly errcode?: number }
  return new SqlError.SqlError({
    reason: SqlError.classifySqliteError(Object.assign(cause as object, { errno: errcode }), {
      message: "SQLite could not execute a statement",
      operation: "execute"
    })
  })
}

const makeConnection = (database: DatabaseSync): SqlConnection.Connection => {
  const prepared = new Map<string, StatementSync>()

  const prepare = (sql: string): StatementSync => {
    const statement = prepared.get(sql) ?? database.prepare(sql)
    // The statement that was used last is the last of the map.
    prepared.delete(sql)
    prepared.set(sql, statement)
    if (prepared.size > maxPrepared) {
      prepared.delete(prepared.keys().next().value!)
    }
    return statement
  }

  const run = <A>(
    statementOf: () => StatementSync,
    params: ReadonlyArray<unknown>,
    read: (statement: StatementSync, params: ReadonlyArray<SQLInputValue>) => A
  ): Effect.Effect<A, SqlError.SqlError> =>
    Effect.withFiber((fiber) => {
      const bigints = fiber.getRef(SqlClient.SafeIntegers)
      return Effect.try({
        try: () => {
          const statement = statementOf()
          statement.setReadBigInts(bigints)
          return read(statement, params as ReadonlyArray<SQLInputValue>)
        },
        catch: toSqlError
      }).pipe(Effect.retry(whileBusy))
    })

  const rows = (statement: StatementSync, params: ReadonlyArray<SQLInputValue>): ReadonlyArray<any> => {
    statement.setReturnArrays(false)
    return statement.all(...params)
  }

  const values = (statement: StatementSync, params: ReadonlyArray<SQLInputValue>): ReadonlyArray<Array<unknown>> => {
    statement.setReturnArrays(true)
    return statement.all(...params) as ReadonlyArray<unknown> as ReadonlyArray<Array<unknown>>
  }

  const execute = (
    statementOf: () => StatementSync,
    params: ReadonlyArray<unknown>,
    transform: (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined
  ) => {
    const result = run(statementOf, params, rows)
    return transform === undefined ? result : Effect.map(result, transform)
  }

  return {
    execute: (sql, params, transform) => execute(() => prepare(sql), params, transform),
    executeUnprepared: (sql, params, transform) => execute(() => database.prepare(sql), params, transform),
    executeValues: (sql, params) => run(() => prepare(sql), params, values),
    executeValuesUnprepared: (sql, params) => run(() => database.prepare(sql), params, values),
    executeRaw: (sql, params) =>
      run(
        () => prepare(sql),
        params,
        (statement, params) => statement.columns().length > 0 ? rows(statement, params) : statement.run(...params)
      ),
    executeStream: (sql, params, transform) =>
      Stream.unwrap(Effect.map(execute(() => prepare(sql), params, transform), Stream.fromIterable))
  }
}

/**
 * Provides a `SqlClient` over a SQLite file. Several processes of one machine may use the same file: each statement
 * waits up to 5 s while another process writes.
 *
 * A statement holds up the event loop while it runs. That suits the few short ones of a cluster, and databases that are
 * on a local disk; for processes on several machines use PostgreSQL, through `@effect/sql-pg`.
 *
 * A file that cannot be opened is a defect.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSqlite = (options: SqliteOptions): Layer.Layer<SqlClient.SqlClient> =>
  Layer.effect(SqlClient.SqlClient)(Effect.gen(function*() {
    const database = yield* Effect.acquireRelease(
      Effect.sync(() => open(options.filename)),
      (database) => Effect.sync(() => database.close())
    )
    const connection = makeConnection(database)
    return yield* SqlClient.make({
      ...SqlClient.makeSqliteAcquirers({
        connection: Effect.succeed(connection),
        // One connection: a transaction holds up the other statements of this process.
        semaphore: yield* Semaphore.make(1),
        isTransaction: () => database.isTransaction
      }),
      // A transaction that reads first and writes then would fail beside another writer, instead of waiting for it.
      beginTransaction: "BEGIN IMMEDIATE",
      compiler: Statement.makeCompilerSqlite(),
      driver: "sqlite-node",
      prepareTransactionControls: true,
      spanAttributes: [["db.system.name", "sqlite"]]
    })
  })).pipe(Layer.provide(Reactivity.layer))
