// A client that does not know how much its server can take: an HTTP server process with a few workers, which answers 503
// when too much comes in. The pool finds the size, and finds it again after half of the workers have gone.
import { GreenPool } from "@greenpool/core"
import { Console, Duration, Effect, Option, Ref } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"

/** Starts the server as a process of its own, which ends with the scope. */
export const startServer = Effect.fnUntraced(function*(workers: number) {
  const file = fileURLToPath(new URL("../embedded/adaptive-server.ts", import.meta.url))
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => fork(file, [String(workers)])),
    (child) => Effect.sync(() => child.kill())
  )
  const address = yield* Effect.callback<string>((resume) => {
    child.once("message", (address) => resume(Effect.succeed(String(address))))
  })
  return { address, setWorkers: (count: number) => Effect.sync(() => void child.send(count)) }
})

/**
 * Sends requests without end, from so many fibers. `filterStatusOk` makes a 503 a failure of the job, which the pool
 * sees; it is caught outside of the slot.
 */
export const ask = Effect.fnUntraced(function*(address: string, fibers: number) {
  const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
  const request = client.get(address).pipe(Effect.flatMap(({ text }) => text), GreenPool.run, Effect.exit)
  return yield* Effect.all(Array.from({ length: fibers }, () => Effect.forever(request)), { concurrency: "unbounded" })
})

/** What the pool has found, as a line. */
const found = Effect.map(GreenPool.stats, ({ adaptive, failed, size }) => {
  const { ceiling = "-", goodput, latency, phase } = adaptive!
  return `${phase.padEnd(8)}  size ${String(size).padStart(3)}  ${goodput.toFixed(0).padStart(5)}/s  ` +
    `${(latency * 1000).toFixed(0).padStart(4)} ms  ceiling ${String(ceiling).padStart(3)}  503s ${failed}`
})

/** Ends when Enter is pressed. */
const enter = Effect.callback<void>((resume) => {
  process.stdin.once("data", () => resume(Effect.void))
  return Effect.sync(() => process.stdin.pause())
})

interface Options {
  readonly loseAfter: Option.Option<number>
  readonly seconds: number
  readonly workers: number
}

export const main = Effect.fn("adaptive")(
  function*({ loseAfter, seconds, workers }: Options) {
    const server = yield* startServer(workers)
    const workersLeft = yield* Ref.make(workers)
    const lose = Effect.gen(function*() {
      const left = yield* Ref.updateAndGet(workersLeft, (left) => Math.max(1, left >> 1))
      yield* server.setWorkers(left)
      yield* Console.log(`half of the workers have gone: ${left} are left`)
    })
    yield* Effect.forkScoped(ask(server.address, 200))
    if (process.stdin.isTTY) yield* Effect.forkScoped(Effect.forever(Effect.andThen(enter, lose)))
    if (Option.isSome(loseAfter)) yield* Effect.forkScoped(Effect.delay(lose, Duration.seconds(loseAfter.value)))
    for (let second = 1; second <= seconds; second++) {
      yield* Effect.sleep("1 second")
      yield* Console.log(`${String(second).padStart(3)} s  ${yield* found}`)
    }
  },
  Effect.scoped,
  Effect.provide([GreenPool.layer({ adaptive: { max: 200 } }), FetchHttpClient.layer])
)
