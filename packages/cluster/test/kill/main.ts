// Kills, freezes and cuts off processes of clusters, and says what became of slots, jobs and callers.
// Usage: pnpm cluster:kill [--short] [--postgres] [SCENARIO...]
import { parseArgs } from "node:util"
import { postgres, startPostgres } from "../support/postgres.ts"
import { defaultTimings, scenarios, shortTimings } from "./scenarios.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { short: { type: "boolean" }, postgres: { type: "boolean" } }
})

if (values.postgres && postgres === undefined) {
  console.error("There is no PostgreSQL on this machine: apt-get install postgresql")
  process.exit(1)
}
const server = values.postgres ? await startPostgres() : undefined
const setting = { timings: values.short ? shortTimings : defaultTimings, ...(server && { database: server.url }) }

for (const [name, scenario] of Object.entries(scenarios)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  try {
    const figures = Object.entries(await scenario(setting)).map(([what, figure]) =>
      `${what} ${Number(figure.toFixed(2))}`
    )
    console.log(`${name}: ${figures.join(", ")}`)
  } catch (error) {
    process.exitCode = 1
    console.error(`${name} failed: ${error instanceof Error ? error.message : error}`)
  }
}
await server?.stop()
