// Runs the core part of the library's tests on Bun or Deno: `node scripts/runtimes/test.ts bun`.
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { npmEnvironment } from "../npm-environment.ts"
import { runtimes } from "./runtimes.ts"

const [name = "", ...options] = process.argv.slice(2)
if (!Object.hasOwn(runtimes, name)) {
  throw new Error(`No runtime ${JSON.stringify(name)}: it is one of ${Object.keys(runtimes).join(", ")}`)
}
const { command: [file, ...first], runTool } = runtimes[name as keyof typeof runtimes]
const root = join(import.meta.dirname, "../..")
const vitest = ["node_modules/vitest/vitest.mjs", "run", "--config", "scripts/runtimes/servers.config.ts", ...options]
const { status } = spawnSync(file, [...first, ...runTool, ...vitest], {
  cwd: root,
  env: npmEnvironment,
  stdio: "inherit"
})
process.exitCode = status ?? 1
