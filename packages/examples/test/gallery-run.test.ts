import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { runExample } from "./example.ts"
import { serveRaw } from "./raw-server.ts"

describe("an example of the gallery that fails", { timeout: 30_000, concurrent: true }, () => {
  it.live("says so without a trace, in the words of the cause where it has none of its own", () =>
    Effect.gen(function*() {
      const { port } = new URL((yield* serveRaw(() => {})).origin)
      const { code, stderr } = yield* runExample("metrics", "--port", port)
      assert.strictEqual(stderr, `listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`)
      assert.strictEqual(code, 1)
    }).pipe(Effect.scoped))

  for (const name of ["recursive-crawler", "producer-consumer"]) {
    it.live(`has exit code 1, as ${name} where its start page cannot be had`, () =>
      Effect.gen(function*() {
        const { code, stderr } = yield* runExample(name, "http://127.0.0.1:1")
        assert.deepStrictEqual([code, stderr], [1, "The start page cannot be had: http://127.0.0.1:1/\n"])
      }))
  }
})
