/**
 * What memory is held, after garbage collection. Needs `node --expose-gc`, and says so where that is missing.
 */
import { Effect } from "effect"

const collectGarbage = (): void => {
  if (globalThis.gc === undefined) throw new Error("run the tests of memory with execArgv: [\"--expose-gc\"]")
  globalThis.gc()
}

/** Collects what is garbage. Weak references are cleared only after a turn of the event loop. */
export const collected: Effect.Effect<void> = Effect.andThen(Effect.yieldNow, Effect.sync(collectGarbage))

/** How much the heap holds, in megabytes. */
export const heldMegabytes = (): number => {
  collectGarbage()
  return process.memoryUsage().heapUsed / 2 ** 20
}
