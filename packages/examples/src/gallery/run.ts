import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import type { Command } from "effect/cli"

/** An example of the gallery exports its program, and runs nothing when it is imported. */
export interface GalleryExample {
  readonly main: Effect.Effect<void, unknown, Command.Environment>
}

/** Runs an example with the arguments of this process. Ctrl-C interrupts it, and its finalizers run. */
export const run = ({ main }: GalleryExample): void =>
  main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
