// What is seen of the farm: the output of its jobs, its own messages, and on a terminal a line of progress.
import { GreenPool } from "@greenpool/core"
import { Clock, Effect, Schedule, Semaphore, Stdio, Stream } from "effect"
import { bar, CLEAR, drawnOver, rate } from "../progress.ts"
import type { Ended } from "./job.ts"
import type { Store } from "./store.ts"

/** What has been done until now. */
export interface Tally {
  done: number
  failed: number
  /** Bytes of the lines that are done. */
  bytes: number
}

/** What the progress shows at a moment. Without the size of the input there is no bar. */
export const progressLine = (
  { bytes, done, failed }: Tally,
  { running, size }: { readonly running: number; readonly size: number },
  seconds: number,
  total?: number
): string =>
  `${total === undefined ? "" : `${bar(bytes, total)} `}${done} done, ${failed} failed, ` +
  `${running} of ${size} running, ${rate(done, seconds)}`

export interface ScreenOptions {
  /** Whether to leave out progress and what is said of jobs. */
  readonly quiet: boolean
  /** The descriptor of the terminal, for jobs that use it. */
  readonly terminal?: number | undefined
  /** Size of the input in bytes, where it is known. */
  readonly total?: number | undefined
}

/** Makes the screen, which is cleared when the scope closes. */
export const makeScreen = Effect.fnUntraced(function*(
  store: Store,
  tally: Tally,
  { quiet, terminal, total }: ScreenOptions
) {
  const pool = yield* GreenPool
  const stdio = yield* Stdio.Stdio
  const showsProgress = !quiet && terminal === undefined && (yield* stdio.stderrIsTerminal)
  const began = yield* Clock.currentTimeMillis
  // One at a time: progress stays out of the output.
  const one = yield* Semaphore.make(1)

  const write = (chunks: Iterable<string | Uint8Array>) => Stream.run(Stream.fromIterable(chunks), stdio.stderr())
  const clear = showsProgress ? write([CLEAR]) : Effect.void
  // Progress on a line that a job has not ended would wipe it out.
  let midLine = false

  /** Writes all that a job has written, unmixed with that of others. */
  const print = ({ stderr, stdout }: Ended) =>
    Effect.gen(function*() {
      if (stdout.length + stderr.length === 0) return
      yield* clear
      midLine = false
      for (const [pieces, sink] of [[stdout, stdio.stdout()], [stderr, stdio.stderr()]] as const) {
        let last = 0x0a
        yield* Stream.fromIterable(store.take(pieces), { chunkSize: 1 }).pipe(
          Stream.tap((bytes) => Effect.sync(() => void (last = bytes.at(-1) ?? last))),
          Stream.run(sink)
        )
        midLine ||= last !== 0x0a
      }
    }).pipe(one.withPermit)

  const warn = (text: string) => one.withPermit(Effect.andThen(clear, write([`farm: ${text}\n`])))
  const say = (text: string) => quiet ? Effect.void : warn(text)

  if (showsProgress) {
    const draw = Effect.gen(function*() {
      if (midLine) return
      const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
      yield* write([yield* drawnOver(progressLine(tally, yield* pool.stats, seconds, total))])
    }).pipe(one.withPermit, Effect.ignore)
    yield* Effect.addFinalizer(() => midLine ? Effect.void : Effect.ignore(clear))
    yield* Effect.forkScoped(Effect.repeat(draw, Schedule.spaced("100 millis")))
  }
  return { print, say, warn }
})
