import { it } from "@effect/vitest"
import { scenarios, shortTimings } from "./scenarios.ts"

// All scenarios: pnpm cluster:kill. They wait for leases and failovers most of the time.
it("a coordinator that is killed is replaced and stops nobody, nor does a client that is killed", async () => {
  await scenarios.bothKilled({ timings: shortTimings })
}, 120_000)
