import { describe, expect, it } from "@effect/vitest"
import { prove, Schedules } from "./proof.ts"
import type { Tally } from "./side-by-side.ts"

// All of it takes a minute; a part of it comes with each run of the tests.
const isFull = process.env["GREENPOOL_PROOF"] === "full"
const seed = Number(process.env["GREENPOOL_SEED"] ?? 1)
const batchSize = isFull ? 250 : 100

describe.each([
  { kind: "random programs", admission: false, batches: isFull ? 8 : 3 },
  { kind: "random programs with bounds, keys, times and draining", admission: true, batches: isFull ? 4 : 2 }
])("The library, beside a model of the contract", ({ admission, batches, kind }) => {
  for (let batch = 0; batch < batches; batch++) {
    it(
      `does what it should in ${batchSize} ${kind} under ${Schedules} schedules each, ${batch + 1} of ${batches}`,
      {
        timeout: 120_000
      },
      async () => {
        const tally: Tally = { programs: 0, steps: 0, reordered: 0, orders: 0 }
        const problem = await prove({ seed: seed * 1000 + batch, programs: batchSize, admission }, tally)
        expect(problem).toBeUndefined()
        expect(tally.programs).toBe(batchSize * Schedules)
      }
    )
  }
})
