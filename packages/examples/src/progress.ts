// A line of progress, which is drawn over and over on a terminal.
import { Effect, Terminal } from "effect"

const BAR = 20

/** Wipes out the line that the cursor is on. */
export const CLEAR = "\r\u001b[K"

/** A bar that is filled as far as the whole is done. */
export const bar = (done: number, whole: number): string => {
  const filled = Math.min(BAR, Math.floor(BAR * done / Math.max(1, whole)))
  return `[${"#".repeat(filled)}${".".repeat(BAR - filled)}]`
}

/** How many are done a second. */
export const rate = (done: number, seconds: number): string => `${seconds > 0 ? Math.round(done / seconds) : 0}/s`

/** What draws a line over the last one. It is cut to the width: a line that wraps could not be drawn over. */
export const drawnOver = Effect.fnUntraced(function*(line: string) {
  const columns = (yield* (yield* Terminal.Terminal).columns) || 80
  return CLEAR + line.slice(0, columns - 1)
})
