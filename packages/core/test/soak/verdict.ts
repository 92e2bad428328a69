/**
 * What a soak finds out: the memory that is held, lines of progress, and violations of what must hold.
 */
import type { PoolStats } from "../../src/index.ts"

const start = Date.now()

/** The bytes that are held when the garbage is collected. */
export const heldBytes = async (): Promise<number> => {
  if (globalThis.gc === undefined) throw new Error("run with node --expose-gc")
  for (let i = 0; i < 4; i++) {
    // Weak references and finished fibers are let go of between turns of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
    globalThis.gc()
  }
  return process.memoryUsage().heapUsed
}

/** Bytes as text. */
export const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`

/** What was violated, so far. */
export const violations: Array<string> = []

/** Prints a line of progress. */
export const say = (text: string): void => {
  console.log(`${((Date.now() - start) / 1000).toFixed(1).padStart(7)} s  ${text}`)
}

/** Notes a violation unless `holds`. */
export const require = (holds: boolean, what: string): void => {
  if (holds) return
  violations.push(what)
  say(`VIOLATION: ${what}`)
}

/** What holds of each snapshot, also in the midst of the work. */
export const requireConsistent = (stats: PoolStats): void => {
  const { borrowed, failed, free, interrupted, running, size, started, succeeded } = stats
  const shown = JSON.stringify({ ...stats })
  require(free === size - running, `free is size - running: ${shown}`)
  const sum = succeeded + failed + interrupted + running + borrowed
  require(started === sum, `started is the sum of what ended and what runs: ${shown}`)
}

export const isEmpty = ({ borrowed, running, waiting }: PoolStats): boolean => running + borrowed + waiting === 0

/** Nothing runs, nothing waits, and what has started has ended. */
export const requireQuiet = (stats: PoolStats): void => {
  requireConsistent(stats)
  require(isEmpty(stats), `at rest nothing runs or waits: ${JSON.stringify({ ...stats })}`)
}
