import { DatabaseSync } from "node:sqlite"

/** All rows that a query gives. */
export const query = (path: string, sql: string) => {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  try {
    return database.prepare(sql).all().map((row) => ({ ...row }))
  } finally {
    database.close()
  }
}

/** All that an import has written. */
export const everything = (path: string) =>
  ["orders", "rejects", "imports"].map((table) => query(path, `SELECT * FROM ${table} ORDER BY 1, 2`))
