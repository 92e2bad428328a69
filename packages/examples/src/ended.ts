import { Runtime, Schema } from "effect"

/** Ends a program that has said all there is to say, with this exit code. */
export class Ended extends Schema.TaggedError<Ended>()("Ended", { exitCode: Schema.Int }) {
  override readonly [Runtime.errorExitCode] = this.exitCode
  override readonly [Runtime.errorReported] = false
}

/** Of a program that SIGPIPE has ended. */
export const BROKEN_PIPE = 141
