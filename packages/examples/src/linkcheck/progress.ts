import { GreenPool, type PoolStats } from "@greenpool/core"
import { Clock, Effect, Schedule, Stdio, Stream } from "effect"
import { bar, CLEAR, drawnOver, rate } from "../progress.ts"
import type { Ledger } from "./crawl.ts"
import { seconds } from "./host.ts"

/** What the progress of a crawl shows at a moment. `delayed` are those that wait for their host, outside of the pool. */
export const progressLine = (
  { delayed, done, found, seconds }: Readonly<Record<"delayed" | "done" | "found" | "seconds", number>>,
  { running, waiting }: Pick<PoolStats, "running" | "waiting">
): string =>
  `${bar(done, found)} ${done} of ${found} links done, ${running} running, ${waiting} waiting, ` +
  `${delayed > 0 ? `${delayed} delayed by their host, ` : ""}${rate(done, seconds)}`

/**
 * Shows the progress of a crawl on the standard error stream until the scope closes: a line that is drawn over and
 * over on a terminal, else a plain line every second, and more often in the first one.
 */
export const showProgress = Effect.fn("showProgress")(function*(ledger: Ledger) {
  const pool = yield* GreenPool
  const stdio = yield* Stdio.Stdio
  const isTerminal = yield* stdio.stderrIsTerminal
  const began = yield* Clock.currentTimeMillis

  const announced = new Set<string>()
  const print = (text: string) => Effect.ignore(Stream.run(Stream.succeed(text), stdio.stderr()))
  const draw = Effect.gen(function*() {
    const elapsed = (yield* Clock.currentTimeMillis) - began
    const crawl = {
      done: ledger.checked.length,
      found: ledger.found.size,
      delayed: ledger.waits.now,
      seconds: elapsed / 1000
    }
    const line = progressLine(crawl, yield* pool.stats)
    for (const [origin, { crawlDelay }] of ledger.waits.origins) {
      if (crawlDelay === 0 || announced.has(origin)) continue
      announced.add(origin)
      yield* print(
        `${isTerminal ? CLEAR : ""}${origin} asks for ${seconds(crawlDelay)} between requests (Crawl-delay)\n`
      )
    }
    yield* print(isTerminal ? yield* drawnOver(line) : `${line}\n`)
  })

  yield* Effect.addFinalizer(() => isTerminal ? print(CLEAR) : draw)
  const times = Schedule.min([
    Schedule.exponential("125 millis"),
    Schedule.spaced(isTerminal ? "100 millis" : "1 second")
  ])
  yield* Effect.forkScoped(Effect.repeat(draw, times))
})
