import { addEqualityTesters, describe, expect, it } from "@effect/vitest"
import { documents, type Fence, readFences } from "./fences.ts"
import { claimsOf, printedBy } from "./printed.ts"
import { moduleOf } from "./vite-plugin.ts"

addEqualityTesters()

const run = async (fence: Fence): Promise<void> => {
  const printed = await printedBy(() => import(moduleOf(fence)))
  expect(printed, `${fence.file}:${fence.line} prints what its comments claim`).toEqual(claimsOf(fence))
}

for (const file of documents) {
  const fences = readFences(file)
  describe.runIf(fences.length > 0)(file, () => {
    it.each(fences)("$title", run)
  })
}

describe("an example fails", () => {
  it.each(readFences("scripts/doc-examples/wrong-examples.md"))("$title", async (fence) => {
    const [, message = "missing"] = /^\/\/ Fails: (.*)$/m.exec(fence.code) ?? []
    await expect(run(fence)).rejects.toThrow(message)
  })
})
