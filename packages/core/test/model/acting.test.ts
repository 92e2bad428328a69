import { describe, expect, it } from "@effect/vitest"
import { actOut } from "./acting.ts"

const seed = Number(process.env["GREENPOOL_SEED"] ?? 1) * 100_000

describe("A pool whose users' functions act on it, or throw, inside its steps", () => {
  it("loses no slot, no place and no caller in 500 random programs", { timeout: 60_000 }, () => {
    for (let program = seed; program < seed + 500; program++) expect(actOut(program)).toBeUndefined()
  })
})
