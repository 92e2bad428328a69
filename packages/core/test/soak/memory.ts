/**
 * What memory is held.
 */

/** A turn of the event loop: weak references and finished fibers are let go of between turns. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The bytes that are held when the garbage is collected. */
export const heldBytes = async (): Promise<number> => {
  if (globalThis.gc === undefined) throw new Error("run with node --expose-gc")
  for (let i = 0; i < 4; i++) {
    await turn()
    globalThis.gc()
  }
  return process.memoryUsage().heapUsed
}

/** Bytes as text. */
export const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`
