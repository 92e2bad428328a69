/**
 * Monotonic time, which changes of the wall clock don't affect. Clocks count it in nanoseconds.
 */

/** Converts nanoseconds to seconds. */
export const toSeconds = (nanos: bigint): number => Number(nanos) / 1_000_000_000

/** Converts nanoseconds to milliseconds. */
export const toMillis = (nanos: bigint): number => Number(nanos) / 1_000_000
