import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Runtime } from "effect"
import type { Command } from "effect/cli"
import { whileOutputIsRead } from "../broken-pipe.ts"
import { messageOf } from "../message.ts"

/** An example of the gallery exports its program, and runs nothing when it is imported. */
export interface GalleryExample {
  readonly main: Effect.Effect<void, unknown, Command.Environment>
}

/** A failure is told in its own words, and only a defect with its trace. The exit code is 1 for both. */
const report = (cause: Cause.Cause<unknown>) => {
  const error = Cause.squash(cause)
  if (Cause.hasInterruptsOnly(cause) || !Runtime.getErrorReported(error)) return Effect.void
  return Cause.hasDies(cause) ? Effect.logError(cause) : Console.error(messageOf(error))
}

/** Runs an example with the arguments of this process. Ctrl-C interrupts it, and its finalizers run. */
export const run = ({ main }: GalleryExample): void =>
  main.pipe(
    Effect.provide(NodeServices.layer),
    whileOutputIsRead,
    Effect.tapCause(report),
    NodeRuntime.runMain({ disableErrorReporting: true })
  )
