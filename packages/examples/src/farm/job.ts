// One line through the command, in a shell and a process group of its own.
import { Clock, Duration, Effect, Option, Schedule, Schema, type Semaphore } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { constants } from "node:os"
import { getSystemErrorMessage } from "node:util"
import { systemErrorOf } from "../message.ts"
import { LINE_LIMIT } from "./lines.ts"
import { bind } from "./script.ts"
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

/** What all jobs of a farm share. */
export interface Field {
  readonly script: string
  readonly timeout?: Duration.Duration | undefined
  /** The descriptor of the terminal, where the jobs use it: for input, output, and its signals. */
  readonly terminal?: number | undefined
  readonly store: Store
  /** The process groups of what runs. */
  readonly groups: Set<number>
  /** Held by the one job that is starting. */
  readonly starting: Semaphore.Semaphore
  /** Is told why a job cannot start yet. */
  readonly onShortage: (reason: string) => Effect.Effect<void>
}

export const hasFailed = ({ exitCode, signal }: Outcome): boolean => exitCode !== 0 || signal !== 0

const notStarted = (reason: string): Outcome => ({ exitCode: 126, signal: 0, reason })

/** The system refuses to start a shell. */
class CannotStart extends Schema.TaggedError<CannotStart>()("CannotStart", { code: Schema.String, errno: Schema.Int }) {
  /** Whether it lacks what another job gives back when it ends. */
  get isShortage() {
    return ["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"].includes(this.code)
  }
  override get message() {
    return `${this.code}: ${getSystemErrorMessage(this.errno)}`
  }
}

const startShell = ({ script, terminal }: Field, line: Buffer) =>
  Effect.callback<ChildProcess, CannotStart>((resume) => {
    const bound = bind(script, line)
    const fail = (error: unknown) => {
      const system = systemErrorOf(error)
      resume(system === undefined ? Effect.die(error) : Effect.fail(new CannotStart(system)))
    }
    try {
      const shell = spawn("/bin/sh", ["-c", bound.script], {
        env: { ...process.env, FARM_LINE: bound.variable },
        detached: terminal === undefined,
        // The standard input may be the one that the lines come from.
        stdio: terminal === undefined ? ["ignore", "pipe", "pipe"] : [terminal, "inherit", "inherit"]
      })
      shell.once("error", fail).once("spawn", () => resume(Effect.succeed(shell)))
    } catch (error) {
      // Some errors of the system are thrown.
      fail(error)
    }
  })

const signalTo = (target: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(target, signal)
  } catch {
    return false
  }
}

/** Tells a process group to end, and kills it after a second. Waits until nothing of it is left, as far as that goes. */
const end = Effect.fnUntraced(function*(target: number) {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (!signalTo(target, signal)) return
    for (let wait = 0; wait < 100 && signalTo(target, 0); wait++) yield* Effect.sleep("10 millis")
  }
})

/**
 * Runs a line once. The job is over when its shell has ended and nobody holds its output any more. When it takes too
 * long or is interrupted, its whole process group is ended. So is what it has left behind at its end. A job that the
 * system cannot start for want of files or processes waits until it can, as others end.
 */
export const runOnce = Effect.fnUntraced(function*(field: Field, line: Buffer) {
  const { groups, onShortage, starting, store, terminal, timeout } = field
  const stdout: Array<Piece> = []
  const stderr: Array<Piece> = []
  let startedAt = yield* Clock.currentTimeMillis

  const run = Effect.gen(function*() {
    const shell = yield* Effect.acquireRelease(
      Effect.tap(startShell(field, line), ({ pid = 0 }) => Effect.sync(() => groups.add(pid))),
      ({ pid = 0, stderr, stdout }) =>
        Effect.ensuring(
          end(terminal === undefined ? -pid : pid),
          Effect.sync(() => {
            groups.delete(pid)
            stdout?.destroy()
            stderr?.destroy()
          })
        )
    ).pipe(
      Effect.tapError((error) => error.isShortage ? onShortage(error.message) : Effect.void),
      Effect.retry({ while: (error) => error.isShortage, schedule: Schedule.spaced("50 millis") }),
      starting.withPermit
    )
    shell.stdout?.on("data", (bytes: Buffer) => stdout.push(store.put(bytes)))
    shell.stderr?.on("data", (bytes: Buffer) => stderr.push(store.put(bytes)))
    startedAt = yield* Clock.currentTimeMillis
    const closed = Effect.callback<Outcome>((resume) => {
      shell.once(
        "close",
        (code, signal) =>
          resume(Effect.succeed({ exitCode: code ?? 0, signal: signal === null ? 0 : constants.signals[signal] }))
      )
    })
    if (timeout === undefined) return yield* closed
    return Option.getOrElse(yield* Effect.timeoutOption(closed, timeout), (): Outcome => ({
      exitCode: -1,
      signal: constants.signals.SIGTERM,
      reason: `it took longer than ${Duration.format(timeout)}`
    }))
  }).pipe(Effect.scoped, Effect.catchTag("CannotStart", ({ message }) => Effect.succeed(notStarted(message))))

  const outcome = line.length > LINE_LIMIT
    ? notStarted(`the line is longer than ${LINE_LIMIT} bytes`)
    : line.includes(0)
    ? notStarted("the line has a NUL byte")
    : yield* run
  return { ...outcome, stdout, stderr, startedAt, millis: (yield* Clock.currentTimeMillis) - startedAt } satisfies Ended
})
