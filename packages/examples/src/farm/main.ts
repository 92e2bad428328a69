import { Command } from "effect/cli"
import { run } from "../run.ts"
import { farmCommand } from "./cli.ts"

run(Command.run(farmCommand, { version: "0.1.0" }), 255)
