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

const show = (stats: PoolStats): string => JSON.stringify({ ...stats })

/** What holds of each snapshot, also in the midst of the work. */
export const requireConsistent = (stats: PoolStats): void => {
  const { borrowed, failed, free, interrupted, running, size, started, succeeded } = stats
  require(free === size - running, `free is size - running: ${show(stats)}`)
  require(
    started === succeeded + failed + interrupted + running + borrowed,
    `started is the sum of what ended and what runs: ${show(stats)}`
  )
}

/** Nothing runs, nothing waits, and what has started has ended. */
export const requireQuiet = (stats: PoolStats): void => {
  const { borrowed, failed, interrupted, running, started, succeeded, waiting } = stats
  require(
    running === 0 && borrowed === 0 && waiting === 0 && started === succeeded + failed + interrupted,
    `at rest nothing runs, waits or is missing: ${show(stats)}`
  )
}
