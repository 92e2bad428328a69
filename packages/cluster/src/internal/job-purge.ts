/**
 * The end of stored results.
 */
import { DateTime, Duration, Effect } from "effect"
import { MachineId, Snowflake } from "effect/cluster"
import { SqlClient, type SqlError } from "effect/sql"

// Few enough that a statement over SQLite holds up the event loop for no more than some milliseconds.
const batch = 500

/**
 * Deletes the messages of an entity whose reply is older than the age, and their replies. Returns the number of messages.
 *
 * The tables are Effect's. The id of a reply holds the time at which it was written.
 */
export const purge = (
  entityType: string,
  olderThan: Duration.Input
): Effect.Effect<number, SqlError.SqlError, SqlClient.SqlClient> =>
  Effect.gen(function*() {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const now = yield* DateTime.now
    const before = Snowflake.make({
      machineId: MachineId.make(0),
      sequence: 0,
      timestamp: Math.max(
        Snowflake.constEpochMillis,
        Math.ceil(DateTime.toEpochMillis(now) - Duration.toMillis(olderThan))
      )
    })
    const next = sql<{ readonly id: bigint | string }>`
      SELECT id FROM cluster_messages
      WHERE entity_type = ${entityType} AND processed = TRUE AND last_reply_id < ${before}
      ORDER BY id LIMIT ${batch}
    `
    let deleted = 0
    while (true) {
      const ids = (yield* next).map(({ id }) => id)
      if (ids.length === 0) return deleted
      yield* sql.withTransaction(Effect.andThen(
        sql`DELETE FROM cluster_replies WHERE ${sql.in("request_id", ids)}`,
        sql`DELETE FROM cluster_messages WHERE ${sql.in("request_id", ids)}`
      ))
      deleted += ids.length
    }
    // The ids are beyond the exact integers of JavaScript.
  }).pipe(Effect.provideService(SqlClient.SafeIntegers, true))
