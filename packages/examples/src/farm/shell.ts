// A shell in a process group of its own, with all that it starts.
import { Deferred, Effect, Exit, Schedule, Schema, Semaphore } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { constants } from "node:os"
import { getSystemErrorMessage } from "node:util"
import { systemErrorOf } from "../message.ts"

/** The system refuses to start a shell. */
export class CannotStart
  extends Schema.TaggedError<CannotStart>()("CannotStart", { code: Schema.String, errno: Schema.Int })
{
  override get message() {
    return `${this.code}: ${getSystemErrorMessage(this.errno)}`
  }
  /** Whether it lacks what another shell gives back when it ends. */
  get isShortage() {
    return ["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"].includes(this.code)
  }
}

/** What a shell runs, and where its output goes. */
export interface Script {
  readonly text: string
  /** The value of `FARM_LINE`. */
  readonly line: string
  readonly onStdout: (bytes: Buffer) => void
  readonly onStderr: (bytes: Buffer) => void
}

/** Whether there was something to send the signal to. A negative target is a process group. */
export const signalTo = (target: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(target, signal)
  } catch {
    return false
  }
}

/** Tells a process or group to end, and kills it after a second. Waits until nothing of it is left, if that takes no longer. */
const end = Effect.fnUntraced(function*(target: number) {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (!signalTo(target, signal)) return
    for (let wait = 0; wait < 100 && signalTo(target, 0); wait++) yield* Effect.sleep("10 millis")
  }
})

/**
 * Makes what starts shells, and the set of the process groups that there are. With a terminal, shells stay in the group of
 * this process, and have the terminal instead of pipes. `onShortage` is told once why fewer run than should.
 */
export const makeShells = Effect.fnUntraced(function*(
  terminal: number | undefined,
  onShortage: (reason: string) => Effect.Effect<void>
) {
  const groups = new Set<number>()
  let isShort = false
  const starting = yield* Semaphore.make(1)

  const attempt = ({ line, onStderr, onStdout, text }: Script) =>
    Effect.callback<readonly [ChildProcess, Deferred.Deferred<readonly [code: number, signal: number]>], CannotStart>(
      (resume) => {
        const fail = (error: unknown) => {
          const system = systemErrorOf(error)
          resume(system === undefined ? Effect.die(error) : Effect.fail(new CannotStart(system)))
        }
        try {
          const shell = spawn("/bin/sh", ["-c", text], {
            env: { ...process.env, FARM_LINE: line },
            detached: terminal === undefined,
            // The standard input may be the one that the lines come from.
            stdio: terminal === undefined ? ["ignore", "pipe", "pipe"] : [terminal, "inherit", "inherit"]
          })
          const closed = Deferred.makeUnsafe<readonly [number, number]>()
          shell.once(
            "close",
            (code, signal) =>
              Deferred.doneUnsafe(closed, Exit.succeed([code ?? 0, signal === null ? 0 : constants.signals[signal]]))
          )
          shell.stdout?.on("data", onStdout)
          shell.stderr?.on("data", onStderr)
          shell.once("error", fail).once("spawn", () => resume(Effect.succeed([shell, closed])))
        } catch (error) {
          // Some errors of the system are thrown.
          fail(error)
        }
      }
    )

  const release = ({ pid = 0, stderr, stdout }: ChildProcess) =>
    end(terminal === undefined ? -pid : pid).pipe(Effect.ensuring(Effect.sync(() => {
      groups.delete(pid)
      stdout?.destroy()
      stderr?.destroy()
    })))

  /**
   * Starts a shell that ends with the scope, with all that it has left behind in its group. Where the system cannot start
   * it for want of files or processes, it waits until that is possible, as others end. Returns what waits until the shell
   * has ended and nobody holds its output any more: for its exit code, or the number of the signal that has killed it.
   */
  const start = (script: Script) =>
    Effect.acquireRelease(attempt(script), ([shell]) => release(shell)).pipe(
      Effect.tapError((error) => {
        if (!error.isShortage || isShort) return Effect.void
        isShort = true
        return onShortage(error.message)
      }),
      Effect.retry({ while: (error) => error.isShortage, schedule: Schedule.spaced("50 millis") }),
      // One waits for all that cannot start.
      starting.withPermit,
      Effect.map(([shell, closed]) => {
        if (terminal === undefined) groups.add(shell.pid ?? 0)
        return Deferred.await(closed)
      })
    )

  return { start, groups }
})
