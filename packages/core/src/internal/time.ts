/**
 * Monotonic time, which changes of the wall clock don't affect.
 */
import type { Clock } from "effect"

/** The monotonic time in milliseconds. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

/** The monotonic time in seconds. */
export const monotonicSeconds = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000_000
