// The farm: every line is a job of the pool, which decides how many run at once.
import { GreenPool } from "@greenpool/core"
import { Deferred, type Duration, Effect, Runtime, Schema, Stream } from "effect"
import { type Ended, hasFailed, runOnce } from "./job.ts"
import { openJobLog } from "./joblog.ts"
import { resizeOnSignals } from "./resize.ts"
import { makeScreen, type Tally } from "./screen.ts"
import { abridge, toCommand, toScript } from "./script.ts"

export interface FarmOptions {
  /** `{}` in it is the line. */
  readonly command: string
  readonly unordered: boolean
  readonly retries: number
  readonly timeout?: Duration.Duration | undefined
  readonly halt: boolean
  readonly joblog?: string | undefined
  readonly quiet: boolean
  /** Size of the input in bytes, where it is known. */
  readonly total?: number | undefined
}

/** A job has failed, and nothing more is to run: the farm's exit code is that of the job. */
export class Halted extends Schema.TaggedError<Halted>()("Halted", { exitCode: Schema.Int, signal: Schema.Int }) {
  override readonly [Runtime.errorExitCode] = this.exitCode === 0 ? 128 + this.signal : this.exitCode & 0xff
  override readonly [Runtime.errorReported] = false
}

/**
 * Runs the lines, and prints what the jobs write, each job's as a whole: in the order of the lines, or as they finish.
 * A job that fails ends nothing, unless `halt` is set. Gives how many did what.
 *
 * Lines are taken as they are needed. What a job has written is kept until it is its turn: of twice as many jobs as the
 * pool has slots at the most, those in the hands of the map and those that are being printed.
 */
export const farm = Effect.fn("farm")(function*<E, R>(lines: Stream.Stream<Buffer, E, R>, options: FarmOptions) {
  const tally: Tally = { done: 0, failed: 0, bytes: 0 }
  const script = toScript(options.command)
  const screen = yield* makeScreen({ ...options, tally })
  const log = options.joblog === undefined ? undefined : yield* openJobLog(options.joblog)
  const halted = yield* Deferred.make<never, Halted>()
  yield* resizeOnSignals(screen.say)

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
      const attempt = runOnce(script, line, options.timeout)
      const ended = yield* attempt.pipe(
        Effect.filterOrFail((ended) => !hasFailed(ended), (ended) => ended),
        // In its slot, at once; the output of the last time counts.
        Effect.retry({ times: options.retries }),
        Effect.catch((ended) => Effect.succeed(ended)),
        restore
      )
      // A job that has ended is in the log and in the output, whatever happens to the farm.
      yield* conclude(index + 1, line, ended)
      return index + 1
    }))

  const imap = options.unordered ? GreenPool.imapUnordered : GreenPool.imap
  yield* Stream.zipWithIndex(lines).pipe(
    imap(job),
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
