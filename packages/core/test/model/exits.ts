/**
 * How actors end, in words.
 */
import { Cause, Effect, type Exit } from "effect"
import { PoolFull } from "../../src/index.ts"
import type { Body } from "./program.ts"

/** A failure or defect of an actor, by its name. */
export class Named {
  readonly actor: string

  constructor(actor: string) {
    this.actor = actor
  }
}

/** Ends as the actor is told to. */
export const end = (actor: string, how: Body["kind"]): Effect.Effect<string, Named> => {
  switch (how) {
    case "fail":
      return Effect.fail(new Named(actor))
    case "die":
      return Effect.die(new Named(actor))
    case "throw":
      throw new Named(actor)
    case "interrupt":
      return Effect.interrupt
    default:
      return Effect.succeed(`succeed ${actor}`)
  }
}

export const showExit = (exit: Exit.Exit<unknown, unknown>): string =>
  exit._tag === "Success" ? typeof exit.value === "string" ? exit.value : "done" : showCause(exit.cause)

export const showCause = (cause: Cause.Cause<unknown>): string => {
  const reasons = cause.reasons.flatMap((reason) =>
    Cause.isFailReason(reason)
      ? [`fail ${showError(reason.error)}`]
      : Cause.isDieReason(reason)
      ? [`die ${showError(reason.defect)}`]
      : []
  )
  return reasons.length === 0 ? "interrupted" : reasons.join(" and ")
}

const showError = (error: unknown): string => {
  if (error instanceof Named) return error.actor
  if (error instanceof PoolFull) return error.reason
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Named
    ? error.cause.actor
    : error.message.startsWith("waitall")
    ? "waitall"
    : error.message
}
