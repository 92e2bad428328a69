/**
 * Sizes that the controller found under made-up load, as they were recorded: its constants, weights and comparisons show
 * in them. A deliberate change of the controller comes with a new record.
 */
import { createHash } from "node:crypto"
import { expect, it } from "vitest"
import { Elasticity, type SizeBounds } from "../../src/internal/elasticity.ts"
import { type Random, randomOf } from "./simulation.ts"

/** What the backend is like after so many ends of jobs. */
interface Load extends Partial<SizeBounds> {
  readonly start?: number
  /** How many jobs it works on at a time; if nothing is said, 40, then 12, then 150. */
  readonly workers?: (ends: number) => number
  /** The share of overloads at a size. */
  readonly overloads?: (size: number, workers: number) => number
  /** The share of overloads by which the backend asks for a pause. */
  readonly pauses?: number
  /** The share of ends at which a slot stays free. */
  readonly spare?: (ends: number) => number
  /** The share of failures that say nothing. */
  readonly failures?: number
  /** The share of ends at which the leg begins anew. */
  readonly resumes?: number
}

const moving = (ends: number) => ends < 60_000 ? 40 : ends < 120_000 ? 12 : 150

/** The sizes in turn, over so many ends of jobs. */
const sizesUnder = (load: Load, random: Random, count: number): Array<number> => {
  const { failures = 0.05, overloads = () => 0, pauses = 0, resumes = 0 } = load
  const { spare = () => 0, start = 4, workers = moving } = load
  const elasticity = new Elasticity(start, { min: 1, max: 1000, target: Infinity, ...load })
  const sizes: Array<number> = []
  let now = 0
  for (let ends = 0; ends < count; ends++) {
    const { size } = elasticity
    if (sizes.at(-1) !== size) sizes.push(size)
    // Half of the jobs end in step, so that some ends are simultaneous.
    if (random() < 0.5) now += -2 * Math.log(random()) * Math.max(1 / size, 1 / workers(ends))
    const isOverload = random() < overloads(size, workers(ends))
    const isFailure = random() < failures
    elasticity.end(now, isOverload ? "overload" : isFailure ? "ignore" : "ok", size, random() >= spare(ends))
    if (isOverload && random() < pauses) elasticity.overloaded(now)
    if (random() < resumes) elasticity.begin(now)
  }
  return sizes
}

const digest = (sizes: ReadonlyArray<number>): string =>
  createHash("sha256").update(sizes.join()).digest("hex").slice(0, 16)

const above = (size: number, workers: number) => size > workers ? 0.5 : 0

it.each<readonly [string, Load, string]>([
  ["workers", { workers: () => 40 }, "1808 sizes ... 24 32 25 34, 2d0d953f72ca4154"],
  ["workers that come and go", {}, "2168 sizes ... 189 132 160 108, fba221f3e00ef5fb"],
  ["workers that refuse more", { overloads: above }, "2803 sizes ... 150 128 150 128, 04a5e08ee19e1a1a"],
  ["workers that pause", { overloads: above, pauses: 0.3 }, "2887 sizes ... 128 150 128 150, d7cda483b54bec0f"],
  ["overloads by chance", { overloads: () => 0.1 }, "2118 sizes ... 149 219 163 219, 0cf1d666d64e5cca"],
  ["a target", { target: 2 }, "2258 sizes ... 134 185 151 222, c4ce363492f7f5ad"],
  ["few jobs at times", { spare: (ends) => (ends / 10_000) % 1 }, "391 sizes ... 125 161 116 159, b2e707bbb23d979a"],
  ["little room", { overloads: above, min: 3, max: 42 }, "3432 sizes ... 42 36 42 36, 1b45eb8705ebfd20"]
])("the sizes under %s are as recorded", (_, load, recorded) => {
  const sizes = sizesUnder(load, randomOf(7), 200_000)
  expect(`${sizes.length} sizes ... ${sizes.slice(-4).join(" ")}, ${digest(sizes)}`).toBe(recorded)
})

it("a pool at its smallest size finds out that the backend does more now, though jobs end in clumps", () => {
  const load: Load = { workers: (ends) => ends < 40_000 ? 12 : 150, overloads: above, min: 10 }
  expect(sizesUnder(load, randomOf(7), 40_000).at(-1)).toBeLessThan(14)
  expect(sizesUnder(load, randomOf(7), 160_000).at(-1)).toBeGreaterThan(40)
})

it("the first sizes under 1000 random loads are as recorded", () => {
  const random = randomOf(1)
  const either = <A>(one: A, other: A): A => random() < 0.5 ? one : other
  const randomLoad = (): Load => {
    const [before, after, limit] = [2 ** (random() * 9), 2 ** (random() * 9), 2 ** (random() * 9)]
    const min = either(1, Math.ceil(random() * 4))
    return {
      min,
      start: min + Math.floor(random() * 20),
      target: either(Infinity, random() * 3),
      max: either(1000, 30),
      workers: (ends) => ends < 500 ? before : after,
      overloads: either<(size: number) => number>(() => 0.3 * random() ** 4, (size) => size > limit ? 0.3 : 0),
      pauses: either(0, 0.01),
      failures: either(0, random()),
      resumes: either(0, 0.002)
    }
  }
  const sizes = Array.from({ length: 1000 }, () => sizesUnder(randomLoad(), random, 1000))
  expect(sizes.slice(0, 5).map((sizes) => sizes.slice(0, 6).join(" "))).toEqual([
    "9 10 8 10 8 10",
    "10 20 30 26 30 26",
    "19 38 22 17 22 17",
    "2 4 8 16 18 14",
    "4 8 16 30 18 14"
  ])
  expect(digest(sizes.flat())).toBe("30f1d7c9796eebb6")
})
