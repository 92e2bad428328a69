/**
 * How jobs have ended, and how many callers were rejected.
 */
import { Cause, type Exit } from "effect"

export class Outcomes {
  succeeded = 0
  failed = 0
  interrupted = 0
  rejected = 0

  /** Counts a job that has ended. */
  end(exit: Exit.Exit<unknown, unknown>): void {
    if (exit._tag === "Success") this.succeeded++
    else if (Cause.hasInterruptsOnly(exit.cause)) this.interrupted++
    else this.failed++
  }
}
