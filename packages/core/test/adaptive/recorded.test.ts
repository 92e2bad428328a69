/**
 * Sizes that the controller found under made-up load, as they were recorded: its constants, weights and comparisons show
 * in them. A deliberate change of the controller comes with a new record.
 */
import { createHash } from "node:crypto"
import { expect, it } from "vitest"
import { Elasticity, type SizeBounds } from "../../src/internal/elasticity.ts"
import { randomOf } from "./simulation.ts"

/** What the backend is like after so many ends of jobs. */
interface Load extends Partial<SizeBounds> {
  /** How many jobs it works on at a time. */
  readonly workers: (ends: number) => number
  /** The share of overloads at a size. */
  readonly overloads?: (size: number, workers: number) => number
  /** The share of ends at which a slot stays free. */
  readonly spare?: (ends: number) => number
  /** The share of overloads by which the backend asks for a pause. */
  readonly pauses?: number
}

/** The sizes in turn, one by one at first and last, all of them in a digest. */
const sizesUnder = (load: Load, seed: number): string => {
  const { overloads = () => 0, pauses = 0, spare = () => 0, workers, ...bounds } = load
  const random = randomOf(seed)
  const elasticity = new Elasticity(4, { min: 1, max: 1000, target: Infinity, ...bounds })
  const sizes: Array<number> = []
  let now = 0
  for (let ends = 0; ends < 200_000; ends++) {
    const { size } = elasticity
    if (sizes.at(-1) !== size) sizes.push(size)
    // Half of the jobs end in step, so that some ends are simultaneous.
    if (random() < 0.5) now += -2 * Math.log(random()) * Math.max(1 / size, 1 / workers(ends))
    const isOverload = random() < overloads(size, workers(ends))
    const isFailure = random() < 0.05
    elasticity.end(now, isOverload ? "overload" : isFailure ? "ignore" : "ok", size, random() >= spare(ends))
    if (isOverload && random() < pauses) elasticity.overloaded(now)
  }
  const digest = createHash("sha256").update(sizes.join()).digest("hex").slice(0, 16)
  return `${sizes.length} sizes: ${sizes.slice(0, 8).join(" ")} ... ${sizes.slice(-4).join(" ")}, ${digest}`
}

const steady = () => 40
const moving = (ends: number) => ends < 60_000 ? 40 : ends < 120_000 ? 12 : 150
const above = (size: number, workers: number) => size > workers ? 0.5 : 0

it.each<readonly [string, Load, string]>([
  ["workers", { workers: steady }, "1871 sizes: 4 8 16 32 64 39 29 39 ... 35 25 31 24, bfb340df85fe2b4b"],
  [
    "workers that come and go",
    { workers: moving },
    "1829 sizes: 4 8 16 32 64 39 29 39 ... 211 155 206 147, b2dc3188504d2acb"
  ],
  [
    "workers that refuse more",
    { workers: moving, overloads: above },
    "2877 sizes: 4 8 16 32 64 47 34 45 ... 150 128 150 128, 361053826977c3dd"
  ],
  [
    "workers that ask for pauses",
    { workers: moving, overloads: above, pauses: 0.3 },
    "2846 sizes: 4 8 16 32 64 47 34 45 ... 150 128 150 128, 173c3bfa28fb09df"
  ],
  [
    "overloads by chance",
    { workers: moving, overloads: () => 0.1 },
    "2163 sizes: 4 8 16 32 64 128 73 55 ... 247 337 250 345, 1bf0e857a5d07b4c"
  ],
  [
    "a target",
    { workers: moving, target: 2 },
    "2271 sizes: 4 8 16 32 64 39 29 39 ... 139 183 135 178, b2465b1614be9362"
  ],
  [
    "few jobs now and then",
    { workers: moving, spare: (ends) => (ends / 10_000) % 1 },
    "244 sizes: 4 8 16 32 64 39 29 39 ... 254 327 234 301, 1ab71fd48eb150c7"
  ],
  [
    "little room",
    { workers: moving, overloads: above, min: 3, max: 42 },
    "3481 sizes: 4 8 16 32 42 31 41 30 ... 36 42 36 42, 83de9073beb64544"
  ]
])("the sizes under %s are as recorded", (_, load, recorded) => {
  expect(sizesUnder(load, 7)).toBe(recorded)
})
