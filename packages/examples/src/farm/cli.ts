// The command line, and what the exit codes mean.
import { GreenPool } from "@greenpool/core"
import { Console, Effect, FileSystem, Option, Runtime, Schema, Stdio } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { availableParallelism } from "node:os"
import { atLeast, duration, integer } from "../flags.ts"
import { messageOf } from "../message.ts"
import { farm, Halted } from "./farm.ts"
import { splitLines } from "./lines.ts"
import { readPipe } from "./pipe.ts"

/** Jobs have failed: the exit code is their number, and 101 beyond 100. */
export class JobsFailed extends Schema.TaggedError<JobsFailed>()("JobsFailed", { count: Schema.Int }) {
  override readonly [Runtime.errorExitCode] = Math.min(this.count, 101)
  override readonly [Runtime.errorReported] = false
}

/** The farm itself cannot go on: exit code 255, or that of a broken pipe where nobody reads its output any more. */
export class CannotGoOn extends Schema.TaggedError<CannotGoOn>()("CannotGoOn", { code: Schema.Int }) {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
}

class NoFile extends Schema.TaggedError<NoFile>()("NoFile", { path: Schema.String }) {
  override get message() {
    return `${this.path} is a directory`
  }
}

const cannotGoOn = Effect.fnUntraced(function*(error: unknown) {
  if (/\bEPIPE\b/.test(String(error instanceof Error ? error.cause : error))) {
    return yield* new CannotGoOn({ code: 141 })
  }
  yield* Console.error(`farm: ${messageOf(error)}`)
  return yield* new CannotGoOn({ code: 255 })
})

const input = {
  command: Argument.String("COMMAND").pipe(
    Argument.withDescription("A command for /bin/sh; {} in it is the line. Without {}, the line comes last"),
    Argument.filter((command) => command.trim() !== "", () => "Expected a command")
  ),
  file: Argument.String("FILE").pipe(
    Argument.withDescription("Where the lines are; without it, or as -, on the standard input"),
    Argument.optional
  ),
  size: Flag.Int("size").pipe(
    Flag.withDescription("How many jobs run at once (default: as many as there are processors)"),
    atLeast(1),
    Flag.withDefault(availableParallelism())
  ),
  unordered: Flag.Boolean("unordered").pipe(
    Flag.withDescription("Print what a job has written when it ends, not in the order of the lines"),
    Flag.withDefault(false)
  ),
  retries: integer("retries", "How often a job that failed is tried again", 0, 0),
  timeout: Flag.String("timeout").pipe(
    Flag.withDescription("Longest time for a try: seconds, or 500ms, 10s, 1m, 1h. It is killed then, and has failed"),
    duration,
    Flag.optional
  ),
  halt: Flag.Boolean("halt").pipe(
    Flag.withDescription("End at the first job that fails: kill what runs, start nothing more"),
    Flag.withDefault(false)
  ),
  joblog: Flag.String("joblog").pipe(
    Flag.withDescription("Write a row for each job that has ended to this file, as GNU parallel does"),
    Flag.optional
  ),
  quiet: Flag.Boolean("quiet").pipe(
    Flag.withDescription("No progress, and no messages about jobs"),
    Flag.withDefault(false)
  )
}

/** Where the lines come from, and how many bytes there are, as far as that is known. */
const open = Effect.fnUntraced(function*(path: string | undefined) {
  if (path === undefined || path === "-") return { bytes: (yield* Stdio.Stdio).stdin, total: undefined }
  const fs = yield* FileSystem.FileSystem
  const { size, type } = yield* fs.stat(path)
  if (type === "Directory") return yield* new NoFile({ path })
  if (type === "FIFO") return { bytes: readPipe(path), total: undefined }
  return { bytes: fs.stream(path), total: type === "File" ? Number(size) : undefined }
})

export const farmCommand = Command.make(
  "farm",
  input,
  Effect.fn("farm")(
    function*({ file, joblog, size, timeout, ...options }) {
      const { bytes, total } = yield* open(Option.getOrUndefined(file))
      const { failed } = yield* farm(splitLines(bytes), {
        ...options,
        joblog: Option.getOrUndefined(joblog),
        timeout: Option.getOrUndefined(timeout),
        total
      }).pipe(Effect.provide(GreenPool.layer({ size, name: "farm" })))
      if (failed > 0) return yield* new JobsFailed({ count: failed })
    },
    Effect.catchIf(
      (error) => !(error instanceof JobsFailed || error instanceof Halted),
      cannotGoOn
    ),
    Effect.catchDefect(cannotGoOn)
  )
).pipe(
  Command.withDescription(
    "Runs every line of a file through a shell command, several at once. SIGUSR1 adds one to how many, SIGUSR2 takes " +
      "one away. Exit codes: the number of jobs that failed, 101 if more than 100; 255 bad input, 130 interrupted."
  )
)
