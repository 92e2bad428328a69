/**
 * Monotonic time, which goes on evenly when the clock on the wall is put right. Clocks count it in nanoseconds.
 */

/** So many nanoseconds in seconds. */
export const toSeconds = (nanos: bigint): number => Number(nanos) / 1_000_000_000

/** So many nanoseconds in milliseconds. */
export const toMillis = (nanos: bigint): number => Number(nanos) / 1_000_000
