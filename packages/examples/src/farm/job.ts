// One line through the command.
import { Clock, Duration, Effect, Option } from "effect"
import { constants } from "node:os"
import { LINE_LIMIT } from "./input.ts"
import { bind } from "./script.ts"
import type { makeShells } from "./shell.ts"
import type { Piece, Store } from "./store.ts"

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
  readonly stdout: ReadonlyArray<Piece>
  readonly stderr: ReadonlyArray<Piece>
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly millis: number
}

/** What the jobs of a farm have in common. */
export interface Jobs {
  readonly script: string
  readonly timeout?: Duration.Duration | undefined
  readonly store: Store
  readonly start: Effect.Success<ReturnType<typeof makeShells>>["start"]
}

export const hasFailed = ({ exitCode, signal }: Outcome): boolean => exitCode !== 0 || signal !== 0

const notStarted = (reason: string): Outcome => ({ exitCode: 126, signal: 0, reason })

/** Runs a line once. When it takes too long or is interrupted, all that it has started is ended. */
export const runOnce = Effect.fnUntraced(function*({ script, start, store, timeout }: Jobs, line: Buffer) {
  const stdout: Array<Piece> = []
  const stderr: Array<Piece> = []
  let startedAt = yield* Clock.currentTimeMillis

  const run = Effect.gen(function*() {
    if (line.length > LINE_LIMIT) return notStarted(`the line is longer than ${LINE_LIMIT} bytes`)
    if (line.includes(0)) return notStarted("the line has a NUL byte")
    const bound = bind(script, line)
    const closed = yield* start({
      text: bound.script,
      line: bound.variable,
      onStdout: (bytes) => stdout.push(store.put(bytes)),
      onStderr: (bytes) => stderr.push(store.put(bytes))
    })
    startedAt = yield* Clock.currentTimeMillis
    const ended = yield* (timeout === undefined ? Effect.asSome(closed) : Effect.timeoutOption(closed, timeout))
    if (Option.isSome(ended)) return { exitCode: ended.value[0], signal: ended.value[1] }
    const reason = `it took longer than ${Duration.format(timeout ?? Duration.zero)}`
    return { exitCode: -1, signal: constants.signals.SIGTERM, reason }
  }).pipe(Effect.scoped, Effect.catchTag("CannotStart", ({ message }) => Effect.succeed(notStarted(message))))

  const outcome: Outcome = yield* run
  return { ...outcome, stdout, stderr, startedAt, millis: (yield* Clock.currentTimeMillis) - startedAt } satisfies Ended
})
