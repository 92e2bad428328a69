/**
 * The one check of the durations that options have.
 */
import { Duration, Formatter } from "effect"

/** The milliseconds of a duration that is finite and above 0; throws for others. */
export const milliseconds = (what: string, duration: Duration.Input): number => {
  const value = Duration.toMillis(duration)
  if (value > 0 && value < Infinity) return value
  throw new RangeError(`Invalid ${what} ${Formatter.format(duration)}: it is a finite duration above 0`)
}
