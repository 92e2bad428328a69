import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Runtime, Schema } from "effect"
import { CliOutput, Command } from "effect/cli"
import { linkcheck } from "./cli.ts"

/** The command line is not understood: exit code 2, where Effect's would be 1. */
class BadUsage extends Schema.TaggedError<BadUsage>()("BadUsage", {}) {
  override readonly [Runtime.errorExitCode] = 2
  override readonly [Runtime.errorReported] = false
}

/** What is wrong with the command line goes to the error stream: the standard output is for the report. */
const layerPresenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(`${event.errors.map(({ message }) => message).join("\n")}\nSee linkcheck --help.`)
      : CliOutput.defaultPresenter.present(event)
})

Command.run(linkcheck, { version: "0.1.0" }).pipe(
  Effect.catchTag("ShowHelp", ({ errors }) => errors.length > 0 ? Effect.fail(new BadUsage()) : Effect.void),
  Effect.provide(Layer.merge(NodeServices.layer, layerPresenter)),
  NodeRuntime.runMain
)
