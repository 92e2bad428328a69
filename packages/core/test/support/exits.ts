/**
 * How something ended.
 */
import { Cause, Exit } from "effect"

type Ending = Exit.Exit<unknown, unknown> | undefined

/** Whether it has ended with interruption. */
export const isInterrupted = (exit: Ending): boolean => exit !== undefined && Exit.hasInterrupts(exit)

/** What was thrown, where it is a defect. */
export const defectOf = (exit: Ending): unknown =>
  exit !== undefined && Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined
