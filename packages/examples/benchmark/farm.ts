// Times `farm`, `xargs -P` and GNU parallel: the same shell command for each of many lines, eight at a time.
//
//   pnpm --filter @greenpool/examples bench:farm [LINES [ROUNDS]]
//
// Two kinds of jobs: LINES that do nothing but echo, and 120 that take 0.6 s on average, the longest 8 s. The contestants
// take turns, so that a busy machine is busy for all of them. Each writes its output to a pipe. LINES 0: the second only.
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const [count = 10_000, rounds = 3] = process.argv.slice(2).map(Number)

const folder = mkdtempSync(join(tmpdir(), "farm-"))
const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))
const floor = fileURLToPath(new URL("farm-floor.ts", import.meta.url))

type Contestants = Readonly<Record<string, readonly [command: string, ...args: ReadonlyArray<string>]>>

/** Without the last of them, for jobs whose commands take their time. */
const contestants = (command: string, file: string): Contestants => ({
  "farm -j 8": [process.execPath, main, "farm", "--quiet", "-j8", `${command} {}`, file],
  "farm -j 8 --unordered": [process.execPath, main, "farm", "--quiet", "-j8", "--unordered", `${command} {}`, file],
  "xargs -P 8": ["xargs", "-P", "8", "-d", "\\n", "-a", file, "-I", "{}", "sh", "-c", `${command} "$1"`, "sh", "{}"],
  "parallel -j 8 --keep-order": ["parallel", "--will-cite", "-j", "8", "--keep-order", "-a", file, `${command} {}`]
})

/** Seconds that a run takes, or `undefined` where there is no such program. */
const time = ([command, ...args]: Contestants[string], lines: number): number | undefined => {
  const began = performance.now()
  const { error, status, stdout } = spawnSync(command, args, {
    // Dash for all: parallel takes the shell of the user.
    env: { ...process.env, SHELL: "/bin/sh", PARALLEL_SHELL: "/bin/sh" },
    maxBuffer: 1 << 30,
    stdio: ["ignore", "pipe", "inherit"]
  })
  const seconds = (performance.now() - began) / 1000
  if (error !== undefined && "code" in error && error.code === "ENOENT") return undefined
  if (status !== 0 || stdout.toString().split("\n").length !== lines + 1) throw new Error(`${command} has failed`)
  return seconds
}

const median = (times: ReadonlyArray<number>) => times.toSorted((a, b) => a - b)[times.length >> 1] ?? NaN

/** Has the contestants run for so many rounds, and prints their times compared with those of the one that is named. */
const compare = (title: string, lines: ReadonlyArray<string>, contestants: Contestants, reference: string) => {
  const times = new Map(Object.keys(contestants).map((name) => [name, [] as Array<number>]))
  for (let round = 1; round <= rounds; round++) {
    for (const [name, command] of Object.entries(contestants)) {
      const seconds = time(command, lines.length)
      if (seconds !== undefined) times.get(name)?.push(seconds)
      console.error(`round ${round}: ${name} ${seconds === undefined ? "is missing" : `${seconds.toFixed(1)} s`}`)
    }
  }
  const base = times.get(reference) ?? []
  console.log(`${title}, ${rounds} rounds, ${availableParallelism()} processors, Node ${process.version}`)
  console.log(`| program | median | compared with ${reference}, by round |\n| --- | --- | --- |`)
  for (const [name, own] of times) {
    const ratios = own.map((seconds, round) => seconds / (base[round] ?? NaN))
    const range = `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`
    console.log(own.length === 0 ? `| ${name} | missing | |` : `| ${name} | ${median(own).toFixed(1)} s | ${range} |`)
  }
}

const write = (name: string, lines: ReadonlyArray<string>): string => {
  const file = join(folder, name)
  writeFileSync(file, lines.map((line) => `${line}\n`).join(""))
  return file
}

if (count > 0) {
  const lines = Array.from({ length: count }, (_, index) => `line ${index + 1}`)
  const file = write("lines", lines)
  const alone = { "Node alone": [process.execPath, floor, "8", file] } satisfies Contestants
  compare(`${count} lines`, lines, { ...contestants("echo", file), ...alone }, "farm -j 8")
}

// Many short ones and few long ones, in a mixed order that is the same each time.
const seconds = Array.from(
  { length: 120 },
  (_, index) => (8 * (((index * 37 + 99) % 120 + 1) / 120) ** 12.3).toFixed(3)
)
const file = write("seconds", seconds)
compare("120 uneven jobs", seconds, contestants("f() { sleep $1; echo $1; }; f", file), "parallel -j 8 --keep-order")
rmSync(folder, { recursive: true })
