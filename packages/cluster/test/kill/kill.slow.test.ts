import { it } from "@effect/vitest"
import { bothKilled, shortTimings } from "./scenarios.ts"

// All scenarios: pnpm cluster:kill. They wait for leases and failovers most of the time.
it(
  "a coordinator that is killed stops nobody and is replaced, and a client that is killed costs the others nothing",
  { timeout: 120_000 },
  async () => {
    await bothKilled({ timings: shortTimings })
  }
)
