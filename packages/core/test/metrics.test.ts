import { describe, expect, it } from "@effect/vitest"
import { Clock, type Duration, Effect, Exit, Fiber, Metric, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPool, type GreenPoolOptions } from "../src/index.ts"
import { atRest, forkNow, makeClosable, testEffect, World } from "./support/index.ts"
import { makeRegistry, stateIn } from "./support/series.ts"
import { VirtualClock } from "./support/virtual-clock.ts"

const names = [
  ...["size", "running", "waiting"].map((gauge) => `greenpool_${gauge}{pool=api}`),
  ...["success", "failure", "interruption", "rejection"].map((end) => `greenpool_jobs_total{outcome=${end},pool=api}`),
  ...["wait", "run"].map((histogram) => `greenpool_${histogram}_seconds{pool=api}`)
]

/** A measured pool, and the registry of its metrics. */
const makeMeasured = Effect.fnUntraced(function*(options?: GreenPoolOptions) {
  const registry = makeRegistry()
  const pool = yield* Effect.orDie(registry.provide(GreenPool.make({ name: "api", metrics: true, ...options })))
  const figures = (names: ReadonlyArray<string>) => Effect.forEach(names, registry.figure)
  const histogram = (name: string) => registry.observed(`greenpool_${name}_seconds{pool=api}`)
  return {
    pool,
    registry,
    /** Size, running and waiting. */
    gauges: figures(names.slice(0, 3)),
    /** How many of each outcome. */
    counts: figures(names.slice(3, 7)),
    waits: histogram("wait"),
    runs: histogram("run")
  }
})

/** In how many seconds at the most each observation was. */
const buckets = (state: Metric.HistogramState | undefined) =>
  state?.buckets.map(([boundary, count], i) => [boundary, count - (state.buckets[i - 1]?.[1] ?? 0)])
    .filter(([, count]) => count !== 0)

describe("metrics", () => {
  testEffect("are off by default, and then there are none", function*() {
    const registry = makeRegistry()
    for (const metrics of [undefined, false]) {
      const pool = yield* registry.provide(GreenPool.make({ metrics }))
      yield* registry.provide(pool.run(Effect.void))
    }
    expect(yield* registry.snapshot).toEqual(new Map())
  })

  testEffect("have their names, attributes and descriptions, and begin at 0", function*() {
    const { counts, gauges, registry, runs, waits } = yield* makeMeasured({ size: 3 })
    const series = yield* registry.snapshot
    expect([...series.keys()].sort()).toEqual([...names].sort())
    for (const { description } of series.values()) expect(description).toMatch(/^[A-Z][a-z].+[a-z]$/)
    expect(yield* counts).toEqual([0, 0, 0, 0])
    expect(series.get(names[3]!)?.state).toEqual({ count: 0, incremental: true })
    expect(yield* gauges).toEqual([3, 0, 0])
    for (const histogram of [yield* waits, yield* runs]) {
      expect(histogram).toMatchObject({ count: 0, sum: 0 })
      const boundaries = histogram?.buckets.map(([boundary]) => boundary) ?? []
      const upTo300 = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
      expect(boundaries).toEqual([...upTo300, Infinity])
    }
  })
})

describe("gauges", () => {
  testEffect("are of the moment of the snapshot, and end with the pool; what it has counted stays", function*() {
    const scope = yield* Scope.make()
    const { counts, gauges, pool, registry, runs } = yield* Scope.provide(makeMeasured({ size: 2 }), scope)
    let inFinalizer: unknown
    const look = Effect.map(gauges, (now) => inFinalizer = now)
    const fibers = yield* Effect.forEach([1, 2, 3, 4], () => forkNow(pool.run(Effect.ensuring(Effect.never, look))))
    expect(yield* gauges).toEqual([2, 2, 2])
    yield* pool.resize(1)
    yield* Fiber.interrupt(fibers[3]!)
    expect(yield* gauges).toEqual([1, 2, 1])
    yield* Fiber.interrupt(fibers[0]!)
    yield* Scope.close(scope, Exit.void)
    expect(inFinalizer).toEqual([1, 1, 0])
    expect(yield* gauges).toEqual([undefined, undefined, undefined])
    expect([...(yield* registry.snapshot).keys()].sort()).toEqual(names.slice(3).sort())
    expect(yield* counts).toEqual([0, 0, 2, 0])
    expect((yield* runs)?.count).toBe(2)
  })

  testEffect.each([0, 1])("and counters of one name add up, also when pool %i closes first", function*(closeFirst) {
    const registry = makeRegistry()
    const make = (size: number) => registry.provide(GreenPool.make({ name: "api", size, metrics: true }))
    const figures = Effect.forEach([names[0]!, names[3]!], registry.figure)
    const scopes = [yield* Scope.make(), yield* Scope.make()]
    for (const [i, scope] of scopes.entries()) yield* (yield* Scope.provide(make(i + 1), scope)).run(Effect.void)
    const seen = [yield* figures]
    for (const scope of closeFirst === 0 ? scopes : scopes.toReversed()) {
      yield* Scope.close(scope, Exit.void)
      seen.push(yield* figures)
    }
    yield* (yield* make(5)).run(Effect.void)
    expect([...seen, yield* figures]).toEqual([[3, 2], [2 - closeFirst, 2], [undefined, 2], [5, 3]])
  })
})

describe("histograms", () => {
  testEffect("have one wait for each job that starts, 0 for one that need not wait", function*() {
    const { pool, waits } = yield* makeMeasured({ size: 1 })
    yield* forkNow(pool.run(Effect.sleep("2 seconds")))
    yield* forkNow(pool.run(Effect.sleep("90 seconds")))
    const gone = yield* forkNow(pool.run(Effect.void))
    yield* forkNow(Effect.exit(pool.run(Effect.void, { maxWait: "10 seconds" })))
    yield* pool.spawn(Effect.void).pipe(Effect.forkChild({ startImmediately: true }))
    yield* forkNow(Stream.runDrain(pool.imap(() => Effect.void, [1])))
    yield* TestClock.adjust("30 seconds")
    yield* Fiber.interrupt(gone)
    yield* TestClock.adjust("100 seconds")
    // at once, 2 s, and twice 92 s, of which one for the item of the map
    expect(buckets(yield* waits)).toEqual([[0.001, 1], [2.5, 1], [120, 2]])
    expect(yield* waits).toMatchObject({ count: 4, sum: 186, min: 0, max: 92 })
  })

  testEffect("have one run for each job that ends, up to the end of its finalizers", function*() {
    const { pool, runs } = yield* makeMeasured({ size: 1 })
    const first = yield* forkNow(pool.run(Effect.ensuring(Effect.sleep("3 seconds"), Effect.sleep("4 seconds"))))
    const forever = yield* forkNow(pool.run(Effect.ensuring(Effect.never, Effect.sleep("1 hour"))))
    yield* TestClock.adjust("6 seconds")
    expect((yield* runs)?.count).toBe(0)
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(first)
    expect(yield* runs).toMatchObject({ count: 1, sum: 7 })
    yield* forkNow(Fiber.interrupt(forever))
    yield* TestClock.adjust("1 hour")
    expect(buckets(yield* runs)).toEqual([[10, 1], [Infinity, 1]])
  })

  testEffect("measure a run from its own slot on, also when others got theirs in the same turn", function*() {
    const clock = new VirtualClock()
    const { pool, runs } = yield* Effect.provideService(makeMeasured(), Clock.Clock, clock)
    yield* pool.spawn(Effect.void)
    // as long as the spawner computes
    clock.advance(300)
    yield* pool.spawn(Effect.void)
    yield* pool.waitall
    expect(yield* runs).toMatchObject({ count: 2, min: 0, max: 0.3 })
  })

  testEffect("count a time that is a boundary below it, as Prometheus does", function*() {
    const { pool, runs } = yield* makeMeasured()
    const times = [1, 1000, 300_000, 300_001]
    for (const time of [...times, ...times]) yield* pool.spawn(Effect.sleep(time))
    yield* TestClock.adjust("1 hour")
    expect(buckets(yield* runs)).toEqual([[0.001, 2], [1, 2], [300, 2], [Infinity, 2]])
  })

  testEffect("measure a job on a borrowed slot from the loan on, and one left with the slot to its end", function*() {
    const { pool, runs, waits } = yield* makeMeasured({ size: 1 })
    const borrow = (time: Duration.Input) => Effect.forkDetach(pool.run(Effect.sleep(time)), { startImmediately: true })
    // The second borrower waits for the slot that is lent.
    const borrowers = Effect.andThen(borrow("20 seconds"), borrow("100 seconds"))
    yield* forkNow(pool.run(Effect.delay(Effect.andThen(borrowers, Effect.sleep("1 second")), "1 second")))
    yield* TestClock.adjust("5 minutes")
    expect(buckets(yield* runs)).toEqual([[2.5, 1], [30, 1], [120, 1]])
    expect(yield* runs).toMatchObject({ count: 3, sum: 122 })
    expect(yield* waits).toMatchObject({ count: 3, sum: 20 })
  })
})

it.each<[string, (pool: GreenPool, slots: number) => Effect.Effect<unknown, unknown>]>([
  ["resize", (pool, slots) => pool.resize(slots)],
  ["an allowance", (pool, slots) => Effect.sync(() => toInternal(pool).slots.allow(slots))]
])("a wait that %s ends is measured up to then", (_, change) => {
  const world = new World()
  const pool = world.pool(2, { metrics: true })
  world.get(Effect.orDie(change(pool, 1)))
  for (let i = 0; i < 2; i++) world.fork(pool.run(Effect.never))
  world.clock.advance(5000)
  world.get(Effect.orDie(change(pool, 2)))
  expect(stateIn(world.registry, "greenpool_wait_seconds")).toMatchObject({ count: 2, max: 5 })
})

describe("what is recorded", () => {
  testEffect("goes to the context in which the pool was made, never to a caller's", function*() {
    const { counts, pool, registry, waits } = yield* makeMeasured({ size: 1 })
    const caller = makeRegistry()
    const asCaller = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      caller.provide(Effect.provideService(effect, Metric.CurrentMetricAttributes, { request: "42" }))
    yield* asCaller(Effect.gen(function*() {
      yield* pool.run(Effect.void)
      yield* pool.spawn(Effect.void)
      yield* Stream.runDrain(pool.imap(() => Effect.void, [1, 2]))
    }))
    yield* atRest
    expect(yield* caller.snapshot).toEqual(new Map())
    expect([...(yield* registry.snapshot).keys()].sort()).toEqual([...names].sort())
    expect(yield* counts).toEqual([4, 0, 0, 0])
    expect((yield* waits)?.count).toBe(4)
  })

  testEffect("has the attributes around the pool's making, as series of their own, but for the pool's", function*() {
    const registry = makeRegistry()
    const same = [{ a: "b,c", "a,b": "c" }, { "a,b": "c", a: "b,c" }]
    const surroundings = [...same, { a: "b", "a,b": "c" }, { pool: "around", outcome: "around" }]
    for (const around of surroundings) {
      const make = Effect.provideService(GreenPool.make({ metrics: true }), Metric.CurrentMetricAttributes, around)
      const pool = yield* registry.provide(make)
      yield* pool.run(Effect.void)
      yield* Effect.exit(pool.run(Effect.fail("no")))
    }
    const series = yield* registry.snapshot
    expect(series.size).toBe(3 * names.length)
    for (const outcome of ["success", "failure"]) {
      const found = [...series].filter(([name]) => name.includes(`outcome=${outcome}`))
      expect(found.map(([, { state }]) => state)).toMatchObject([{ count: 2 }, { count: 1 }, { count: 1 }])
      expect(found[2]?.[0]).toBe(`greenpool_jobs_total{outcome=${outcome},pool=default}`)
    }
  })
})

testEffect("the gauges of adaptive pools end with the last of their name, but for the cuts", function*() {
  const registry = makeRegistry()
  const closes = yield* Effect.forEach(
    [true, true, false],
    (adaptive) =>
      Effect.map(registry.provide(makeClosable({ name: "p", metrics: true, adaptive })), ({ close }) => close)
  )
  const gauges = Effect.map(
    registry.snapshot,
    (series) => [...series.keys()].filter((name) => /elast|goodput/.test(name))
  )
  yield* closes[0]!
  expect(yield* gauges).toHaveLength(2)
  yield* closes[1]!
  expect(yield* gauges).toEqual([])
  const cuts = (yield* registry.snapshot).get("greenpool_cuts_total{pool=p}")
  expect(cuts?.state).toEqual({ count: 0, incremental: true })
  yield* closes[2]!
})
