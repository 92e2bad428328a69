import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { execFile, spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { promisify } from "node:util"
import { main, runExample, startExample } from "./example.ts"
import { eventually, live } from "./live.ts"
import { folder, numbers, startProcess, state } from "./outside.ts"

/** Runs a script, in which `"$0" "$1"` are Node and the examples. */
const sh = (cwd: string, script: string, ...args: ReadonlyArray<string>) =>
  Effect.promise(() => promisify(execFile)("sh", ["-c", script, process.execPath, main, ...args], { cwd }))

/** Runs a farm on a terminal of its own, by `script` of util-linux. */
const onTerminal = (...args: ReadonlyArray<string>) =>
  startProcess("script", ["-qefc", [process.execPath, main, "farm", ...args].join(" "), "/dev/null"])
const hasTerminals = spawnSync("script", ["--version"]).stdout?.toString().includes("util-linux") ?? false

// Root has no limit of its own. What runs as a user that nobody else is has one, and may still read the checkout.
const asNobodyElse = ["--reuid=54321", "--regid=54321", "--clear-groups", "--inh-caps=+dac_read_search"]
const limited = ["setpriv", ...asNobodyElse, "--ambient-caps=+dac_read_search", "prlimit", "--nproc=30"]
const canLimitProcesses = spawnSync(limited[0]!, [...limited.slice(1), "true"]).status === 0

describe("farm, as a program", { concurrent: true, timeout: 60_000 }, () => {
  live("runs the lines of its standard input, which its jobs cannot read", function*() {
    const { child, ended, said } = yield* startExample("farm", "--size", "2", "cat; echo")
    child.stdin.write("one\n")
    yield* said(/^one\n$/)
    child.stdin.end(" two  words\n\n$(echo bad)")
    assert.deepStrictEqual(yield* ended, { code: 0, stdout: "one\n two  words\n\n$(echo bad)\n", stderr: "" })
  })

  live("ends with how many jobs failed, 101 for more than 100, or the code of the job that halted it", function*() {
    const { path, read, write } = yield* folder
    const few = yield* runExample("farm", "echo {}; exit {}", write("lines", "0\n3\n0\n4\n"))
    assert.deepStrictEqual(few, { code: 2, stderr: "", stdout: "0\n3\n0\n4\n" })
    const many = yield* runExample("farm", "exit 1; ", write("lines", "\n".repeat(102)))
    assert.deepStrictEqual(many, { code: 101, stderr: "", stdout: "" })
    const halting = ["--halt", "--size=1", "--joblog", `${path}/log`, "exit {}", write("lines", "0\n42\n0\n")]
    const stderr = "farm: halted, this job failed: exit 42\n"
    assert.deepStrictEqual(yield* runExample("farm", ...halting), { code: 42, stderr, stdout: "" })
    assert.match(read("log"), /^Seq.*\n1\t.*\texit 0\n2\t.*\t42\t0\texit 42\n$/)
  })

  live("takes the options of parallel and xargs: -j and -P, and -0 for lines that end with a NUL byte", function*() {
    const { path, read, write } = yield* folder
    const log = `cd ${path}; echo begin >> log; sleep 0.02; echo end >> log; printf '<%s>'`
    // The second line is not UTF-8, and ends with a newline.
    writeFileSync(`${path}/lines`, "a\nb\0\xe9\n\0c", "latin1")
    const one = yield* runExample("farm", "-0", "-j1", log, `${path}/lines`)
    assert.deepStrictEqual(one, { code: 0, stdout: "<a\nb><\ufffd\n><c>", stderr: "" })
    assert.strictEqual(read("log"), "begin\nend\n".repeat(3))
    const job = `cd ${path}; test {} = 1 && until test -e go; do sleep 0.01; done; echo > go`
    assert.deepInclude(yield* runExample("farm", "-P", "2", job, write("two", "1\n2\n")), { code: 0 })
  })

  live("ends with 255 and says why, where it cannot do what it is told to", function*() {
    const wrong = {
      "--size 0 echo": "Invalid value for flag --size: \"0\". Expected an integer of at least 1",
      "echo /nonexistent/lines": "farm: /nonexistent/lines: no such file or directory\n",
      "echo /": "farm: / is a directory\n",
      "echo {}": "farm: there is no file {}. Quote the command: farm 'echo {}' FILE\n",
      "echo\ufffd /dev/null": "Expected a command in UTF-8\nSee farm --help.\n",
      "--joblog /nonexistent/log echo /dev/null": "farm: /nonexistent/log: no such file or directory\n",
      "--joblog / echo /dev/null": "farm: /: illegal operation on a directory\n"
    }
    for (const [args, says] of Object.entries(wrong)) {
      const { code, stderr, stdout } = yield* runExample("farm", ...args.split(" "))
      assert.include(stderr, says)
      assert.deepStrictEqual({ code, stdout }, { code: 255, stdout: "" })
    }
  })

  const shortage = (isSkipped: boolean, of: string, farm: string, job: string, why: string) =>
    live.skipIf(isSkipped)(`waits with a job that cannot start for want of ${of}, and says so`, function*() {
      const { path, read, write } = yield* folder
      const lines = numbers(40).map((line) => `${line}\n`).join("")
      write("lines", lines)
      spawnSync("mkfifo", [`${path}/gate`])
      spawnSync("chmod", ["-R", "a+rwX", path])
      const { stdout } = yield* sh(path, `${farm} "$0" "$1" farm --quiet -j 40 --joblog log "$2" lines 2> said`, job)
      assert.strictEqual(stdout, lines)
      assert.strictEqual(read("said"), `farm: fewer jobs at once than there are slots: ${why}\n`)
      assert.strictEqual(read("log").match(/\t0\t0\t(?:until|read)/g)?.length, 40)
    })

  const untilSaid = "until test -s said || ! test -e lines; do sleep 0.1; done; echo"
  shortage(false, "file descriptors", "ulimit -n 64; exec", untilSaid, "EMFILE: too many open files")
  // Each job is one process, and ends with a line of the gate, once the farm has said that there are too few.
  const gate = `exec 3<> gate; (until test -s said; do sleep 0.1; done; yes "" | head -40 >&3) & ${limited.join(" ")}`
  const unavailable = "EAGAIN: resource temporarily unavailable"
  shortage(!canLimitProcesses, "processes (as root, by setpriv)", gate, "read _ < gate; echo", unavailable)

  live("stops and continues its jobs with it at Ctrl-Z", function*() {
    const { has, path, read, write } = yield* folder
    const job = `cd ${path}; (echo $$ > pid; until test -e go; do sleep 0.01; done); echo {}`
    const { child, end } = yield* startExample("farm", job)
    child.stdin.end("done\n")
    yield* has("pid", /\n/)
    child.kill("SIGTSTP")
    yield* eventually(() => state(child.pid) === "T" && state(read("pid")) === "T")
    write("go", "")
    assert.deepStrictEqual(yield* end("SIGCONT"), { code: 0, stdout: "done\n", stderr: "" })
  })

  live("reads its lines from a pipe that has a name, and writes its log to one", function*() {
    const { path } = yield* folder
    const stdin = yield* sh(path, `printf 'a\\nb\\n' | "$0" "$1" farm echo /dev/stdin`)
    assert.deepStrictEqual(stdin, { stdout: "a\nb\n", stderr: "" })
    const farm = `"$0" "$1" farm --size=1 --joblog log true lines`
    const fifo = yield* sh(path, `mkfifo lines log; cat log & printf 'a\\nb' > lines & ${farm}; wait`)
    assert.match(fifo.stdout, /^Seq.*\n1\t.*\ttrue a\n2\t.*\ttrue b\n$/)
  })

  live("ends at Ctrl-C while it waits for the writer of a pipe", function*() {
    const { has, path } = yield* folder
    const fifo = `${path}/fifo`
    spawnSync("mkfifo", [fifo])
    const { end } = yield* startExample("farm", "echo", "--joblog", `${path}/log`, fifo)
    yield* has("log", /^Seq/)
    assert.deepStrictEqual(yield* end("SIGINT"), { code: 130, stdout: "", stderr: "" })
  })

  live("runs one more at SIGUSR1 and one less at SIGUSR2, but never none, and starts no debugger", function*() {
    const { has, path, write } = yield* folder
    const job = `cd ${path}; echo {} $(wc -l < log) >> started; until test -e {}; do sleep 0.01; done`
    const { child, ended, said } = yield* startExample("farm", "--size=1", "--joblog", `${path}/log`, job, "-")
    child.stdin.end("a\nb\nc\nd\n")
    yield* has("started", /^a 1\n$/)
    child.kill("SIGUSR1")
    yield* has("started", /^a 1\nb 1\n$/)
    child.kill("SIGUSR1")
    yield* has("started", /^a 1\nb 1\nc 1\n$/)
    for (const sizes of [[2, 3, 2], [2, 3, 2, 1], [2, 3, 2, 1, 1]]) {
      child.kill("SIGUSR2")
      yield* said(new RegExp(`^${sizes.map((size) => `farm: ${size} at once\n`).join("")}$`), "stderr")
    }
    // The last one begins when all before it have ended: the log has a head and three rows.
    for (const name of ["a", "b", "c", "d"]) write(name, "")
    yield* has("started", /^a 1\nb 1\nc 1\nd 4\n$/)
    const { code, stderr } = yield* ended
    assert.strictEqual(code, 0)
    assert.notInclude(stderr, "ebugger")
  })

  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGQUIT: 131 })) {
    live(`ends at ${signal} with all that it has started; what has ended is printed and logged`, function*() {
      const { has, path, read } = yield* folder
      const job = `cd ${path}; echo {}; test {} = 2 && exit; sleep 60 & echo $! > pid; wait`
      const { child, end } = yield* startExample("farm", "--size=2", "--joblog", `${path}/log`, job)
      // The input goes on.
      child.stdin.write("1\n2\n")
      yield* has("pid", /\n/)
      yield* has("log", /^2\t.*\n/m)
      assert.deepStrictEqual(yield* end(signal as NodeJS.Signals), { code, stdout: "2\n", stderr: "" })
      assert.match(read("log"), /^Seq.*\n2\t.*\n$/)
      assert.match(state(read("pid")), /^Z?$/)
    })
  }

  live("ends as at a broken pipe when nobody reads its output any more", function*() {
    const { child, ended } = yield* startExample("farm", "--size=1", "echo")
    child.stdout.once("data", () => child.stdout.destroy())
    child.stdin.on("error", () => {}).write("line\n".repeat(1000))
    assert.deepInclude(yield* ended, { code: 141, stderr: "" })
  })

  const onTerminals = live.skipIf(!hasTerminals)

  onTerminals("lets its jobs use the terminal when told to (needs script, of util-linux)", function*() {
    const { write } = yield* folder
    const job = "stty -echo; echo password?; read word < /dev/tty; echo {} $word; test -t 1"
    const { child, ended, said } = yield* onTerminal("--tty", `'${job}'`, write("lines", "1\n2\n"))
    yield* said(/^password\?\r\n$/)
    child.stdin.write("one\n")
    yield* said(/1 one\r\npassword\?\r\n$/)
    child.stdin.write("two\n")
    const stdout = "password?\r\n1 one\r\npassword?\r\n2 two\r\n"
    assert.deepStrictEqual(yield* ended, { code: 0, stdout, stderr: "" })
  })

  onTerminals("shows its progress on a terminal, unless it is quiet (needs script, of util-linux)", function*() {
    const { path, write } = yield* folder
    const job = `'cd ${path}; test {} = 1 || until test -e go; do sleep 0.01; done; echo {}'`
    const lines = write("lines", "1\n2\n")
    const loud = yield* onTerminal("--size=2", job, lines)
    const quiet = yield* onTerminal("--size=2", "--quiet", job, lines)
    yield* loud.said(/1\r\n\r.\[K\[#{10}\.{10}\] 1 done, 0 failed, 1 of 2/)
    yield* quiet.said(/./)
    write("go", "")
    const { code, stdout } = yield* loud.ended
    assert.match(stdout, /\r.\[K2\r\n[^]*\r.\[K$/)
    assert.deepStrictEqual([code, yield* quiet.ended], [0, { code: 0, stdout: "1\r\n2\r\n", stderr: "" }])
  })
})
