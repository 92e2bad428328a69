/**
 * RESULTS.md of each package is about the faults that there are now, and about sources that are much like those of now.
 */
import { describe, expect, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { plant } from "./fault.ts"
import { mutantsOf } from "./mutants.ts"
import { packages } from "./packages.ts"

/** How far the mutants of a file may be from those of RESULTS.md: a tenth, and 5 at least. */
const tolerance = (mutants: number): number => Math.max(5, mutants / 10)

describe.each(packages)("$name", (ofPackage) => {
  const { explained, faults, results } = ofPackage
  const sources = ofPackage.readSources()
  const mutants = [...sources].flatMap(([file, text]) => mutantsOf(file, text))

  it("every listed fault can be planted, and has a name of its own", () => {
    for (const fault of faults) expect(plant(fault, sources.get(fault.file) ?? "")).not.toBe(sources.get(fault.file))
    expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length)
  })

  it("every mutant that is explained exists", () => {
    const names = new Set(mutants.map(({ name }) => name))
    expect(Object.values(explained).flat().filter((name) => !names.has(name))).toEqual([])
  })

  it.runIf(existsSync(results))("RESULTS.md is of the faults and sources of now: else run pnpm mutate", () => {
    const [byProgram = "", byHand = ""] = readFileSync(results, "utf8").split("## By hand")
    const counted = new Map(
      [...byProgram.matchAll(/^\| `(.+)` \| (\d+) \|/gm)].map(([, file, count]) => [file, Number(count)])
    )
    const now = Map.groupBy(mutants, ({ file }) => file)
    for (const file of new Set([...now.keys(), ...counted.keys()])) {
      const [then = 0, there = 0] = [counted.get(file), now.get(file ?? "")?.length]
      expect(Math.abs(there - then), `mutants of ${file}: ${then} in RESULTS.md, ${there} now`).toBeLessThanOrEqual(
        tolerance(then)
      )
    }
    const listed = [...byHand.matchAll(/^\| `.+` \| (\D.*?) \| .* \|$/gm)].map(([, name]) => name)
    expect(listed.toSorted()).toEqual(faults.map(({ name }) => name).toSorted())
  })
})
