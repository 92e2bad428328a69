import { GreenPool, type PoolStats } from "@greenpool/core"
import { Clock, Effect, Schedule, Stdio, Stream, Terminal } from "effect"
import type { Ledger } from "./crawl.ts"

const BAR = 20
const CLEAR = "\r\u001b[K"

/** What the progress of a crawl shows at a moment; `seconds` since it began. */
export const progressLine = (
  { done, found, seconds }: { readonly done: number; readonly found: number; readonly seconds: number },
  { running, waiting }: Pick<PoolStats, "running" | "waiting">
): string => {
  const filled = found === 0 ? 0 : Math.floor(BAR * done / found)
  const rate = seconds > 0 ? Math.round(done / seconds) : 0
  return `[${"#".repeat(filled)}${".".repeat(BAR - filled)}] ${done} of ${found} links done, ` +
    `${running} running, ${waiting} waiting, ${rate}/s`
}

/**
 * Shows the progress of a crawl on the standard error stream until the scope closes: a line that is drawn over and
 * over on a terminal, else a plain line every second.
 */
export const showProgress = Effect.fn("showProgress")(function*(ledger: Ledger) {
  const pool = yield* GreenPool
  const stdio = yield* Stdio.Stdio
  const terminal = yield* Terminal.Terminal
  const isTerminal = yield* stdio.stderrIsTerminal
  const began = yield* Clock.currentTimeMillis

  const print = (text: string) => Effect.ignore(Stream.run(Stream.succeed(text), stdio.stderr()))
  const draw = Effect.gen(function*() {
    const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
    const crawl = { done: ledger.checked.length, found: ledger.found.size, seconds }
    const line = progressLine(crawl, yield* pool.stats)
    // A line that wraps could not be drawn over.
    const columns = (yield* terminal.columns) || 80
    yield* print(isTerminal ? CLEAR + line.slice(0, columns - 1) : `${line}\n`)
  })

  yield* Effect.addFinalizer(() => isTerminal ? print(CLEAR) : draw)
  yield* Effect.forkScoped(Effect.repeat(draw, Schedule.spaced(isTerminal ? "100 millis" : "1 second")))
})
