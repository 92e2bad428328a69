// What a program does when nobody reads its output any more, as in `… | head -1`.
import { Effect } from "effect"
import { BROKEN_PIPE, Ended } from "./ended.ts"

/** Fails when the standard output or the error stream does. */
const outputFails = Effect.callback<never, Ended | Error>((resume) => {
  for (const stream of [process.stdout, process.stderr]) {
    // It stays, for what finalizers print: Node ends a process at an error that nobody listens to.
    stream.on("error", (error: NodeJS.ErrnoException) => {
      const isPipe = error.code === "EPIPE"
      // For a program that has just ended, with its last line.
      process.exitCode = isPipe ? BROKEN_PIPE : 1
      resume(Effect.fail(isPipe ? new Ended({ exitCode: BROKEN_PIPE }) : error))
    })
  }
})

/** Interrupts a program when its output fails; quietly, with the exit code 141, when nobody reads it any more. */
export const whileOutputIsRead = <A, E, R>(program: Effect.Effect<A, E, R>) => Effect.raceFirst(program, outputFails)
