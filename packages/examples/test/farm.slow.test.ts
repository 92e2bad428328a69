import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Duration, Effect, Exit, Fiber, FileSystem, Layer, Schedule, type Scope, Sink, Stdio, Stream } from "effect"
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { farm, type FarmOptions, Halted } from "../src/farm/farm.ts"
import { LINE_LIMIT } from "../src/farm/input.ts"

interface Settings extends Partial<FarmOptions> {
  readonly size?: number
  readonly lines?: Stream.Stream<Buffer>
}

/** A folder of its own, and a farm whose jobs run in it; what they write is kept. */
const field = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  const output = { stdout: "", stderr: "" }
  const into = (name: keyof typeof output) =>
    Sink.forEach((chunk: string | Uint8Array) =>
      Effect.sync(() => void (output[name] += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString()))
    )
  const stdio = Stdio.make({
    args: Effect.succeed([]),
    stdin: Stream.empty,
    stdout: () => into("stdout"),
    stderr: () => into("stderr")
  })
  const file = (name: string) => `${folder}/${name}`
  const read = (name: string) => Effect.sync(() => readFileSync(file(name), "utf8"))
  /** Waits until a file has it. */
  const has = (name: string, text: RegExp) =>
    Effect.repeat(Effect.orElseSucceed(Effect.try(() => readFileSync(file(name), "utf8")), () => ""), {
      until: (content) => text.test(content),
      schedule: Schedule.spaced("5 millis")
    })
  const run = (command: string, lines: ReadonlyArray<string>, { size = 3, ...settings }: Settings = {}) =>
    farm(settings.lines ?? Stream.fromIterable(lines.map((line) => Buffer.from(line))), {
      command: `cd ${folder}; ${command}`,
      unordered: false,
      retries: 0,
      halt: false,
      quiet: false,
      joblog: file("log"),
      ...settings
    }).pipe(Effect.provide([GreenPool.layer({ size }), Layer.succeed(Stdio.Stdio, stdio)]))
  const rows = Effect.map(read("log"), (log) => log.split("\n").slice(1, -1).map((row) => row.split("\t")))
  return { file, has, output, read, rows, run }
})

const live = (title: string, test: Effect.Effect<void, unknown, NodeServices.NodeServices | Scope.Scope>) =>
  it.live(title, () => test.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

/** Whether a process runs. One that has ended and that nobody has waited for does not. */
const isAlive = (pid: string) => /^[^Z]/.test(spawnSync("ps", ["-o", "stat=", "-p", pid.trim()]).stdout.toString())

/** A shell's way to wait until the log has a row. */
const until = (seq: number) => `until grep -q ^${seq} log; do sleep 0.01; done`

describe("farm", { concurrent: true, timeout: 30_000 }, () => {
  live(
    "prints what jobs write in the order of the lines, each job's as a whole",
    Effect.gen(function*() {
      const { output, rows, run } = yield* field
      const tally = yield* run(
        `echo out {}; echo err {} >&2; test {} = 1 && { ${until(3)}; }; echo more {}`,
        ["1", "2", "3"]
      )
      assert.strictEqual(output.stdout, "out 1\nmore 1\nout 2\nmore 2\nout 3\nmore 3\n")
      assert.strictEqual(output.stderr, "err 1\nerr 2\nerr 3\n")
      assert.deepInclude(tally, { done: 3, failed: 0 })
      assert.strictEqual((yield* rows).at(-1)?.[0], "1")
    })
  )

  live(
    "goes on behind a job that takes long, as far as the window reaches, and still prints in order",
    Effect.gen(function*() {
      const { output, rows, run } = yield* field
      const lines = Array.from({ length: 20 }, (_, index) => `${index + 1}`)
      // The last one begins when the first has been printed.
      yield* run(`test {} = 1 && { ${until(16)}; }; test {} != 20 || echo x; echo {}`, lines, { size: 2 })
      assert.strictEqual(output.stdout, [...lines.slice(0, -1), "x", "20", ""].join("\n"))
      const order = (yield* rows).map(([seq]) => Number(seq))
      assert.isAbove(order.indexOf(1), order.indexOf(16))
      assert.isBelow(order.indexOf(1), order.indexOf(17))
    })
  )

  live(
    "prints it as jobs end, when it need not be in order",
    Effect.gen(function*() {
      const { output, run } = yield* field
      yield* run(`test {} = 1 && { ${until(3)}; }; echo {}`, ["1", "2", "3"], { unordered: true })
      assert.match(output.stdout, /^(2\n3|3\n2)\n1\n$/)
    })
  )

  live(
    "counts jobs that fail, and goes on",
    Effect.gen(function*() {
      const { output, run } = yield* field
      const tally = yield* run("echo {}; exit {}", ["0", "7", "0", "1"])
      assert.deepInclude(tally, { done: 4, failed: 2 })
      assert.deepStrictEqual(output, { stdout: "0\n7\n0\n1\n", stderr: "" })
    })
  )

  live(
    "has no jobs for no lines, and one for an empty line",
    Effect.gen(function*() {
      const { output, run } = yield* field
      assert.deepInclude(yield* run("echo '<{}>'", []), { done: 0, failed: 0 })
      assert.deepInclude(yield* run("echo '<{}>'", [""]), { done: 1, failed: 0 })
      assert.strictEqual(output.stdout, "<>\n")
    })
  )

  live(
    "tries a job again that fails, as often as it is told, and prints the last try",
    Effect.gen(function*() {
      const { output, read, rows, run } = yield* field
      const command = "echo x >> tries{}; wc -l < tries{} | tr -d ' '; test $(wc -l < tries{}) -ge 3"
      assert.deepInclude(yield* run(command, ["a", "b"], { retries: 2 }), { done: 2, failed: 0 })
      assert.strictEqual(output.stdout, "3\n3\n")
      assert.strictEqual((yield* rows).length, 2)
      assert.deepInclude(yield* run(command, ["c"], { retries: 1 }), { done: 1, failed: 1 })
      assert.strictEqual(yield* read("triesc"), "x\nx\n")
    })
  )

  live(
    "ends what takes too long with all that it has started, and keeps what it has written",
    Effect.gen(function*() {
      const { output, read, rows, run } = yield* field
      // The second one does not want to end.
      const command = "test {} = deaf && trap '' TERM; echo begun; (echo $$ > {}1; sleep 60; sleep 60) & " +
        "echo $! > {}2; sleep 60; sleep 60"
      const tally = yield* run(command, ["mild", "deaf"], { timeout: Duration.millis(300) })
      assert.deepInclude(tally, { done: 2, failed: 2 })
      assert.strictEqual(output.stdout, "begun\nbegun\n")
      assert.match(output.stderr, /^farm: it took longer than 300ms: cd .*$/m)
      assert.deepStrictEqual((yield* rows).map((row) => row.slice(5, 8)), [["6", "-1", "15"], ["6", "-1", "15"]])
      for (const name of ["mild1", "mild2", "deaf1", "deaf2"]) assert.isFalse(isAlive(yield* read(name)), name)
    })
  )

  live(
    "halts when a job fails: ends the others, starts nothing more, and prints what has ended",
    Effect.gen(function*() {
      const { output, read, rows, run } = yield* field
      const command = `case {} in 1) sleep 60 & echo $! > pid; echo never; wait;; 2) echo two;; ` +
        `3) until test -s pid; do sleep 0.01; done; ${until(2)}; echo bad >&2; exit 7;; *) touch started;; esac`
      const halted = yield* Effect.flip(run(command, ["1", "2", "3", "4"], { halt: true, window: 3 }))
      assert.instanceOf(halted, Halted)
      assert.deepInclude(halted, { exitCode: 7, signal: 0 })
      assert.strictEqual(output.stdout, "two\n")
      assert.match(output.stderr, /^farm: halted, this job failed: cd .*\nbad\n$/)
      assert.deepStrictEqual((yield* rows).map(([seq]) => seq), ["2", "3"])
      assert.isFalse(isAlive(yield* read("pid")))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(read("started"))))
    })
  )

  live(
    "says nothing of its own when it is quiet",
    Effect.gen(function*() {
      const { output, run } = yield* field
      const options = { halt: true, quiet: true, timeout: Duration.millis(500) }
      yield* Effect.flip(run("echo bad >&2; sleep 60", ["1"], options))
      assert.strictEqual(output.stderr, "bad\n")
    })
  )

  live(
    "logs jobs as GNU parallel does, as they end",
    Effect.gen(function*() {
      const { read, run } = yield* field
      yield* run(`case {} in 1) ${until(3)}; echo 12345;; 'x y') exit 3;; *) kill -9 $$;; esac`, ["1", "x y", "\u00fc"])
      const [head = "", ...rows] = (yield* read("log")).split("\n")
      assert.strictEqual(head, "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand")
      assert.strictEqual(rows.pop(), "")
      const time = String.raw`\t:\t\d{10}\.\d{3}\t {1,5}\d+\.\d{3}\t0`
      assert.match(rows[2] ?? "", new RegExp(`^1${time}\t6\t0\t0\tcd .*; case 1 in`))
      assert.match(
        rows.find((row) => row.startsWith("2")) ?? "",
        new RegExp(`^2${time}\t0\t3\t0\tcd .*; case 'x y' in`)
      )
      assert.match(rows.find((row) => row.startsWith("3")) ?? "", new RegExp(`^3${time}\t0\t0\t9\tcd .*; case 'ü' in`))
    })
  )

  live(
    "cannot start a job for a line that no process can be given; that one fails",
    Effect.gen(function*() {
      const { output, rows, run } = yield* field
      const longest = "x".repeat(LINE_LIMIT)
      // The last one would be too long as it is spelled out.
      const lines = [longest, `${longest}x`, "a\0b", "fine"].map((line) => Buffer.from(line))
      const oneByte = Buffer.from(`\xe9${"x".repeat(LINE_LIMIT - 5)}`, "latin1")
      const tally = yield* run("printf %s {} | wc -c | tr -d ' '", [], {
        lines: Stream.fromIterable([...lines, oneByte, Buffer.alloc(LINE_LIMIT, 0xff)])
      })
      assert.deepInclude(tally, { done: 6, failed: 3 })
      assert.strictEqual(output.stdout, `${LINE_LIMIT}\n4\n${LINE_LIMIT - 4}\n`)
      assert.match(output.stderr, /^farm: the line is longer than \d+ bytes: .{100}$/m)
      assert.match(output.stderr, /^farm: the line has a NUL byte: /m)
      assert.match(output.stderr, /^farm: .*E2BIG/m)
      assert.deepStrictEqual((yield* rows).filter(([, , , , , , code]) => code === "126").length, 3)
    })
  )

  live(
    "takes lines as they are needed, however long the input",
    Effect.gen(function*() {
      const { has, output, run, file } = yield* field
      let taken = 0
      let most = 0
      const lines = Stream.fromIterable(
        function*() {
          while (taken < 60) {
            taken += 1
            most = Math.max(most, taken - output.stdout.split("\n").length)
            yield Buffer.from(String(taken))
          }
        }(),
        { chunkSize: 1 }
      )
      const running = yield* Effect.forkChild(
        run("test {} = 1 && until test -e go; do sleep 0.01; done; echo {}", [], { lines, size: 4, window: 4 })
      )
      yield* has("log", /^4\t/m)
      // As long as some other jobs would take, if there were any.
      for (let i = 0; i < 10; i++) spawnSync("/bin/sh", ["-c", "exit"])
      yield* Effect.yieldNow
      assert.isAtMost(taken, 4 + 1)
      writeFileSync(file("go"), "")
      assert.deepInclude(yield* Fiber.join(running), { done: 60, failed: 0 })
      assert.strictEqual(output.stdout, Array.from({ length: 60 }, (_, index) => `${index + 1}\n`).join(""))
      // Those that are being printed, and as many again.
      assert.isAtMost(most, 2 * 4 + 1)
    })
  )

  live(
    "ends what runs when it is interrupted, and has printed and logged what has ended",
    Effect.gen(function*() {
      const { has, output, read, rows, run } = yield* field
      const fiber = yield* Effect.forkChild(
        run("echo {}; test {} = 2 && exit; sleep 60 & echo $! > pid{}; wait", ["1", "2", "3"])
      )
      for (const [name, text] of [["pid1", /\n/], ["pid3", /\n/], ["log", /^2\t.*\n/m]] as const) yield* has(name, text)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(output.stdout, "2\n")
      assert.deepStrictEqual((yield* rows).map(([seq]) => seq), ["2"])
      for (const name of ["pid1", "pid3"]) assert.isFalse(isAlive(yield* read(name)), name)
    })
  )
})
