import { it } from "@effect/vitest"
import { bothKilled, shortTimings } from "./scenarios.ts"

// All scenarios: pnpm cluster:kill. They wait for leases and failovers most of the time.
it(
  "a client that is killed costs the others nothing, and a coordinator that is killed is replaced",
  { timeout: 120_000 },
  async () => {
    await bothKilled({ timings: shortTimings })
  }
)
