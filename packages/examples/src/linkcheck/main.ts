import { Command } from "effect/cli"
import { run } from "../run.ts"
import { linkcheck } from "./cli.ts"

run(Command.run(linkcheck, { version: "0.1.0" }), 2)
