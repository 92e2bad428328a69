import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { runExample } from "./example.ts"

describe("a crawler of the gallery", { timeout: 30_000, concurrent: true }, () => {
  for (const name of ["recursive-crawler", "producer-consumer"]) {
    it.live(`fails when its start page cannot be fetched, as ${name}`, () =>
      Effect.gen(function*() {
        const { code, stderr } = yield* runExample(name, "http://127.0.0.1:1")
        assert.deepStrictEqual([code, stderr], [1, "The start page cannot be fetched: http://127.0.0.1:1/\n"])
      }))
  }
})
