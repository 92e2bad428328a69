/** What tests make and see outside of this process: files, databases, processes. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { eventually } from "./live.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "greenpool-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A folder that is gone with the scope. A file that isn't there reads as empty. */
export const folder = Effect.map(directory, (path) => {
  const write = (name: string, content: string | Uint8Array) => {
    writeFileSync(`${path}/${name}`, content)
    return `${path}/${name}`
  }
  const read = (name: string) => existsSync(`${path}/${name}`) ? readFileSync(`${path}/${name}`, "utf8") : ""
  const has = (name: string, text: RegExp) => eventually(() => text.test(read(name)))
  return { path, has, read, write }
})

/** The state of a process: empty of one that is gone, and Z of one that has ended and that nobody has waited for. */
export const state = (pid: unknown) => {
  assert.match(`${pid}`, /^\d+\n?$/)
  return spawnSync("ps", ["-o", "stat=", "-p", `${pid}`.trim()]).stdout.toString().slice(0, 1)
}

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
