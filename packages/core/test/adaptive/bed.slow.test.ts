/**
 * The part of the test bed that takes less than a minute; `pnpm adaptive` runs all of it. In a process of its own, without
 * what vitest does to each module.
 */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { run } from "./bed.ts"
import { scenarios } from "./scenarios.ts"

const main = fileURLToPath(new URL("main.ts", import.meta.url))

it("an adaptive pool comes near the best fixed size, whatever the backend", { timeout: 300_000 }, async () => {
  const output = await new Promise<string>((resolve) =>
    execFile(process.execPath, [main, "--quick"], (_, stdout, stderr) => resolve(stdout + stderr))
  )
  expect(output.split("\n").filter((line) => line.includes("✗"))).toEqual([])
  expect(output).toContain("3 pools with a target")
})

it("finds the same each time", { timeout: 60_000 }, () => {
  const { scenario } = scenarios[1]!
  const short = { ...scenario, phases: [{ name: "short", seconds: 50 }] }
  const sizes = () => run(short, 5, "adaptive", 1)[0]!.map(({ size }) => size)
  expect(sizes()).toEqual(sizes())
  expect(new Set(sizes()).size).toBeGreaterThan(3)
})
