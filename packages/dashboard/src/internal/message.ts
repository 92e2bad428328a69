/**
 * What is said of a failure.
 */
import { Cause, Formatter } from "effect"

/** The message of an error, or the error itself where it has none. */
export const messageOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error && error.message !== "" ? error.message : Formatter.format(error)
}
