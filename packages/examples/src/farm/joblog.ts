// A log of the jobs that have ended, in the format of GNU parallel's.
import { Effect, FileSystem, Semaphore } from "effect"
import type { Ended } from "./job.ts"

const HEAD = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"

const length = (pieces: Ended["stdout"]) => pieces.reduce((sum, piece) => sum + piece.length, 0)

/** A job's row. `:` is the host; nothing is sent to it; received is what it wrote to its standard output. */
const row = (seq: number, job: Ended, command: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from([
      seq,
      ":",
      (job.startedAt / 1000).toFixed(3),
      (job.millis / 1000).toFixed(3).padStart(10),
      0,
      length(job.stdout),
      job.exitCode,
      job.signal,
      ""
    ].join("\t")),
    // A row is a line, also for a command of several.
    Buffer.from(command.map((byte) => byte === 0x0a ? 0 : byte)),
    Buffer.from("\n")
  ])

/** Begins a log. Its rows come in the order of completion, and each is in the file before its job is over. */
export const openJobLog = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  // Appending needs no position, which a pipe does not have.
  const file = yield* fs.open(path, { flag: "a" })
  if ((yield* file.stat).type === "File") yield* file.truncate()
  yield* file.writeAll(Buffer.from(HEAD))
  const one = yield* Semaphore.make(1)
  return (seq: number, job: Ended, command: Buffer) => one.withPermit(file.writeAll(row(seq, job, command)))
})
