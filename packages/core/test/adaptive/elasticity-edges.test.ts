/**
 * What the controller of adaptive size meets at its edges: answers that come together, and the largest size.
 */
import { expect, it } from "vitest"
import { Elasticity } from "../../src/internal/elasticity.ts"
import { Latencies } from "../../src/internal/latencies.ts"

it("cuts once for refusals of one moment, whose jobs were started before the first of them", () => {
  const elasticity = new Elasticity(8, { min: 1, max: 100, target: Infinity })
  elasticity.begin(0)
  for (let now = 1; now <= 200; now++) elasticity.end(now, "ok", 8, true)
  const { cuts } = elasticity
  elasticity.refused(300)
  elasticity.refused(300)
  expect(elasticity.cuts).toBe(cuts + 1)
})

it("probes nothing beyond the largest size that is allowed", () => {
  const elasticity = new Elasticity(100, { min: 1, max: 100, target: Infinity })
  for (let leg = 0; leg < 200; leg++) {
    const { size } = elasticity
    const ends = Math.max(size, 20)
    elasticity.learn({
      ends,
      successes: ends,
      overloads: size >= 100 ? ends / 2 : 0,
      seconds: ends / size,
      taken: size,
      wanted: true
    })
    expect(elasticity.size).toBeLessThanOrEqual(100)
  }
  expect(elasticity.ceiling).toBeDefined()
})

it("knows no strain before there are latencies", () => {
  const latencies = new Latencies()
  expect([latencies.median, latencies.strain(Infinity), latencies.strain(2)]).toEqual([0, 1, 0])
})

it("forgets the lowest latency after the last 300 legs", () => {
  const latencies = new Latencies()
  for (let leg = 0; leg < 3; leg++) latencies.add(1)
  for (let leg = 0; leg < 290; leg++) latencies.add(2)
  expect(latencies.strain(Infinity)).toBe(2)
  for (let leg = 0; leg < 20; leg++) latencies.add(2)
  expect(latencies.strain(Infinity)).toBe(1)
})
