import { describe, it } from "@effect/vitest"
import { scenarios, shortTimings } from "./scenarios.ts"

// All scenarios: pnpm cluster:kill. They wait for leases and failovers most of the time.
describe.concurrent("with real processes", () => {
  it("a client that is killed costs the others nothing, and they get its slots", { timeout: 60_000 }, async () => {
    await scenarios.clientKilled({ timings: shortTimings })
  })

  it("a coordinator that is killed stops nobody, and another one takes over", { timeout: 60_000 }, async () => {
    await scenarios.coordinatorKilled({ timings: shortTimings })
  })
})
