// What starting processes costs in Node alone: the same commands as those of the farm, as they end.
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"

const [size = "8", file = "/dev/null"] = process.argv.slice(2)
const lines = readFileSync(file, "utf8").trimEnd().split("\n").values()

const next = (): void => {
  const { done, value } = lines.next()
  if (done === true) return
  const shell = spawn("/bin/sh", ["-c", "echo \"$FARM_LINE\""], {
    env: { ...process.env, FARM_LINE: value },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"]
  })
  const output: Array<Buffer> = []
  shell.stdout.on("data", (chunk: Buffer) => output.push(chunk))
  shell.stderr.on("data", (chunk: Buffer) => output.push(chunk))
  shell.on("close", () => {
    process.stdout.write(Buffer.concat(output))
    next()
  })
}

for (let running = 0; running < Number(size); running++) next()
