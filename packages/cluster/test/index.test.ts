import { expect, it } from "@effect/vitest"

it("has both entries", async () => {
  expect(await import("@greenpool/cluster")).toBeDefined()
  expect(await import("@greenpool/cluster/node")).toBeDefined()
})
