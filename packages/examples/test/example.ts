import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert } from "@effect/vitest"
import { Console, Effect, Layer, Metric, Sink, Stdio, Stream } from "effect"
import { Command } from "effect/cli"
import { fileURLToPath } from "node:url"
import { format } from "node:util"
import { commands } from "../src/commands.ts"
import { farmProgram } from "../src/farm/cli.ts"
import { linkcheck } from "../src/linkcheck/cli.ts"
import { exitCodeOf, reporting } from "../src/run.ts"
import { type Ended, startProcess } from "./outside.ts"

export const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))

/** Starts an example by its name, as a process of its own. */
export const startExample = (...args: ReadonlyArray<string>) => startProcess(process.execPath, [main, ...args])

export const runProcess = (...args: ReadonlyArray<string>) =>
  Effect.scoped(Effect.flatMap(startExample(...args), ({ ended }) => ended))

const programs: Readonly<
  Record<string, readonly [main: Effect.Effect<void, unknown, Command.Environment>, usage: number]>
> = { farm: [farmProgram, 255], linkcheck: [Command.run(linkcheck, { version: "0.1.0" }), 2] }

/** Runs the command line of an example in this process: what it prints, and the exit code that its process would have. */
export const runExample = Effect.fnUntraced(function*(...[name = "", ...args]: ReadonlyArray<string>) {
  const output = { stdout: "", stderr: "" }
  const into = (stream: keyof typeof output) => {
    const log = (...text: ReadonlyArray<unknown>) => void (output[stream] += `${format(...text)}\n`)
    const write = (chunk: string | Uint8Array) => void (output[stream] += Buffer.from(chunk as string))
    return { log, sink: () => Sink.forEach((chunk: string | Uint8Array) => Effect.sync(() => write(chunk))) }
  }
  const [out, err] = [into("stdout"), into("stderr")]
  const io = { args: Effect.succeed(args), stdin: Stream.empty, stdout: out.sink, stderr: err.sink }
  const [command, usage] = programs[name] ?? [commands[name]!.command(name), 1]
  const exit = yield* reporting(command).pipe(
    Effect.provide(Layer.succeed(Stdio.Stdio, Stdio.make(io))),
    Effect.provideService(Console.Console, { ...globalThis.console, log: out.log, error: err.log }),
    Effect.provideService(Metric.MetricRegistry, new Map()),
    Effect.provide(NodeServices.layer),
    Effect.exit
  )
  return { code: exitCodeOf(exit, usage, "SIGINT"), ...output } satisfies Ended
})

/** Runs the command line of an example that ends well and has nothing to complain about: what it prints. */
export const printedBy = (...args: ReadonlyArray<string>) =>
  Effect.map(runExample(...args), ({ stdout, ...rest }) => {
    assert.deepStrictEqual(rest, { code: 0, stderr: "" })
    return stdout
  })

/** Prints nothing of what an effect prints by `Console.log`. */
export const quietly: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Effect.provideService(
  Console.Console,
  { ...globalThis.console, log: () => {} }
)
