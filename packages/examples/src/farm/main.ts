import { Command } from "effect/cli"
import { run } from "../run.ts"
import { farmCommand } from "./cli.ts"

const args = process.argv.slice(2)
const end = args.indexOf("--")
// What is written for xargs and parallel as `-0` and `-j8` would be a number and several flags here.
const options = args.map((arg, index) =>
  end >= 0 && index > end ? arg : arg.replace(/^-0$/, "--null").replace(/^-[jP](\d+)$/, "--size=$1")
)

run(Command.runWith(farmCommand, { version: "0.1.0" })(options), 255)
