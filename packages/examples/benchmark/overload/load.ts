import { Effect } from "effect"
import { Worker } from "node:worker_threads"

/** How long the clients wait for an answer: 1 second. A later one is of no use. */
export const DEADLINE = 1000

/**
 * What the load generator is to do.
 *
 * `Open`: so many requests a second, at even distances, whether or not the ones before are answered. The first seconds,
 * the `warmup`, do not count.
 * `Closed`: so many connections for each tenant, each of which sends its next request when the last is answered.
 */
export type Load =
  | {
    readonly kind: "Open"
    readonly url: string
    readonly rate: number
    readonly warmup: number
    readonly seconds: number
  }
  | {
    readonly kind: "Closed"
    readonly url: string
    readonly tenants: ReadonlyArray<string>
    readonly connections: number
    readonly seconds: number
  }

/** What came of it until its last moment. Requests that were still without an answer then count as sent only. */
export interface Answers {
  readonly sent: number
  /** The times of the answers 200, in milliseconds, in no order. */
  readonly good: ReadonlyArray<number>
  /** How many answers were 503, and how many of those said when to try again. */
  readonly refused: number
  readonly retryAfter: number
  /** How many answers were neither. */
  readonly other: number
}

/** Puts the load on a server, from a thread of its own, so that the generator and the server don't wait for each other. */
export const generate = (load: Load): Effect.Effect<Answers> =>
  Effect.acquireUseRelease(
    Effect.sync(() =>
      new Worker(new URL("load-worker.ts", import.meta.url), {
        workerData: load,
        execArgv: ["--disable-warning=TimeoutNegativeWarning"]
      })
    ),
    (worker) =>
      Effect.callback<Answers>((resume) => {
        worker.once("message", (answers: Answers) => resume(Effect.succeed(answers)))
        worker.once("error", (error) => resume(Effect.die(error)))
        worker.once("exit", (code) => resume(Effect.die(new Error(`The load generator ended with code ${code}`))))
      }),
    (worker) => Effect.promise(() => worker.terminate())
  )
