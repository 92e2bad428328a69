import { addEqualityTesters, describe, expect, it } from "@effect/vitest"
import { documents, readFences } from "./fences.ts"
import { moduleOf } from "./vite-plugin.ts"

addEqualityTesters()

for (const file of documents) {
  const fences = readFences(file)
  describe.runIf(fences.length > 0)(file, () => {
    it.each(fences)("$title", (fence) => import(moduleOf(fence)))
  })
}

describe("an example fails", () => {
  it.each(readFences("scripts/doc-examples/wrong-examples.md"))("$title", async (fence) => {
    const [, message = "missing"] = /^\/\/ Fails: (.*)$/m.exec(fence.code) ?? []
    await expect(import(moduleOf(fence))).rejects.toThrow(message)
  })
})
