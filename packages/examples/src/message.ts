import { getSystemErrorMessage } from "node:util"

/** An error and its causes, the innermost last. */
export const causes = function*(error: unknown): Generator<unknown> {
  for (let at = error; at !== undefined && at !== null;) {
    yield at
    at = at instanceof AggregateError ? at.errors[0] : at instanceof Error ? at.cause : undefined
  }
}

type SystemError = NodeJS.ErrnoException & { readonly code: string; readonly errno: number }

const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error && "errno" in error && typeof error.errno === "number"

/** The error of the system that is behind an error, if there is one: it has a `code`, such as `EPIPE`. */
export const systemErrorOf = (error: unknown) => [...causes(error)].find(isSystemError)

/** The message of an error and those of its causes, which often say more. Of a file, its path and what is wrong. */
export const messageOf = (error: unknown): string => {
  const system = systemErrorOf(error)
  if (system?.path !== undefined) return `${system.path}: ${getSystemErrorMessage(system.errno)}`
  const messages: Array<string> = []
  for (const at of causes(error)) {
    const message = at instanceof Error ? at.message : String(at)
    if (message !== "" && !messages.some((known) => known.includes(message))) messages.push(message)
  }
  return messages.join(": ") || String(error)
}
