/**
 * Monotonic time, which no change of the wall clock moves.
 */

/** Nanoseconds in milliseconds. */
export const toMillis = (nanos: bigint): number => Number(nanos) / 1e6
