/**
 * `pnpm soak --minutes N` (default 1, also a fraction): mixed load on several pools for so long, then an HTTP
 * server. Exits with 1 when something that must hold did not.
 */
import { parseArgs } from "node:util"
import { load } from "./load.ts"
import { serveUnderLoad } from "./server.ts"
import { say, violations } from "./verdict.ts"

const { values } = parseArgs({ options: { minutes: { type: "string", default: "1" } } })
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new Error(`--minutes takes a number greater than 0, not ${values.minutes}`)

for (const part of [() => load(minutes), serveUnderLoad]) {
  if (violations.length === 0) await part()
}
say(violations.length === 0 ? "all held" : `${violations.length} violations:\n${violations.join("\n")}`)
process.exit(violations.length === 0 ? 0 : 1)
