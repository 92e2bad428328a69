// Times `farm` beside `xargs -P` and GNU parallel: the same shell command for each of many lines, eight at once.
//
//   pnpm --filter @greenpool/examples bench:farm [LINES [ROUNDS]]
//
// The contestants take turns, so that a busy machine is busy for all of them. Each writes its output to a pipe.
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const [lines = 10_000, rounds = 3] = process.argv.slice(2).map(Number)

const folder = mkdtempSync(join(tmpdir(), "farm-"))
const file = join(folder, "lines")
writeFileSync(file, Array.from({ length: lines }, (_, index) => `line ${index + 1}\n`).join(""))

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))
const floor = fileURLToPath(new URL("farm-floor.ts", import.meta.url))

const contestants: Readonly<Record<string, readonly [command: string, ...args: ReadonlyArray<string>]>> = {
  "farm --size 8": [process.execPath, main, "farm", "--quiet", "--size=8", "echo {}", file],
  "xargs -P 8": ["xargs", "-P", "8", "-d", "\\n", "-a", file, "-I", "{}", "sh", "-c", "echo \"$1\"", "sh", "{}"],
  "parallel -j 8 --keep-order": ["parallel", "--will-cite", "-j", "8", "--keep-order", "-a", file, "echo {}"],
  "Node alone": [process.execPath, floor, "8", file]
}

/** Seconds that a run takes, or `undefined` where there is no such program. */
const time = ([command, ...args]: readonly [string, ...ReadonlyArray<string>]): number | undefined => {
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

const times = new Map(Object.keys(contestants).map((name) => [name, [] as Array<number>]))
for (let round = 1; round <= rounds; round++) {
  for (const [name, command] of Object.entries(contestants)) {
    const seconds = time(command)
    if (seconds !== undefined) times.get(name)?.push(seconds)
    console.error(`round ${round}: ${name} ${seconds === undefined ? "is missing" : `${seconds.toFixed(1)} s`}`)
  }
}
rmSync(folder, { recursive: true })

const farm = times.get("farm --size 8") ?? []
console.log(`${lines} lines, ${rounds} rounds, ${availableParallelism()} processors, Node ${process.version}`)
console.log("| program | median | beside farm, by round |\n| --- | --- | --- |")
for (const [name, own] of times) {
  const ratios = own.map((seconds, round) => seconds / (farm[round] ?? NaN))
  const range = `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`
  console.log(own.length === 0 ? `| ${name} | missing | |` : `| ${name} | ${median(own).toFixed(1)} s | ${range} |`)
}
