// One line through the command, in a shell and a process group of its own.
import { Clock, Duration, Effect, Option, type PlatformError, Stream } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { constants } from "node:os"
import { LINE_LIMIT } from "./lines.ts"
import { bind } from "./script.ts"

/** How a job ended. */
export interface Outcome {
  /** Of the shell. 126: it did not start; -1: it took too long. */
  readonly exitCode: number
  /** The number of the signal that has killed the shell, or 0. */
  readonly signal: number
  /** Why it failed, where the job itself cannot say it. */
  readonly reason?: string
}

/** A job that has ended: its outcome, and all that it has written. */
export interface Ended extends Outcome {
  readonly stdout: ReadonlyArray<Uint8Array>
  readonly stderr: ReadonlyArray<Uint8Array>
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly millis: number
}

export const hasFailed = ({ exitCode, signal }: Outcome): boolean => exitCode !== 0 || signal !== 0

const notStarted = (reason: string): Outcome => ({ exitCode: 126, signal: 0, reason })

/** A shell that a signal has killed has no exit code; the error names the signal. */
const exitOf = (shell: ChildProcessSpawner.ChildProcessHandle): Effect.Effect<Outcome, PlatformError.PlatformError> =>
  shell.exitCode.pipe(
    Effect.map((exitCode) => ({ exitCode, signal: 0 })),
    Effect.catch((error) => {
      const [, name = ""] = /'(SIG\w+)'/.exec(String(error.cause)) ?? []
      const signal = Object.entries(constants.signals).find(([signal]) => signal === name)?.[1]
      return signal === undefined ? Effect.fail(error) : Effect.succeed({ exitCode: 0, signal })
    })
  )

const keep = (stream: Stream.Stream<Uint8Array, PlatformError.PlatformError>, chunks: Array<Uint8Array>) =>
  Stream.runForEachArray(stream, (some) => Effect.sync(() => void chunks.push(...some)))

/**
 * Runs a line once. The job is over when its shell has ended and nobody holds its output any more. When it takes too
 * long or is interrupted, its whole process group is told to end, and killed after a second. So is what it has left
 * behind at its end.
 */
export const runOnce = Effect.fnUntraced(function*(script: string, line: Buffer, timeout?: Duration.Duration) {
  const stdout: Array<Uint8Array> = []
  const stderr: Array<Uint8Array> = []

  const run = Effect.gen(function*() {
    if (line.length > LINE_LIMIT) return notStarted(`the line is longer than ${LINE_LIMIT} bytes`)
    if (line.includes(0)) return notStarted("the line has a NUL byte")
    const bound = bind(script, line)
    const shell = yield* ChildProcess.make("/bin/sh", ["-c", bound.script], {
      env: { FARM_LINE: bound.variable },
      extendEnv: true,
      // The standard input may be the one that the lines come from.
      stdin: "ignore",
      forceKillAfter: "1 second"
    })
    const [outcome] = yield* Effect.all([exitOf(shell), keep(shell.stdout, stdout), keep(shell.stderr, stderr)], {
      concurrency: "unbounded"
    })
    return outcome
  }).pipe(
    Effect.scoped,
    // The system may refuse: too many processes, or files, or too long a line. Some of that Node throws.
    Effect.catch(({ reason }) => Effect.succeed(notStarted(reason.message))),
    Effect.catchDefect((defect) => Effect.succeed(notStarted(String(defect))))
  )

  const startedAt = yield* Clock.currentTimeMillis
  const outcome = timeout === undefined ? yield* run : Option.getOrElse(
    yield* Effect.timeoutOption(run, timeout),
    (): Outcome => ({
      exitCode: -1,
      signal: constants.signals.SIGTERM,
      reason: `it took longer than ${Duration.format(timeout)}`
    })
  )
  return { ...outcome, stdout, stderr, startedAt, millis: (yield* Clock.currentTimeMillis) - startedAt } satisfies Ended
})
