// Starts three processes that share one budget of slots, and shows how many each uses. One of them is killed: its slots
// go to the others.
import { Console, Effect, FileSystem } from "effect"
import { fork } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("cluster-process.ts", import.meta.url))

const freePort = Effect.promise(async () => {
  const server = createServer().listen(0)
  await once(server, "listening")
  const address = server.address()
  server.close()
  return typeof address === "object" && address !== null ? address.port : 0
})

/** Starts a process, which ends with the scope at the latest. */
const start = Effect.fnUntraced(function*(name: string, ...args: ReadonlyArray<string>) {
  return yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = fork(program, args)
      const member = { name, running: 0, state: "starts", kill: () => child.kill("SIGKILL") }
      child.on("message", (running: number) => Object.assign(member, { running, state: "runs" }))
      child.once("exit", () => Object.assign(member, { running: 0, state: "killed" }))
      return member
    }),
    ({ kill }) => Effect.sync(kill)
  )
})

export const main = Effect.fn("cluster")(function*({ seconds, size }: Readonly<Record<"seconds" | "size", number>>) {
  const files = yield* FileSystem.FileSystem
  const database = `${yield* files.makeTempDirectoryScoped()}/cluster.db`
  const members = [
    yield* start("one", database, String(size), String(yield* freePort)),
    yield* start("two", database, String(size), String(yield* freePort)),
    yield* start("three", database, String(size))
  ]
  const line = Effect.suspend(() => {
    const parts = members.map(({ name, running, state }) =>
      `${name} ${(state === "runs" ? "#".repeat(running) : state).padEnd(size)}`
    )
    const together = members.reduce((sum, { running }) => sum + running, 0)
    return Console.log(`${parts.join("  ")}  ${String(together).padStart(2)} of ${size}`)
  })
  const show = Effect.andThen(Effect.sleep("500 millis"), line)

  yield* Effect.repeat(show, { until: () => members.every(({ running }) => running > 0) })
  yield* Effect.repeat(show, { times: 2 * seconds - 1 })
  yield* Console.log("Process three is killed")
  members[2]!.kill()
  yield* Effect.repeat(show, { times: 2 * seconds - 1 })
}, Effect.scoped)
