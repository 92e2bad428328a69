// Programs with a command line: what they say when something is wrong, and how they end.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Exit, Runtime, Schema } from "effect"
import { CliError, CliOutput, type Command } from "effect/cli"
import { constants } from "node:os"
import { messageOf } from "./message.ts"

/** Ends a program that has said all there is to say, with this exit code. */
export class Ended extends Schema.TaggedError<Ended>()("Ended", { exitCode: Schema.Int }) {
  override readonly [Runtime.errorExitCode] = this.exitCode
  override readonly [Runtime.errorReported] = false
}

/** The exit code of a program that SIGPIPE has ended. */
export const BROKEN_PIPE = 141

/** Fails when the output does: quietly where nobody reads it any more, as in `… | head -1`. */
const outputFails = Effect.callback<never, Ended | Error>((resume) => {
  for (const stream of [process.stdout, process.stderr]) {
    // It stays, for what finalizers print: Node ends a process at an error that nobody listens to.
    stream.on("error", (error: NodeJS.ErrnoException) => {
      const isPipe = error.code === "EPIPE"
      // For a program that has just ended, with its last line.
      process.exitCode = isPipe ? BROKEN_PIPE : 1
      resume(Effect.fail(isPipe ? new Ended({ exitCode: BROKEN_PIPE }) : error))
    })
  }
})

/** What is wrong with the arguments is said on the error stream: the standard output is for results. */
const layerPresenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
        `${event.errors.map(({ message }) => message).join("\n")}\nSee ${event.commandPath.join(" ")} --help.`
      )
      : CliOutput.defaultPresenter.present(event)
})

/** A failure is reported in its own words, and only a defect with its trace. */
const report = (cause: Cause.Cause<unknown>) => {
  const error = Cause.squash(cause)
  const isReported = Cause.hasInterruptsOnly(cause) || CliError.isCliError(error) || !Runtime.getErrorReported(error)
  if (isReported) return Effect.void
  return Cause.hasDies(cause) ? Effect.logError(cause) : Console.error(messageOf(error))
}

/** A command line that says what is wrong with its arguments, and why it has failed. */
export const reporting = <E, R>(main: Effect.Effect<void, E, R>) =>
  main.pipe(Effect.provide(layerPresenter), Effect.tapCause(report))

/** Of wrong arguments `usage`, of an interruption 128 and the number of the signal, of other failures mostly 1. */
export const exitCodeOf = (exit: Exit.Exit<void, unknown>, usage: number, signal: NodeJS.Signals): number => {
  if (Exit.isSuccess(exit)) return 0
  const error = Cause.squash(exit.cause)
  if (CliError.isCliError(error) && error._tag === "ShowHelp") return error.errors.length > 0 ? usage : 0
  return Cause.hasInterruptsOnly(exit.cause) ? 128 + constants.signals[signal] : Runtime.getErrorExitCode(error)
}

/** Runs a command line as the program of this process. A signal interrupts it, so that its finalizers run. */
export const run = <E>(main: Effect.Effect<void, E, Command.Environment>, usage = 1): void => {
  let signal: NodeJS.Signals = "SIGINT"
  const endBySignal = Effect.callback<never>((resume) => {
    for (const name of ["SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
      process.on(name, () => {
        signal = name
        resume(Effect.interrupt)
      })
    }
  })
  Effect.raceAllFirst([main, endBySignal, outputFails]).pipe(
    reporting,
    Effect.provide(NodeServices.layer),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit, onExit) => onExit(exitCodeOf(Exit.asVoid(exit), usage, signal))
    })
  )
}
