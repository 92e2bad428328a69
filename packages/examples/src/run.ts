import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Layer, Runtime } from "effect"
import { CliError, CliOutput, type Command } from "effect/cli"
import { constants } from "node:os"
import { whileOutputIsRead } from "./broken-pipe.ts"
import { messageOf } from "./message.ts"

/** What is wrong with the arguments is said on the error stream: the standard output is for results. */
export const layerPresenter = CliOutput.layerPresenter({
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

/**
 * Runs a command line as the program of this process. A signal interrupts it, so that its finalizers run, and the exit
 * code is then 128 and the number of the signal. Wrong arguments end with the exit code `usage`, failures with 1.
 */
export const run = <E>(main: Effect.Effect<void, E, Command.Environment>, usage = 1): void => {
  let interruptedBy: "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGQUIT" = "SIGINT"
  const endBySignal = Effect.callback<never>((resume) => {
    for (const signal of ["SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
      process.on(signal, () => {
        interruptedBy = signal
        resume(Effect.interrupt)
      })
    }
  })
  main.pipe(
    Effect.provide(Layer.merge(NodeServices.layer, layerPresenter)),
    Effect.raceFirst(endBySignal),
    whileOutputIsRead,
    Effect.tapCause(report),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit, onExit) =>
        Runtime.defaultTeardown(exit, (code) => {
          if (exit._tag === "Success") return onExit(code)
          const error = Cause.squash(exit.cause)
          if (CliError.isCliError(error) && error._tag === "ShowHelp") {
            return onExit(error.errors.length > 0 ? usage : 0)
          }
          onExit(Cause.hasInterruptsOnly(exit.cause) ? 128 + constants.signals[interruptedBy] : code)
        })
    })
  )
}
