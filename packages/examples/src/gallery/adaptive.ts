// A client that does not know how much its server can take: an HTTP server process with a few workers, which answers 503
// when too much comes in. The pool finds the size, and finds it again after half of the workers have gone.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { GreenPool } from "@greenpool/core"
import { Console, Duration, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { HttpClient } from "effect/http"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { integer } from "../flags.ts"

/** Starts the server as a process of its own, which ends with the scope. */
export const startServer = (workers: number) =>
  Effect.gen(function*() {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => fork(fileURLToPath(new URL("adaptive-server.ts", import.meta.url)))),
      (child) => Effect.sync(() => child.kill())
    )
    const port = yield* Effect.callback<number>((resume) => {
      child.once("message", (port) => resume(Effect.succeed(Number(port))))
    })
    const setWorkers = (count: number) => Effect.sync(() => void child.send(count))
    yield* setWorkers(workers)
    return { address: `http://127.0.0.1:${port}/`, setWorkers }
  })

/** Asks the server without end, from as many fibers as the pool could ever have slots for; 503 fails, by `filterStatusOk`. */
export const ask = Effect.fnUntraced(function*(address: string, fibers: number) {
  const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
  const request = Effect.flatMap(client.get(address), (response) => response.text).pipe(GreenPool.run, Effect.exit)
  return yield* Effect.all(Array.from({ length: fibers }, () => Effect.forever(request)), { concurrency: "unbounded" })
})

/** What the pool has found, as a line. */
export const line = Effect.map(GreenPool.stats, ({ adaptive, failed, size }) => {
  if (adaptive === undefined) return `size ${size}`
  const { ceiling, goodput, latency, phase } = adaptive
  return `${phase.padEnd(8)}  size ${String(size).padStart(3)}  ${goodput.toFixed(0).padStart(5)}/s  ` +
    `${(latency * 1000).toFixed(0).padStart(4)} ms  ceiling ${String(ceiling ?? "-").padStart(3)}  503s ${failed}`
})

/** Each key that is pressed; Ctrl-C still interrupts. */
const onKey = (act: Effect.Effect<void>) =>
  process.stdin.isTTY
    ? Effect.forever(Effect.andThen(
      Effect.callback<void>((resume) => {
        process.stdin.once("data", () => resume(Effect.void))
        return Effect.sync(() => process.stdin.pause())
      }),
      act
    ))
    : Effect.never

const command = Command.make(
  "adaptive",
  {
    workers: integer("workers", "How many workers the server has", 16),
    seconds: integer("seconds", "How long the client asks", 30),
    loseAfter: Flag.Int("lose-after").pipe(
      Flag.withDescription("Half of the workers go after so many seconds; Enter has them go at any time"),
      Flag.optional
    )
  },
  Effect.fn("adaptive")(
    function*({ loseAfter, seconds, workers }) {
      let left = workers
      const server = yield* startServer(workers)
      const lose = Effect.suspend(() => {
        left = Math.max(1, left >> 1)
        return Effect.andThen(server.setWorkers(left), Console.log(`half of the workers have gone: ${left} are left`))
      })
      yield* Effect.forkScoped(ask(server.address, 200))
      yield* Effect.forkScoped(onKey(lose))
      if (Option.isSome(loseAfter)) yield* Effect.forkScoped(Effect.delay(lose, Duration.seconds(loseAfter.value)))
      for (let second = 1; second <= seconds; second++) {
        yield* Effect.sleep("1 second")
        yield* Console.log(`${String(second).padStart(3)} s  ${yield* line}`)
      }
    },
    Effect.scoped,
    Effect.provide([GreenPool.layer({ adaptive: { max: 200 } }), NodeHttpClient.layerNodeHttp])
  )
).pipe(Command.withDescription("An HTTP client whose pool finds out how much its server can take."))

export const main = Command.run(command, { version: "0.1.0" })
