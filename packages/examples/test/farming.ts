import { assert } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { eventually } from "./live.ts"

/** A folder that is gone with the scope. A file that isn't there reads as empty. */
export const folder = Effect.gen(function*() {
  const path = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())
  const write = (name: string, content: string) => {
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

export const rowsOf = (log: string) => log.split("\n").slice(1, -1).map((row) => row.split("\t"))
