import { Console, Effect, Schedule } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts an example by its name, as a process of its own, which ends with the scope at the latest. */
export const startExample = (...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [fileURLToPath(new URL("../src/main.ts", import.meta.url)), ...args])
      const output = { stdout: "", stderr: "" }
      child.stdout.setEncoding("utf8").on("data", (text: string) => void (output.stdout += text))
      child.stderr.setEncoding("utf8").on("data", (text: string) => void (output.stderr += text))
      const ended = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, ...output })))
      /** Waits until the standard output, or the error stream, matches, and gives the match. */
      const said = (pattern: RegExp, stream: "stdout" | "stderr" = "stdout") =>
        Effect.suspend(() => Effect.fromNullishOr(pattern.exec(output[stream]))).pipe(
          Effect.retry({ schedule: Schedule.spaced("20 millis") })
        )
      return { child, said, ended: Effect.promise(() => ended) }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** Runs an example to its end. */
export const runExample = (...args: ReadonlyArray<string>) =>
  Effect.scoped(Effect.flatMap(startExample(...args), ({ ended }) => ended))

/** Prints nothing of what an effect prints by `Console.log`. */
export const quietly: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Effect.provideService(
  Console.Console,
  { ...globalThis.console, log: () => {} }
)
