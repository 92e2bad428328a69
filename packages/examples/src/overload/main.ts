import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { whileOutputIsRead } from "../broken-pipe.ts"
import { overloadCommand } from "./cli.ts"

Command.run(overloadCommand, { version: "0.1.0" }).pipe(
  Effect.provide(NodeServices.layer),
  whileOutputIsRead,
  NodeRuntime.runMain
)
