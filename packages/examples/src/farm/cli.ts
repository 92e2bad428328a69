// The command line, and what the exit codes mean.
import { GreenPool } from "@greenpool/core"
import { Console, Effect, Option, Stdio } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { availableParallelism } from "node:os"
import { count, duration, integer, toggle } from "../flags.ts"
import { messageOf, systemErrorOf } from "../message.ts"
import { BROKEN_PIPE, Ended } from "../run.ts"
import { farm, Halted } from "./farm.ts"
import { openInput, splitLines } from "./input.ts"
import { openFile } from "./store.ts"

/** The farm itself cannot go on. */
const cannotGoOn = Effect.fnUntraced(function*(error: unknown) {
  if (systemErrorOf(error)?.code === "EPIPE") return yield* new Ended({ exitCode: BROKEN_PIPE })
  yield* Console.error(`farm: ${messageOf(error)}`)
  return yield* new Ended({ exitCode: 255 })
})

const input = {
  command: Argument.String("COMMAND").pipe(
    Argument.withDescription("A command for /bin/sh; {} in it is the line. Without {}, the line comes last"),
    Argument.filter((command) => command.trim() !== "", () => "Expected a command"),
    // What Node makes of other bytes. They may be in a line, or in a script that the command runs.
    Argument.filter((command) => !command.includes("\ufffd"), () => "Expected a command in UTF-8")
  ),
  file: Argument.String("FILE").pipe(
    Argument.withDescription("Where the lines are; without it, or as -, on the standard input"),
    Argument.withDefault("-")
  ),
  size: count(
    "size",
    "How many jobs run concurrently (default: as many as there are processors; with --tty 1)"
  ).pipe(Flag.withAlias("j"), Flag.withAlias("P"), Flag.optional),
  nul: toggle("null", "-0: lines end with a NUL byte and not with a newline, as those of find -print0"),
  tty: toggle("tty", "Jobs use the terminal: for input and output, which is not kept, and for its signals"),
  unordered: toggle("unordered", "Print what a job has written when it ends, not in the order of the lines"),
  window: count(
    "window",
    "How many jobs may have begun whose output is not printed yet (default: 8 times the size)"
  ).pipe(Flag.optional),
  retries: integer("retries", "How often a job that failed is tried again", 0, 0),
  timeout: duration(
    "timeout",
    "Longest time for a try: seconds, or 500ms, 10s, 1m, 1h. It is killed then, and has failed"
  ).pipe(Flag.optional),
  halt: toggle("halt", "End at the first job that fails: kill what runs, start nothing more"),
  joblog: Flag.String("joblog").pipe(
    Flag.withDescription("Write a row for each job that has ended to this file, as GNU parallel does"),
    Flag.optional
  ),
  quiet: toggle("quiet", "No progress, and no messages about jobs")
}

const farmCommand = Command.make(
  "farm",
  input,
  Effect.fn("farm")(
    function*({ file, joblog, nul, size, timeout, tty, window, ...options }) {
      const { bytes, total } = yield* openInput(file)
      const slots = Option.getOrElse(size, () => tty ? 1 : availableParallelism())
      const { failed } = yield* farm(splitLines(bytes, nul ? 0 : 0x0a), {
        ...options,
        joblog: Option.getOrUndefined(joblog),
        terminal: tty ? yield* openFile("/dev/tty", "r+") : undefined,
        timeout: Option.getOrUndefined(timeout),
        window: Option.getOrUndefined(window),
        total
      }).pipe(Effect.provide(GreenPool.layer({ size: slots, name: "farm" })))
      if (failed > 0) return yield* new Ended({ exitCode: Math.min(failed, 101) })
    },
    Effect.scoped,
    Effect.catchIf((error) => !(error instanceof Ended || error instanceof Halted), cannotGoOn)
  )
).pipe(
  Command.withDescription(
    "Runs every line of a file through a shell command, several concurrently. SIGUSR1 adds one to how many, SIGUSR2 takes " +
      "one away. Exit codes: the number of jobs that failed, 101 if more than 100; 255 bad input, 130 interrupted."
  )
)

/** The program. What is written for xargs and parallel as `-0` and `-j8` would be a number and several flags here. */
export const farmProgram = Effect.gen(function*() {
  const args = yield* (yield* Stdio.Stdio).args
  const end = args.includes("--") ? args.indexOf("--") : args.length
  const options = args.slice(0, end).map((arg) => arg.replace(/^-0$/, "--null").replace(/^-[jP](\d+)$/, "--size=$1"))
  yield* Command.runWith(farmCommand, { version: "0.1.0" })([...options, ...args.slice(end)])
})
