import { run } from "../run.ts"
import { farmProgram } from "./cli.ts"

run(farmProgram, 255)
