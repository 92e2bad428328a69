/** What tests make and see outside of this process: files, databases, processes. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
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

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts a process, which ends with the scope at the latest. */
export const startProcess = (command: string, args: ReadonlyArray<string>, cwd?: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(command, args, { cwd })
      const output = { stdout: "", stderr: "" }
      child.stdout.setEncoding("utf8").on("data", (text: string) => void (output.stdout += text))
      child.stderr.setEncoding("utf8").on("data", (text: string) => void (output.stderr += text))
      const exited = new Promise((resolve) => child.on("exit", resolve))
      const closed = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, ...output })))
      /** Waits until the standard output, or the error stream, matches, and gives the match. */
      const said = (pattern: RegExp, stream: "stdout" | "stderr" = "stdout") =>
        Effect.map(eventually(() => pattern.test(output[stream])), () => pattern.exec(output[stream])!)
      const end = (signal: NodeJS.Signals) => Effect.promise(() => (child.kill(signal), closed))
      return { child, output, said, exited, ended: Effect.promise(() => closed), end }
    }),
    ({ child, exited }) => Effect.promise(() => (child.kill("SIGKILL"), exited))
  )

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
