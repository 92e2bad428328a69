/**
 * The heap, when it holds nothing but what is in use.
 */
import { Effect } from "effect"
import { turns } from "./turns.ts"

/** Collects garbage until none is left. */
export const collectGarbage: Effect.Effect<void> = Effect.gen(function*() {
  if (globalThis.gc === undefined) return yield* Effect.die(new Error("these tests need node --expose-gc"))
  for (let i = 0; i < 4; i++) {
    yield* turns(3)
    globalThis.gc()
  }
})

/** The bytes in use. */
export const heap: Effect.Effect<number> = Effect.andThen(
  collectGarbage,
  Effect.sync(() => process.memoryUsage().heapUsed)
)
