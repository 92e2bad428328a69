// The core part of the tests on Bun and Deno, each in the kind of worker that it has in full.
import { defineConfig } from "vitest/config"
import { corePart } from "./core-part.ts"

export default defineConfig({
  test: { ...corePart, pool: "Bun" in globalThis ? "threads" : "forks", isolate: false }
})
