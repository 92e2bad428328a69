import { describe, expect, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, Metric, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { GreenPile, GreenPool, type GreenPoolOptions, type PoolFull, type UnboundedOptions } from "../src/index.ts"
import { forkNow } from "./support/forkNow.ts"
import { makeRegistry } from "./support/series.ts"
import { atRest } from "./support/turns.ts"
import { VirtualClock } from "./support/virtual-clock.ts"

const names = [
  "greenpool_size{pool=api}",
  "greenpool_running{pool=api}",
  "greenpool_waiting{pool=api}",
  "greenpool_jobs_total{outcome=success,pool=api}",
  "greenpool_jobs_total{outcome=failure,pool=api}",
  "greenpool_jobs_total{outcome=interruption,pool=api}",
  "greenpool_jobs_total{outcome=rejection,pool=api}",
  "greenpool_wait_seconds{pool=api}",
  "greenpool_run_seconds{pool=api}"
]

/** A measured pool, and the registry of its metrics. */
const makeMeasured = (options?: GreenPoolOptions) =>
  Effect.gen(function*() {
    const registry = makeRegistry()
    const pool = yield* Effect.orDie(registry.provide(GreenPool.make({ name: "api", metrics: true, ...options })))
    const jobs = (outcome: string) => registry.figure(`greenpool_jobs_total{outcome=${outcome},pool=api}`)
    const counts = Effect.all({
      success: jobs("success"),
      failure: jobs("failure"),
      interruption: jobs("interruption"),
      rejection: jobs("rejection")
    })
    const gauge = (name: string) => registry.figure(`greenpool_${name}{pool=api}`)
    const gauges = Effect.all({ size: gauge("size"), running: gauge("running"), waiting: gauge("waiting") })
    const histogram = (name: string) => registry.observed(`greenpool_${name}_seconds{pool=api}`)
    return { pool, registry, counts, gauges, waits: histogram("wait"), runs: histogram("run") }
  })

/** In how many seconds at the most each observation was. */
const buckets = (state: Metric.HistogramState | undefined) => {
  let below = 0
  const found: Array<readonly [seconds: number, count: number]> = []
  for (const [boundary, count] of state?.buckets ?? []) {
    if (count !== below) found.push([boundary, count - below])
    below = count
  }
  return found
}

describe("metrics", () => {
  it.effect("are off by default, and then there are none", () =>
    Effect.gen(function*() {
      const registry = makeRegistry()
      for (const metrics of [undefined, false]) {
        const pool = yield* registry.provide(GreenPool.make({ metrics }))
        yield* registry.provide(pool.run(Effect.void))
      }
      expect(yield* registry.snapshot).toEqual(new Map())
    }))

  it.effect("have their names, attributes and descriptions, and begin at 0", () =>
    Effect.gen(function*() {
      const { counts, gauges, registry, runs, waits } = yield* makeMeasured({ size: 3 })
      const series = yield* registry.snapshot
      expect([...series.keys()].sort()).toEqual([...names].sort())
      for (const { description } of series.values()) expect(description).toMatch(/^[A-Z][a-z].+[a-z]$/)
      expect(yield* counts).toEqual({ success: 0, failure: 0, interruption: 0, rejection: 0 })
      expect(series.get("greenpool_jobs_total{outcome=success,pool=api}")?.state).toEqual({
        count: 0,
        incremental: true
      })
      expect(yield* gauges).toEqual({ size: 3, running: 0, waiting: 0 })
      for (const histogram of [yield* waits, yield* runs]) {
        expect(histogram).toMatchObject({ count: 0, sum: 0 })
        const boundaries = histogram?.buckets.map(([boundary]) => boundary) ?? []
        const upTo300 = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
        expect(boundaries).toEqual([...upTo300, Infinity])
      }
    }))
})

describe("gauges", () => {
  it.effect("are of the moment of the snapshot", () =>
    Effect.gen(function*() {
      const { gauges, pool } = yield* makeMeasured({ size: 2 })
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], () => forkNow(pool.run(Effect.never)))
      expect(yield* gauges).toEqual({ size: 2, running: 2, waiting: 3 })
      yield* pool.resize(1)
      yield* Fiber.interruptAll(fibers.slice(3))
      expect(yield* gauges).toEqual({ size: 1, running: 2, waiting: 1 })
    }))

  it.effect("are gone when the pool has closed; what it has counted stays", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { counts, gauges, pool, registry, runs } = yield* makeMeasured().pipe(
        Effect.provideService(Scope.Scope, scope)
      )
      yield* pool.run(Effect.void)
      const inFinalizer = yield* Deferred.make<unknown>()
      yield* forkNow(pool.run(Effect.onInterrupt(Effect.never, () =>
        Effect.flatMap(gauges, (now) => Deferred.succeed(inFinalizer, now)))))
      yield* Scope.close(scope, Exit.void)
      expect(yield* Deferred.await(inFinalizer)).toEqual({ size: 1000, running: 1, waiting: 0 })
      expect(yield* gauges).toEqual({ size: undefined, running: undefined, waiting: undefined })
      expect([...(yield* registry.snapshot).keys()].sort()).toEqual(names.slice(3).sort())
      expect(yield* counts).toEqual({ success: 1, failure: 0, interruption: 1, rejection: 0 })
      expect((yield* runs)?.count).toBe(2)
    }))

  it.effect.each([0, 1])(
    "and counters of pools with one name add up, also when pool %i closes first",
    (closeFirst) =>
      Effect.gen(function*() {
        const registry = makeRegistry()
        const scopes = [yield* Scope.make(), yield* Scope.make()]
        const pools = yield* Effect.forEach(
          scopes,
          (scope, index) =>
            registry.provide(GreenPool.make({ name: "api", size: index + 1, metrics: true })).pipe(
              Effect.provideService(Scope.Scope, scope)
            )
        )
        const size = registry.figure("greenpool_size{pool=api}")
        const successes = registry.figure("greenpool_jobs_total{outcome=success,pool=api}")
        for (const pool of pools) yield* pool.run(Effect.void)
        expect([yield* size, yield* successes]).toEqual([3, 2])
        const [first, second] = closeFirst === 0 ? scopes : scopes.toReversed()
        yield* Scope.close(first as Scope.Closeable, Exit.void)
        expect([yield* size, yield* successes]).toEqual([2 - closeFirst, 2])
        yield* Scope.close(second as Scope.Closeable, Exit.void)
        expect([yield* size, yield* successes]).toEqual([undefined, 2])
        const next = yield* registry.provide(GreenPool.make({ name: "api", size: 5, metrics: true }))
        yield* next.run(Effect.void)
        expect([yield* size, yield* successes]).toEqual([5, 3])
      })
  )
})

describe.each([1, 3])("counters of a pool of size %i", (size) => {
  it.effect("say how its jobs ended, whatever started them, and how many calls were rejected", () =>
    Effect.gen(function*() {
      const { counts, pool, runs, waits } = yield* makeMeasured({ size })
      const boom = Effect.fail("no")
      yield* pool.run(Effect.void)
      yield* Effect.exit(pool.run(boom))
      yield* Effect.exit(pool.run(Effect.die("bug")))
      yield* Effect.exit(pool.run(Effect.interrupt))
      yield* Fiber.await(yield* pool.spawn(boom))
      yield* pool.spawnN(Effect.void)
      yield* pool.run(pool.run(pool.spawn(Effect.void)))
      yield* Stream.runDrain(pool.imapExit((i) => i % 2 === 0 ? Effect.void : boom, [1, 2, 3]))
      yield* Effect.scoped(Effect.gen(function*() {
        const pile = yield* GreenPile.make<void, PoolFull, PoolFull>(pool)
        yield* pile.spawn(Effect.void)
        yield* pile.next
      }))
      yield* pool.waitall
      const fibers = yield* Effect.forEach(Array.from({ length: size }), () => forkNow(pool.run(Effect.never)))
      yield* Effect.exit(pool.run(Effect.void, { maxWait: 0 }))
      expect(yield* pool.runIfAvailable(Effect.void)).toMatchObject({ _tag: "None" })
      yield* Fiber.interrupt(yield* forkNow(pool.run(Effect.void)))
      yield* Fiber.interruptAll(fibers)
      const { failed, interrupted, rejected, started, succeeded } = yield* pool.stats
      expect([succeeded, failed, interrupted, rejected]).toEqual([7, 5, 1 + size, 1])
      expect(yield* counts).toEqual({ success: 7, failure: 5, interruption: 1 + size, rejection: 1 })
      expect([(yield* waits)?.count, (yield* runs)?.count]).toEqual([started, started])
    }))
})

describe("histograms", () => {
  it.effect("have one wait for each job that starts, 0 for one that need not wait", () =>
    Effect.gen(function*() {
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
    }))

  it.effect("have one run for each job that ends, up to the end of its finalizers", () =>
    Effect.gen(function*() {
      const { pool, runs } = yield* makeMeasured({ size: 1 })
      const first = yield* forkNow(pool.run(Effect.ensuring(Effect.sleep("3 seconds"), Effect.sleep("4 seconds"))))
      yield* forkNow(pool.spawn(Effect.sleep("40 millis")))
      yield* TestClock.adjust("2 seconds")
      expect((yield* runs)?.count).toBe(0)
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(first)
      expect(yield* runs).toMatchObject({ count: 1, sum: 7 })
      yield* TestClock.adjust("1 second")
      expect(buckets(yield* runs)).toEqual([[0.05, 1], [10, 1]])
      const forever = yield* forkNow(pool.run(Effect.ensuring(Effect.never, Effect.sleep("1 hour"))))
      yield* forkNow(Fiber.interrupt(forever))
      yield* TestClock.adjust("1 hour")
      expect(buckets(yield* runs)).toEqual([[0.05, 1], [10, 1], [Infinity, 1]])
    }))

  it.effect("measure a run from its own slot on, also when others got theirs in the same turn", () =>
    Effect.gen(function*() {
      const clock = new VirtualClock()
      const { pool, runs } = yield* Effect.provideService(makeMeasured(), Clock.Clock, clock)
      yield* pool.spawn(Effect.void)
      // as long as the spawner computes
      clock.advance(300)
      yield* pool.spawn(Effect.void)
      yield* pool.waitall
      expect(yield* runs).toMatchObject({ count: 2, min: 0, max: 0.3 })
    }))

  it.effect("count a time that is a boundary below it, as Prometheus does", () =>
    Effect.gen(function*() {
      const { pool, runs } = yield* makeMeasured({ size: 1 })
      for (const time of ["1 millis", "1 second", "300 seconds", "300001 millis"] as const) {
        yield* forkNow(pool.run(Effect.sleep(time)))
        yield* TestClock.adjust(time)
        yield* pool.spawn(Effect.sleep(time))
        yield* TestClock.adjust(time)
      }
      expect(buckets(yield* runs)).toEqual([[0.001, 2], [1, 2], [300, 2], [Infinity, 2]])
    }))

  it.effect("measure a job on a borrowed slot from the loan on, and one left with the slot to its end", () =>
    Effect.gen(function*() {
      const { pool, runs, waits } = yield* makeMeasured({ size: 1 })
      yield* forkNow(pool.run(Effect.gen(function*() {
        yield* Effect.sleep("1 second")
        yield* Effect.forkDetach(pool.run(Effect.sleep("20 seconds")), { startImmediately: true })
        // waits for the slot that is lent
        yield* Effect.forkDetach(pool.run(Effect.sleep("100 seconds")), { startImmediately: true })
        yield* Effect.sleep("1 second")
      })))
      yield* TestClock.adjust("5 minutes")
      expect(buckets(yield* runs)).toEqual([[2.5, 1], [30, 1], [120, 1]])
      expect(yield* runs).toMatchObject({ count: 3, sum: 122 })
      expect(yield* waits).toMatchObject({ count: 3, sum: 20 })
    }))
})

describe("what is recorded", () => {
  it.effect("goes to the context in which the pool was made, never to a caller's", () =>
    Effect.gen(function*() {
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
      expect((yield* counts).success).toBe(4)
      expect((yield* waits)?.count).toBe(4)
    }))

  it.effect("has the attributes around the making of the pool, which make a series of their own", () =>
    Effect.gen(function*() {
      const registry = makeRegistry()
      const around = [{ a: "b,c", "a,b": "c" }, { "a,b": "c", a: "b,c" }, { region: "us" }]
      for (const attributes of around) {
        const pool = yield* registry.provide(
          Effect.provideService(GreenPool.make({ metrics: true }), Metric.CurrentMetricAttributes, attributes)
        )
        yield* pool.run(Effect.void)
      }
      // The first two are the same, however they are written.
      const successes = [...yield* registry.snapshot].filter(([name]) => name.includes("outcome=success"))
      expect(successes.map(([, { state }]) => state)).toMatchObject([{ count: 2 }, { count: 1 }])
      expect((yield* registry.observed("greenpool_run_seconds{pool=default,region=us}"))?.count).toBe(1)
    }))

  it.effect("has the pool and the outcome for attributes, whatever is around the making of the pool", () =>
    Effect.gen(function*() {
      const registry = makeRegistry()
      const around = { pool: "around", outcome: "around" }
      const make = (name: string) =>
        registry.provide(
          Effect.provideService(GreenPool.make({ name, metrics: true }), Metric.CurrentMetricAttributes, around)
        )
      const pool = yield* make("a")
      yield* make("b")
      yield* pool.run(Effect.void)
      yield* Effect.exit(pool.run(Effect.fail("no")))
      const outcomes = ["success", "failure", "interruption", "rejection"]
      const ended = outcomes.map((outcome) => registry.figure(`greenpool_jobs_total{outcome=${outcome},pool=a}`))
      expect(yield* Effect.all(ended)).toEqual([1, 1, 0, 0])
      expect((yield* registry.snapshot).size).toBe(2 * names.length)
    }))
})

describe("the gauges of adaptive pools", () => {
  it.effect("end with the last adaptive pool of their name, but for the cuts", () =>
    Effect.gen(function*() {
      const registry = makeRegistry()
      const make = (options: UnboundedOptions, scope: Scope.Scope) =>
        GreenPool.make({ name: "p", metrics: true, ...options }).pipe(Scope.provide(scope), registry.provide)
      const scopes = [yield* Scope.make(), yield* Scope.make(), yield* Scope.make()] as const
      yield* make({ adaptive: true }, scopes[0])
      yield* make({ adaptive: true }, scopes[1])
      yield* make({}, scopes[2])
      const names = Effect.map(registry.snapshot, (series) =>
        [...series.keys()].filter((name) => /elasticity|goodput/.test(name)))
      yield* Scope.close(scopes[0], Exit.void)
      expect(yield* names).toHaveLength(2)
      yield* Scope.close(scopes[1], Exit.void)
      expect(yield* names).toEqual([])
      const cuts = (yield* registry.snapshot).get("greenpool_cuts_total{pool=p}")
      expect(cuts?.state).toEqual({ count: 0, incremental: true })
      yield* Scope.close(scopes[2], Exit.void)
    }))
})
