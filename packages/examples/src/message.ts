/** The message of an error and those of its causes, which often say more. */
export const messageOf = (error: unknown): string => {
  const messages: Array<string> = []
  for (let at = error; at !== undefined && at !== null; at = at instanceof Error ? at.cause : undefined) {
    const message = at instanceof Error ? at.message : String(at)
    if (message !== "" && !messages.some((known) => known.includes(message))) messages.push(message)
  }
  return messages.join(": ") || String(error)
}
