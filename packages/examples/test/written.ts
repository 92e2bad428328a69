import { DatabaseSync } from "node:sqlite"

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

/** The ids of the answers that a batch has written, in order of number. */
export const idsOf = (answers: string) =>
  answers.split("\n").slice(0, -1).map((line) => Number(JSON.parse(line).id)).toSorted((a, b) => a - b)

export const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
