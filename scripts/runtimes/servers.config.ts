// The core part of the tests on Bun and Deno, each in the kind of worker that it has in full.
import { defineConfig } from "vitest/config"
import { corePart } from "./core-part.ts"

export default defineConfig({
  test: {
    // Some tests compute for seconds, and the machine may be busy.
    testTimeout: 30_000,
    ...corePart,
    pool: "Bun" in globalThis ? "threads" : "forks",
    isolate: false
  }
})
