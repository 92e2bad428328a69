/** A PostgreSQL server of this machine, started for the tests on a private port. */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chmodSync, existsSync, globSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { freePort } from "./ports.ts"

// Debian has the server's programs outside of the path.
const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...globSync("/usr/lib/postgresql/*/bin")]

/** The folder of the server's programs, or `undefined` where there is no PostgreSQL on this machine. */
export const postgres: string | undefined = folders.find((folder) =>
  ["initdb", "postgres"].every((program) => existsSync(join(folder, program)))
)

// The server refuses to run as root. Debian's package brings a user for it.
const asUser = process.getuid?.() === 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []

/** Starts an empty server. */
export const startPostgres = async (): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> => {
  const folder = mkdtempSync(join(tmpdir(), "greenpool-postgres-"))
  // It belongs to whoever runs the tests, and the server's user writes into it.
  chmodSync(folder, 0o777)
  const data = join(folder, "data")
  const commandOf = (program: string, ...args: ReadonlyArray<string>) => {
    const [command, ...more] = [...asUser, join(postgres!, program), "-D", data, ...args]
    return [command!, more] as const
  }
  const made = spawnSync(...commandOf("initdb", "-U", "greenpool", "--auth=trust", "--no-sync"), { encoding: "utf8" })
  if (made.status !== 0) throw new Error(`PostgreSQL could not make a database: ${made.stderr || made.error}`)
  const port = await freePort()
  const server = spawn(...commandOf("postgres", "-p", String(port), "-k", folder, "-F"), {
    stdio: ["ignore", "ignore", "pipe"]
  })
  const exit = once(server, "exit")
  let log = ""
  await new Promise<void>((resolve, reject) => {
    server.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text
      if (log.includes("database system is ready to accept connections")) resolve()
    })
    server.once("exit", () => reject(new Error(`PostgreSQL did not start: ${log}`)))
  })
  return {
    url: `postgres://greenpool@127.0.0.1:${port}/postgres`,
    stop: async () => {
      // A fast shutdown, which waits for no client.
      server.kill("SIGINT")
      await exit
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
