/**
 * The controller of adaptive size, on made-up legs.
 */
import { describe, expect, it } from "vitest"
import { Elasticity, type Leg, type SizeBounds } from "../../src/internal/elasticity.ts"
import { Fit } from "../../src/internal/fit.ts"
import { Latencies } from "../../src/internal/latencies.ts"
import { randomOf } from "./simulation.ts"

const free: SizeBounds = { min: 1, max: 1000, target: Infinity }

/** A backend: goodput and latency at a size, and the share of overloads. */
interface Curve {
  readonly goodput: (size: number) => number
  readonly latency?: (size: number) => number
}

/** Twice the slots, twice the goodput. */
const linear: Curve = { goodput: (size) => size }

/** Workers with a queue, and no chance in it. */
const workers = (count: number): Curve => ({
  goodput: (size) => Math.min(size, count),
  latency: (size) => Math.max(1, size / count)
})

/** A curve with elasticity 0.2 at four times the constant. */
const saturating = (constant: number): Curve => ({
  goodput: (size) => size / (1 + size / constant),
  latency: (size) => 1 + size / constant
})

const legOf = (size: number, { goodput, latency = () => 1 }: Curve, leg?: Partial<Leg>): Leg => {
  const ends = Math.max(size, 20)
  const seconds = ends / goodput(size)
  return { ends, successes: ends, overloads: 0, seconds, taken: latency(size) * ends / seconds, wanted: true, ...leg }
}

/** So many legs on this curve; gives the size of each. */
const legs = (elasticity: Elasticity, count: number, curve: Curve, leg?: (size: number) => Partial<Leg>) =>
  Array.from({ length: count }, () => {
    const { size } = elasticity
    elasticity.learn(legOf(size, curve, leg?.(size)))
    return size
  })

/** A search whose start has ended with this size as its centre: so many jobs leave no doubt. */
const steady = (size: number, bounds: Partial<SizeBounds> = {}): Elasticity => {
  const elasticity = new Elasticity(size, { ...free, ...bounds })
  legs(elasticity, 2, workers(size), () => ({ ends: 1e6, successes: 1e6, seconds: 1e6 / size, taken: size }))
  return elasticity
}

const mean = (sizes: ReadonlyArray<number>): number => sizes.reduce((a, b) => a + b) / sizes.length

const expectBetween = (value: number, least: number, most: number) => {
  expect(value).toBeGreaterThan(least)
  expect(value).toBeLessThan(most)
}

/** All of these jobs are overloads. */
const refused = (size: number): Partial<Leg> => ({ successes: 0, overloads: Math.max(size, 20) })

describe("the start", () => {
  const steadyAt = (size: number) => ({ phase: "steady", size }) as const
  const slower: Curve = { goodput: (size) => size * 10, latency: (size) => size / 32 }
  const suddenlySlow: Curve = { goodput: (size) => size, latency: (size) => size < 16 ? 1 : 3 }

  it.each<readonly [string, Partial<SizeBounds>, Curve, sizes: ReadonlyArray<number>, end: Partial<Elasticity>]>([
    // 15 % above 32, at the most
    ["doubles, then goes to where the queue begins", {}, workers(32), [4, 8, 16, 32, 64], steadyAt(36)],
    ["does not take a few jobs at their word", {}, { goodput: () => 10 }, [4, 8, 16], { phase: "starting" }],
    ["ends at the largest size that is allowed", { max: 13 }, saturating(1000), [4, 8, 13, 13], { phase: "steady" }],
    ["ends where twice the latency is beyond the target", { target: 0.4 }, slower, [4, 8], steadyAt(9)],
    ["goes on where twice the latency is the target", { target: 0.5 }, slower, [4, 8, 16], { phase: "steady" }],
    ["goes on with three times the latency, not more", {}, suddenlySlow, [4, 8, 16, 32], { phase: "starting" }]
  ])("%s", (_, bounds, curve, sizes, end) => {
    const elasticity = new Elasticity(4, { ...free, ...bounds })
    expect(legs(elasticity, sizes.length, curve)).toEqual(sizes)
    expect(elasticity).toMatchObject(end)
  })

  it("stays within the last two sizes", () => {
    const elasticity = new Elasticity(32, free)
    legs(elasticity, 2, { goodput: (size) => size < 64 ? 32 : 320 })
    legs(elasticity, 1, { goodput: () => 20 })
    expect(elasticity).toMatchObject({ phase: "steady", size: 73 })
  })

  it("ends with a cut where the backend has too much", () => {
    const elasticity = new Elasticity(32, free)
    legs(elasticity, 1, workers(100), refused)
    expect(elasticity).toMatchObject({ phase: "steady", cuts: 1, ceiling: 32, size: 24 })
  })
})

describe("the steady search", () => {
  it("goes above and below its centre in turn, by 15 % or one slot at most", () => {
    for (let centre = 1; centre <= 300; centre++) {
      const elasticity = steady(centre, { min: 1, max: 10_000 })
      // With the elasticity that is sought, nothing moves.
      const sizes = legs(elasticity, 2, { goodput: (size) => size ** 0.2 })
      const most = Math.max(0.15 * centre, 1) + 1e-9
      expect(sizes[0]).not.toBe(sizes[1])
      for (const size of sizes) expect(Math.abs(size - centre)).toBeLessThanOrEqual(most)
    }
  })

  it.each([2, 5, 20, 100])("finds the size at which the elasticity is 0.2 (%i)", (constant) => {
    const elasticity = new Elasticity(4, free)
    legs(elasticity, 150, saturating(constant))
    const found = mean(legs(elasticity, 40, saturating(constant)))
    // The strain stops it before, where the start has been low enough to tell.
    expectBetween(found / constant, 2, 4.4)
    const unstrained = { ...saturating(constant), latency: () => 1 }
    legs(elasticity, 400, unstrained)
    expectBetween(mean(legs(elasticity, 80, unstrained)) / (4 * constant), 0.85, 1.15)
  })

  it("moves its centre by 28 % at most", () => {
    const elasticity = steady(32)
    const sizes = legs(elasticity, 30, { goodput: (size) => size ** 1.5 })
    sizes.slice(2).forEach((size, i) => expect(size / sizes[i]!).toBeLessThanOrEqual(1.285 ** 2 * 1.05))
    expect(sizes.at(-1)).toBeGreaterThan(300)
  })

  it("keeps to its bounds", () => {
    const elasticity = steady(16, { min: 12, max: 20 })
    expect(Math.max(...legs(elasticity, 60, linear))).toBe(20)
    expect(Math.min(...legs(elasticity, 60, { goodput: (size) => 1 / size }))).toBe(12)
  })

  it("forgets what it knew when the backend has become another one", () => {
    const elasticity = steady(100)
    legs(elasticity, 20, workers(100))
    expect(elasticity.elasticity).toBeLessThan(0.19)
    legs(elasticity, 1, workers(20))
    // What is sought is what it presumes.
    expect(elasticity.elasticity).toBe(0.2)
  })

  it("learns nothing from jobs that none succeeded of, or that did not want more slots", () => {
    const elasticity = steady(32)
    const { size } = elasticity
    expect(new Set(legs(elasticity, 100, { goodput: () => 1e6 }, () => ({ successes: 0 })))).toEqual(new Set([size]))
    expect(new Set(legs(elasticity, 100, { goodput: () => 1 }, () => ({ wanted: false })))).toEqual(new Set([size]))
    expect(elasticity).toMatchObject({ size, cuts: 0 })
  })
})

describe("an overload", () => {
  it("is more than chance makes of 2 %: 2 + 1.5 m + 3 √m", () => {
    const over = (overloads: number, ends: number) => {
      const elasticity = steady(100)
      elasticity.learn(legOf(100, workers(100), { ends, successes: ends - overloads, overloads }))
      return elasticity.cuts
    }
    // m = 2 of 100: 9.24 are tolerated. m = 4 of 200: 14 are.
    expect([over(9, 100), over(10, 100), over(14, 200), over(15, 200)]).toEqual([0, 1, 0, 1])
  })

  it("leaves 85 % of the size and a ceiling, below which it then stays", () => {
    const elasticity = steady(100)
    const { size } = elasticity
    legs(elasticity, 1, workers(100), refused)
    expect(elasticity).toMatchObject({ cuts: 1, ceiling: size })
    expect(elasticity.size).toBe(Math.ceil(0.85 * 0.85 * size))
    expect(Math.max(...legs(elasticity, 9, linear))).toBe(size - 1)
  })

  it("at the smallest size changes nothing, and nothing beyond the largest is probed", () => {
    const smallest = new Elasticity(1, free)
    legs(smallest, 50, workers(1), refused)
    expect(smallest.size).toBe(1)
    // It is what must be expected.
    expect(smallest.cuts).toBeLessThan(5)
    const largest = new Elasticity(100, { ...free, max: 100 })
    const sizes = legs(largest, 200, linear, (size) => size >= 100 ? { overloads: size / 2 } : {})
    expect(Math.max(...sizes)).toBe(100)
    expect(largest.ceiling).toBeDefined()
  })

  it("is tried again after 8 quiet legs, 16, 32, and then every 64", () => {
    const elasticity = steady(30)
    const sizes = legs(elasticity, 600, linear, (size) => size > 32 ? refused(size) : {})
    const failed = sizes.flatMap((size, i) => size > 32 ? [i] : [])
    expect(elasticity.ceiling).toBe(33)
    const distances = failed.slice(1).map((leg, i) => leg - failed[i]!)
    const pauses = distances.filter((distance) => distance >= 8) // and some legs to come near the ceiling again
    ;[8, 16, 32, 64, 64, 64].forEach((pause, i) => expectBetween(pauses[i]!, pause, pause + 8))
  })

  it.each([3, 5, 10, 33, 100])("that is over lifts the ceiling, faster each time, at every size (%i)", (ceiling) => {
    const elasticity = steady(ceiling)
    while (elasticity.cuts === 0 || elasticity.size >= ceiling) {
      legs(elasticity, 1, linear, (size) => size >= ceiling ? refused(size) : {})
    }
    const ceilings = [elasticity.ceiling!]
    for (let i = 0; i < 200 && elasticity.ceiling! < 1000; i++) {
      legs(elasticity, 1, linear)
      if (elasticity.ceiling !== ceilings.at(-1)) ceilings.push(elasticity.ceiling!)
    }
    const factors = ceilings.slice(1).map((ceiling, i) => ceiling / ceilings[i]!)
    expect(factors.slice(0, 3).map((factor) => factor.toFixed(2))).toEqual(["1.25", "1.56", "2.44"])
  })

  it.each([0.05, 0.3])("at random is background (%f)", (share) => {
    const random = randomOf(1)
    const elasticity = new Elasticity(4, free)
    const chance = (size: number): Partial<Leg> => {
      const ends = Math.max(size, 20)
      const overloads = Array.from({ length: ends }, random).filter((value) => value < share).length
      return { ends, overloads, successes: ends - overloads }
    }
    legs(elasticity, 200, workers(100), chance)
    const { cuts } = elasticity
    const sizes = legs(elasticity, 1000, workers(100), chance)
    expect(elasticity.cuts - cuts).toBeLessThanOrEqual(3)
    expect(mean(sizes)).toBeGreaterThan(80)
  })
})

describe("strain", () => {
  /** All the same goodput a slot; the latency is of the moment. */
  const atLatency = (latency: number): Curve => ({ goodput: (size) => size, latency: () => latency })

  it("of more than 3 stops the growth, by a lasting change of the latency not for good (no ratchet)", () => {
    const elasticity = steady(32)
    legs(elasticity, 6, workers(32))
    legs(elasticity, 6, atLatency(5))
    const sizes = legs(elasticity, 20, atLatency(5))
    expect(Math.max(...sizes)).toBeLessThan(sizes[0]! * 1.5)
    // Down for a while, and up again.
    legs(elasticity, 20, { goodput: (size) => 1 / size, latency: () => 5 })
    expect(mean(legs(elasticity, 4, atLatency(5)))).toBeLessThan(mean(sizes) / 2)
    legs(elasticity, 30, atLatency(5))
    expect(mean(legs(elasticity, 20, atLatency(5)))).toBeGreaterThan(mean(sizes) * 0.95)
  })

  it("with a target is the latency over it: above it the pool shrinks, however well more slots do", () => {
    const elasticity = steady(64, { target: 2 })
    const sizes = legs(elasticity, 140, { ...linear, latency: (size) => size / 16 }).slice(100)
    expectBetween(mean(sizes), 27, 35)
  })
})

describe("a leg", () => {
  it("waits a time in the slot, then counts as many ends as there are slots, 20 at least", () => {
    for (const [size, ends] of [[16, 20], [32, 32]] as const) {
      const elasticity = new Elasticity(size, free)
      let now = 0
      const end = (count: number) => {
        const { size } = elasticity
        for (let i = 0; i < count; i++) elasticity.end(now += 1 / size, "ok", size, true)
      }
      // As many as there are slots, of which the leg knows no more, one that opens it, those that count, one after them.
      end(size + 1 + ends)
      expect([elasticity.size, elasticity.latency]).toEqual([size, 0])
      end(1)
      expect(elasticity.size).toBe(size * 2)
      expect(elasticity.goodput).toBeCloseTo(size)
      expect(elasticity.latency).toBeCloseTo(1)
      // Then a time in the slot, in which twice as many end.
      end(4 * size)
      expect(elasticity.size).toBe(size * 2)
      end(2)
      expect(elasticity.size).toBe(size * 4)
    }
  })

  it("has all of the jobs that end together, or none of them", () => {
    // 32 workers, all in step: more slots than that end no more jobs.
    const elasticity = new Elasticity(32, free)
    const sizes: Array<number> = []
    for (let second = 1; second < 200; second++) {
      for (let i = 0; i < Math.min(32, elasticity.size); i++) elasticity.end(second, "ok", elasticity.size, true)
      sizes.push(elasticity.size)
    }
    expect(elasticity.goodput).toBeLessThan(32.1)
    expectBetween(mean(sizes.slice(100)), 28, 45)
  })

  it("is over as soon as it has more overloads than it may have, and the next one hears none for a time in the slot", () => {
    const elasticity = new Elasticity(100, free)
    let now = 0
    const end = (verdict: "ok" | "overload", count: number) => {
      for (let i = 0; i < count; i++) elasticity.end(now += 0.01, verdict, 100, true)
    }
    end("ok", 202)
    expect(elasticity).toMatchObject({ size: 200, latency: expect.closeTo(1) })
    // Of 200 jobs 14 may be overloads.
    end("ok", 50)
    end("overload", 14)
    expect(elasticity.cuts).toBe(0)
    end("overload", 1)
    expect(elasticity).toMatchObject({ cuts: 1, ceiling: 200, size: 145 })
    end("overload", 95)
    expect(elasticity.cuts).toBe(1)
    end("overload", 50)
    expect(elasticity.cuts).toBe(2)
  })

  it("is over when the backend refuses, once for all refusals of jobs that were started before the first", () => {
    const elasticity = new Elasticity(8, free)
    elasticity.overloaded(0)
    expect(elasticity).toMatchObject({ cuts: 1, ceiling: 8 })
    elasticity.begin(0)
    for (let now = 1; now <= 200; now++) elasticity.end(now, "ok", 8, true)
    const { cuts } = elasticity
    elasticity.overloaded(300)
    elasticity.overloaded(300)
    expect(elasticity.cuts).toBe(cuts + 1)
    const { latency } = elasticity
    elasticity.overloaded(300 + latency)
    expect(elasticity.cuts).toBe(cuts + 2)
    elasticity.begin(300 + latency)
    elasticity.overloaded(300 + latency)
    expect(elasticity.cuts).toBe(cuts + 3)
  })

  it("does not count what a slot was free at for more than 15 % of the ends", () => {
    const first = (spare: number) => {
      const elasticity = new Elasticity(20, free)
      for (let i = 0; i <= 41; i++) elasticity.end(i / 20, "ok", 20, i <= 40 - spare)
      return elasticity.size
    }
    expect([first(3), first(4)]).toEqual([40, 20])
  })
})

it("overloads in no time are heard, each of them", () => {
  const elasticity = new Elasticity(32, free)
  for (let i = 0; i < 100; i++) elasticity.end(0, "overload", elasticity.size, true)
  expect(elasticity.cuts).toBeGreaterThan(1)
})

it("a new search forgets all but the number of cuts", () => {
  const elasticity = steady(100)
  legs(elasticity, 1, workers(100), refused)
  elasticity.restart(4)
  expect(elasticity).toMatchObject({ size: 4, phase: "starting", ceiling: undefined, cuts: 1, goodput: 0 })
  expect(legs(elasticity, 5, workers(32))).toEqual([4, 8, 16, 32, 64])
})

it("the lowest median is that of the last 300 legs, and there is no strain before there are latencies", () => {
  const latencies = new Latencies()
  expect([latencies.median, latencies.strain(Infinity), latencies.strain(2)]).toEqual([0, 1, 0])
  for (let leg = 1; leg <= 3; leg++) latencies.add(1)
  // The median of the last five legs is 1 up to leg 5.
  for (let leg = 4; leg < 305; leg++) latencies.add(5)
  expect(latencies.strain(Infinity)).toBe(5)
  latencies.add(5)
  expect(latencies.strain(Infinity)).toBe(1)
})

it("a single success far from the line says that the backend is another one, and ten thousand near it don't", () => {
  const fit = new Fit(0.2)
  fit.add(0, 0, 1)
  fit.add(1, 10, 1)
  expect(fit.information).toBe(0)
  fit.add(0, 0, 10_000)
  fit.add(1, 0.6, 10_000)
  expect(fit.information).toBeGreaterThan(0)
})
