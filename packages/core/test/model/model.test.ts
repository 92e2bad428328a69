import { describe, expect, it } from "@effect/vitest"
import { prove, Schedules } from "./proof.ts"
import { Tally } from "./run.ts"

// All of it takes a minute; a part of it comes with each run of the tests.
const isFull = process.env["GREENPOOL_PROOF"] === "full"
const first = Number(process.env["GREENPOOL_SEED"] ?? 1) * 1000
const programs = isFull ? 250 : 100

const batches = (kind: string, admission: boolean, count: number) =>
  Array.from({ length: count }, (_, batch) => ({ kind, admission, seed: first + batch }))

describe("The library, beside a model of the contract", () => {
  it.each([
    ...batches("random programs", false, isFull ? 8 : 3),
    ...batches("random programs with bounds, keys, times and draining", true, isFull ? 4 : 2)
  ])(`does what it should in ${programs} $kind, seed $seed, under ${Schedules} schedules`, {
    timeout: 120_000
  }, async ({ admission, seed }) => {
    const tally = new Tally()
    expect(await prove({ seed, programs, admission }, tally)).toBeUndefined()
    expect(tally.programs).toBe(programs * Schedules)
  })
})
