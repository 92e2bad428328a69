import { describe, expect, it } from "@effect/vitest"
import { prove, Schedules } from "./proof.ts"
import type { Tally } from "./side-by-side.ts"

// All of it takes a minute; a part of it comes with each run of the tests.
const isFull = process.env["GREENPOOL_PROOF"] === "full"
const seed = Number(process.env["GREENPOOL_SEED"] ?? 1)
const batches = isFull ? 8 : 3
const batchSize = isFull ? 250 : 100

describe("The library, beside a model of the contract", () => {
  for (let batch = 0; batch < 2 * batches; batch++) {
    const admission = batch >= batches
    it(
      `does what it should in ${batchSize} random programs${
        admission ? " with admission" : ""
      } under ${Schedules} schedules each, ${batch % batches + 1} of ${batches}`,
      {
        timeout: 120_000
      },
      async () => {
        const tally: Tally = { programs: 0, steps: 0, reordered: 0, orders: 0 }
        const problem = await prove({ seed: seed * 1000 + batch % batches, programs: batchSize, admission }, tally)
        expect(problem).toBeUndefined()
        expect(tally.programs).toBe(batchSize * Schedules)
      }
    )
  }
})
