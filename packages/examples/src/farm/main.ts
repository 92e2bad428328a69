import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer } from "effect"
import { CliOutput, Command } from "effect/cli"
import { constants } from "node:os"
import { CannotGoOn, farmCommand } from "./cli.ts"

/** What is wrong with the command line goes to the error stream: the standard output is for that of the jobs. */
const layerPresenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Effect.flatMap(
        CliOutput.Formatter,
        (formatter) => Console.error(`${formatter.formatErrors(event.errors)}\nSee farm --help.`)
      )
      : CliOutput.defaultPresenter.present(event)
})

/** Waits for a signal that would end the process alone, and leave its jobs behind. Repeated, it does no more. */
const endOn = (signal: "SIGHUP" | "SIGQUIT") =>
  Effect.callback<never, CannotGoOn>((resume) => {
    const end = () => resume(new CannotGoOn({ code: 128 + constants.signals[signal] }))
    process.on(signal, end)
    return Effect.sync(() => process.off(signal, end))
  })

Command.run(farmCommand, { version: "0.1.0" }).pipe(
  // SIGINT and SIGTERM are those of runMain.
  Effect.raceFirst(endOn("SIGHUP")),
  Effect.raceFirst(endOn("SIGQUIT")),
  Effect.catchTag("ShowHelp", ({ errors }) => errors.length > 0 ? new CannotGoOn({ code: 255 }) : Effect.void),
  Effect.provide(Layer.merge(NodeServices.layer, layerPresenter)),
  NodeRuntime.runMain
)
