/**
 * How actors end, in words.
 */
import { type Cause, Effect, Exit } from "effect"
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

/** What an effect has succeeded with: the end of an actor, or an exit that is a value. */
export const showValue = (value: unknown): string =>
  Exit.isExit(value) ? showExit(value) : typeof value === "string" ? value : "done"

export const showExit = (exit: Exit.Exit<unknown, unknown>): string =>
  exit._tag === "Success" ? showValue(exit.value) : showCause(exit.cause)

export const showCause = ({ reasons }: Cause.Cause<unknown>): string => {
  const shown = reasons.flatMap((reason) =>
    reason._tag === "Fail"
      ? [`fail ${showError(reason.error)}`]
      : reason._tag === "Die"
      ? [`die ${showError(reason.defect)}`]
      : []
  )
  return shown.join(" and ") || "interrupted"
}

const showError = (error: unknown): string => {
  if (error instanceof Named) return error.actor
  if (error instanceof PoolFull) return error.reason
  if (!(error instanceof Error)) return String(error)
  if (error.cause instanceof Named) return error.cause.actor
  return error.message.startsWith("waitall") ? "waitall" : error.message
}
