/**
 * What is logged.
 */
import { type Cause, Effect, Logger, References } from "effect"
import { atRest } from "./turns.ts"

interface Entry {
  readonly level: string
  readonly message: unknown
  readonly cause: Cause.Cause<unknown>
  readonly annotations: Readonly<Record<string, unknown>>
}

/** A logger, and what it is given. */
export const makeLog = () => {
  const entries: Array<Entry> = []
  const logger = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
    entries.push({ level: logLevel, message, cause, annotations: fiber.getRef(References.CurrentLogAnnotations) })
  })
  return { entries, layer: Logger.layer([logger]) }
}

/** Runs an effect with a logger of its own, and gives what was logged. */
export const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  const { entries, layer } = makeLog()
  return Effect.as(Effect.provide(Effect.andThen(effect, atRest), layer), entries)
}
