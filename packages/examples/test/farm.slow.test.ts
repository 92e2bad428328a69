import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Duration, Effect, Layer, Sink, Stdio, Stream } from "effect"
import { farm, type FarmOptions, Halted } from "../src/farm/farm.ts"
import { LINE_LIMIT } from "../src/farm/input.ts"
import { live } from "./live.ts"
import { folder, numbers, state } from "./outside.ts"

/** A folder of its own, and a farm whose jobs run in it; what they write is kept. */
const field = Effect.gen(function*() {
  const { path, read } = yield* folder
  const output = { stdout: "", stderr: "" }
  const into = (name: keyof typeof output) => () =>
    Sink.forEach((chunk: string | Uint8Array) => Effect.sync(() => void (output[name] += Buffer.from(chunk as string))))
  const io = { args: Effect.succeed([]), stdin: Stream.empty, stdout: into("stdout"), stderr: into("stderr") }
  const run = (
    command: string,
    lines: ReadonlyArray<string | Buffer>,
    { size = 3, ...settings }: Partial<FarmOptions> & { size?: number } = {}
  ) =>
    farm(Stream.map(Stream.fromIterable(lines), (line) => Buffer.from(line as string)), {
      command: `cd ${path}; ${command}`,
      unordered: false,
      retries: 0,
      halt: false,
      quiet: false,
      joblog: `${path}/log`,
      ...settings
    }).pipe(Effect.provide([GreenPool.layer({ size }), Layer.succeed(Stdio.Stdio, Stdio.make(io))]))
  return { output, read, rows: () => read("log").split("\n").slice(1, -1).map((row) => row.split("\t")), run }
})

const assertGone = (pid: string) => assert.match(state(pid), /^Z?$/)

/** A shell's way to wait until the log has a row. */
const until = (seq: number) => `until grep -q ^${seq} log; do sleep 0.01; done`

describe("farm", { concurrent: true, timeout: 30_000 }, () => {
  live("prints what jobs write in the order of the lines, or as they end, each job's as a whole", function*() {
    const { output, rows, run } = yield* field
    const command = `echo out {}; echo err {} >&2; test {} = 1 && { ${until(3)}; }; echo more {}`
    assert.deepInclude(yield* run(command, ["1", "2", "3"]), { done: 3, failed: 0 })
    assert.strictEqual(output.stdout, "out 1\nmore 1\nout 2\nmore 2\nout 3\nmore 3\n")
    assert.strictEqual(output.stderr, "err 1\nerr 2\nerr 3\n")
    assert.strictEqual(rows().at(-1)?.[0], "1")
    assert.deepInclude(yield* run(command, []), { done: 0, failed: 0 })
    output.stdout = ""
    yield* run(command, ["1", "2", "3"], { unordered: true })
    assert.match(output.stdout, /^(out 2\nmore 2\nout 3\nmore 3|out 3\nmore 3\nout 2\nmore 2)\nout 1\nmore 1\n$/)
  })

  live("goes on behind a job that takes long, as far as the window reaches, and prints in order", function*() {
    const { output, rows, run } = yield* field
    const lines = numbers(20).map(String)
    // The last one begins when the first has been printed.
    yield* run(`test {} = 1 && { ${until(16)}; }; test {} != 20 || echo x; echo {}`, lines, { size: 2 })
    assert.strictEqual(output.stdout, [...lines.slice(0, -1), "x", "20", ""].join("\n"))
    const order = rows().map(([seq]) => Number(seq))
    assert.isAbove(order.indexOf(1), order.indexOf(16))
    assert.isBelow(order.indexOf(1), order.indexOf(17))
  })

  live("tries a job again that fails, as often as it is told, and prints the last try", function*() {
    const { output, read, rows, run } = yield* field
    const command = "echo x >> tries{}; wc -l < tries{} | tr -d ' '; test $(wc -l < tries{}) -ge 3"
    assert.deepInclude(yield* run(command, ["a", "b"], { retries: 2 }), { done: 2, failed: 0 })
    assert.strictEqual(output.stdout, "3\n3\n")
    assert.strictEqual(rows().length, 2)
    assert.deepInclude(yield* run(command, ["c"], { retries: 1 }), { done: 1, failed: 1 })
    assert.strictEqual(read("triesc"), "x\nx\n")
  })

  live("ends what takes too long with all that it has started, and keeps what it has written", function*() {
    const { output, read, rows, run } = yield* field
    // The second one does not want to end.
    const command = "test {} = deaf && trap '' TERM; echo begun; (echo $$ > {}1; sleep 60; sleep 60) & " +
      "echo $! > {}2; sleep 60; sleep 60"
    const tally = yield* run(command, ["mild", "deaf"], { timeout: Duration.millis(300) })
    assert.deepInclude(tally, { done: 2, failed: 2 })
    assert.strictEqual(output.stdout, "begun\nbegun\n")
    assert.match(output.stderr, /^farm: it took longer than 300ms: cd .*$/m)
    assert.deepStrictEqual(rows().map((row) => row.slice(5, 8)), [["6", "-1", "15"], ["6", "-1", "15"]])
    for (const name of ["mild1", "mild2", "deaf1", "deaf2"]) assertGone(read(name))
  })

  live("halts when a job fails: ends the others, starts nothing more, and prints what has ended", function*() {
    const { output, read, rows, run } = yield* field
    const command = `case {} in 1) sleep 60 & echo $! > pid; echo never; wait;; 2) echo two;; ` +
      `3) until test -s pid; do sleep 0.01; done; ${until(2)}; echo bad >&2; exit 7;; *) echo > started;; esac`
    const halted = yield* Effect.flip(run(command, ["1", "2", "3", "4"], { halt: true, window: 3 }))
    assert.instanceOf(halted, Halted)
    assert.deepInclude(halted, { exitCode: 7, signal: 0 })
    assert.strictEqual(output.stdout, "two\n")
    assert.match(output.stderr, /^farm: halted, this job failed: cd .*\nbad\n$/)
    assert.deepStrictEqual(rows().map(([seq]) => seq), ["2", "3"])
    assertGone(read("pid"))
    assert.strictEqual(read("started"), "")
  })

  live("says nothing of its own when it is quiet", function*() {
    const { output, run } = yield* field
    const options = { halt: true, quiet: true, timeout: Duration.millis(500) }
    yield* Effect.flip(run("echo bad >&2; sleep 60", ["1"], options))
    assert.strictEqual(output.stderr, "bad\n")
  })

  live("logs jobs as GNU parallel does, as they end", function*() {
    const { read, run } = yield* field
    yield* run(`case {} in 1) ${until(3)}; echo 12345;; 'x y') exit 3;; *) kill -9 $$;; esac`, ["1", "x y", "\u00fc"])
    const [head = "", ...rows] = read("log").split("\n")
    assert.strictEqual(head, "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand")
    assert.deepStrictEqual([rows[2]?.[0], rows.pop()], ["1", ""])
    const expected = ["6\t0\t0\tcd .*; case 1 in", "0\t3\t0\tcd .*; case 'x y' in", "0\t0\t9\tcd .*; case 'ü' in"]
    for (const [index, row] of rows.sort().entries()) {
      const begin = String.raw`^${index + 1}\t:\t\d{10}\.\d{3}\t {1,5}\d+\.\d{3}\t0\t`
      assert.match(row, new RegExp(`${begin}${expected[index]}`))
    }
  })

  live("cannot start a job for a line that no process can be given; that one fails", function*() {
    const { output, rows, run } = yield* field
    const longest = "x".repeat(LINE_LIMIT)
    const oneByte = Buffer.from(`\xe9${"x".repeat(LINE_LIMIT - 5)}`, "latin1")
    // The last one would be too long as it is spelled out.
    const lines = [longest, `${longest}x`, "a\0b", "fine", oneByte, Buffer.alloc(LINE_LIMIT, 0xff)]
    assert.deepInclude(yield* run("printf %s {} | wc -c | tr -d ' '", lines), { done: 6, failed: 3 })
    assert.strictEqual(output.stdout, `${LINE_LIMIT}\n4\n${LINE_LIMIT - 4}\n`)
    assert.match(output.stderr, /^farm: the line is longer than \d+ bytes: .{100}$/m)
    assert.match(output.stderr, /^farm: the line has a NUL byte: /m)
    assert.match(output.stderr, /^farm: .*E2BIG/m)
    assert.strictEqual(rows().filter(([, , , , , , code]) => code === "126").length, 3)
  })
})
