// The farm: every line is a job of the pool, which decides how many run concurrently.
import { GreenPool } from "@greenpool/core"
import { Deferred, type Duration, Effect, Runtime, Schema, Stream } from "effect"
import { type Ended, hasFailed, type Jobs, runOnce } from "./job.ts"
import { openJobLog } from "./joblog.ts"
import { makeScreen, type ScreenOptions, type Tally } from "./screen.ts"
import { abridge, toCommand, toScript } from "./script.ts"
import { makeShells } from "./shell.ts"
import { resizeOnSignals, suspendOnSignals } from "./signals.ts"
import { makeStore } from "./store.ts"

/** So much of what jobs have written is kept in memory at most. */
const MEMORY = 64 * 1024 * 1024

export interface FarmOptions extends ScreenOptions {
  /** `{}` in it is the line. */
  readonly command: string
  readonly unordered: boolean
  /** How many jobs may have begun whose output is not printed yet, where it is in order. Default: 8 times the size. */
  readonly window?: number | undefined
  readonly retries: number
  readonly timeout?: Duration.Duration | undefined
  readonly halt: boolean
  readonly joblog?: string | undefined
}

/** A job has failed, and nothing more is to run: the farm's exit code is that of the job. */
export class Halted extends Schema.TaggedError<Halted>()("Halted", { exitCode: Schema.Int, signal: Schema.Int }) {
  override readonly [Runtime.errorExitCode] = this.exitCode === 0 ? 128 + this.signal : this.exitCode & 0xff
  override readonly [Runtime.errorReported] = false
}

/**
 * Runs the lines, and prints what the jobs write, each job's as a whole: in the order of the lines, or as they finish.
 * A job that fails ends nothing, unless `halt` is set. Returns how many did what.
 *
 * Lines are taken as they are needed. What a job has written is kept until its turn comes to be printed.
 */
export const farm = Effect.fn("farm")(function*<E, R>(lines: Stream.Stream<Buffer, E, R>, options: FarmOptions) {
  const tally: Tally = { done: 0, failed: 0, bytes: 0 }
  const store = yield* makeStore(MEMORY)
  const screen = yield* makeScreen(store, tally, options)
  const log = options.joblog === undefined ? undefined : yield* openJobLog(options.joblog)
  const halted = yield* Deferred.make<never, Halted>()
  yield* resizeOnSignals(screen.say)

  const { groups, start } = yield* makeShells(
    options.terminal,
    (reason) => Effect.ignore(screen.warn(`fewer jobs at once than there are slots: ${reason}`))
  )
  yield* suspendOnSignals(groups)
  const jobs: Jobs = { script: toScript(options.command), timeout: options.timeout, store, start }

  /** What has ended and is not printed yet. */
  const unprinted = new Map<number, Ended>()

  const print = (seq: number) =>
    Effect.suspend(() => {
      const ended = unprinted.get(seq)
      unprinted.delete(seq)
      return ended === undefined ? Effect.void : screen.print(ended)
    }).pipe(Effect.uninterruptible)

  /** Writes down that a job has ended. */
  const conclude = Effect.fnUntraced(function*(seq: number, line: Buffer, ended: Ended) {
    unprinted.set(seq, ended)
    tally.done += 1
    tally.bytes += line.length + 1
    const command = toCommand(options.command, line)
    if (log !== undefined) yield* log(seq, ended, command)
    if (!hasFailed(ended)) return
    tally.failed += 1
    if (ended.reason !== undefined) yield* screen.say(`${ended.reason}: ${abridge(command)}`)
    if (options.halt && (yield* Deferred.fail(halted, new Halted(ended)))) {
      yield* screen.say(`halted, this job failed: ${abridge(command)}`)
    }
  })

  const job = ([line, index]: readonly [Buffer, number]) =>
    Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
      // Tries follow each other in the same slot. The output of the last one counts.
      let ended = yield* restore(runOnce(jobs, line))
      for (let retries = options.retries; retries > 0 && hasFailed(ended); retries--) {
        store.drop([...ended.stdout, ...ended.stderr])
        ended = yield* restore(runOnce(jobs, line))
      }
      // A job that has ended is in the log and in the output, whatever happens to the farm.
      yield* conclude(index + 1, line, ended)
      return index + 1
    }))

  const numbered = Stream.zipWithIndex(lines)
  const { window = (size: number) => 8 * size } = options
  // Behind a long job the others go on, as far as the window reaches.
  const ended = options.unordered ? GreenPool.imapUnordered(job, numbered) : GreenPool.imap(job, numbered, { window })
  yield* ended.pipe(
    Stream.runForEach(print),
    // Not a failure of the map, whose turn would come in order only.
    Effect.raceFirst(Deferred.await(halted)),
    // Nothing runs any more. What has ended is printed, also when that was not the end of the lines.
    Effect.ensuring(
      Effect.suspend(() => Effect.ignore(Effect.forEach([...unprinted.keys()].sort((a, b) => a - b), print)))
    )
  )
  // The last line's job may have halted a farm that was at its end.
  if (options.halt && tally.failed > 0) return yield* Deferred.await(halted)
  return tally
}, Effect.scoped)
