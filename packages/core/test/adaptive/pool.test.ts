/**
 * A pool that finds its own size: what it promises beside the size that it finds.
 */
import { describe, expect, it } from "@effect/vitest"
import {
  Config,
  ConfigProvider,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  References,
  Schema,
  Scope,
  Stream
} from "effect"
import { TestClock } from "effect/testing"
import {
  GreenPile,
  GreenPool,
  GreenPoolOptions,
  InvalidPoolSize,
  type MapOptions,
  PoolStats,
  type UnboundedOptions,
  type Verdict
} from "../../src/index.ts"
import { atRest, defectOf, expectConsistent, expectEmpty, forkNow, testEffect } from "../support/index.ts"
import { sweep } from "../support/interruption-sweep.ts"
import { logged } from "../support/logged.ts"
import { makeRegistry } from "../support/series.ts"
import { randomOf } from "./simulation.ts"

/** For what `classify` does by itself, outside of any fiber. */
const now = <A>(effect: Effect.Effect<A>): A => Effect.runSync(effect)

/** A pool that is known to be right. */
const make = (options: UnboundedOptions): Effect.Effect<GreenPool, never, Scope.Scope> =>
  Effect.orDie(GreenPool.make(options))

/** So many fibers run jobs of a second, one after the other, for so many seconds. */
const work = (pool: GreenPool, fibers: number, seconds: number) =>
  Effect.gen(function*() {
    const worker = Effect.forever(pool.run(Effect.sleep("1 second")))
    const workers = yield* Effect.forEach(Array.from({ length: fibers }), () => forkNow(worker))
    for (let i = 0; i < seconds; i++) yield* TestClock.adjust("1 second")
    yield* Fiber.interruptAll(workers)
  })

const fail = (pool: GreenPool, count: number, error: unknown) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.exit(pool.run(Effect.fail(error))))

describe("the options", () => {
  testEffect("leave the pool as it is without adaptive", function*() {
    for (const adaptive of [undefined, false]) {
      expect("adaptive" in (yield* (yield* make({ adaptive })).stats)).toBe(false)
    }
  })

  testEffect("say where it starts: at 4, or the nearest size that is allowed; a size that is none fails", function*() {
    const allowed = [{ adaptive: true }, { adaptive: {} }, { adaptive: { max: 3 } }, { adaptive: { min: 7 } }]
    const starts = [...allowed, { size: 50, adaptive: true }]
    const sizes = yield* Effect.forEach(starts, (options) => Effect.flatMap(make(options), (pool) => pool.size))
    expect(sizes).toEqual([4, 4, 3, 7, 50])
    const resting = yield* make({ size: 0, adaptive: { min: 2 } })
    expect(yield* resting.stats).toMatchObject({ size: 0, adaptive: { phase: "resting" } })
    expect(yield* Effect.flip(GreenPool.make({ size: -1, adaptive: true }))).toBeInstanceOf(InvalidPoolSize)
  })

  it.effect.each<readonly [string, GreenPoolOptions]>([
    ["size 2: it must be 0 or from 3 to 1000", { size: 2, adaptive: { min: 3 } }],
    ["size 2000: it must be 0 or from 1 to 1000", { size: 2000, adaptive: true }],
    ["adaptive.min 0: it must be an integer of at least 1", { adaptive: { min: 0 } }],
    ["adaptive.min 1.5", { adaptive: { min: 1.5 } }],
    ["adaptive.min NaN", { adaptive: { min: NaN } }],
    ["adaptive.max 4: it must be an integer of at least 5", { adaptive: { min: 5, max: 4 } }],
    ["adaptive.max Infinity", { adaptive: { max: Infinity } }],
    ["adaptive.latencyTarget 0: it must be a duration above 0", { adaptive: { latencyTarget: 0 } }],
    ["adaptive.latencyTarget", { adaptive: { latencyTarget: -1 } }],
    ["adaptive.latencyTarget NaN", { adaptive: { latencyTarget: NaN } }],
    ["adaptive.classify \"ok\": it must be a function", { adaptive: { classify: "ok" as never } }],
    ["adaptive \"yes\": it must be true, false, or its options", { adaptive: "yes" as never }],
    ["adaptive null", { adaptive: null as never }]
  ])(
    "that are not allowed are defects that name the option: %s",
    ([message, options]) =>
      Effect.map(
        Effect.exit(GreenPool.make(options)),
        (exit) => expect(String(defectOf(exit))).toContain(`Invalid ${message}`)
      )
  )

  testEffect("can come from configuration", function*() {
    const read = (env: Record<string, string>) =>
      Effect.map(
        Config.schema(GreenPoolOptions, "pool").parse(ConfigProvider.fromEnv({ env })),
        ({ adaptive }) => adaptive
      )
    expect(yield* read({ pool_adaptive: "true" })).toBe(true)
    const some = { max: 64, latencyTarget: Duration.seconds(2) }
    expect(yield* read({ pool_adaptive_max: "64", pool_adaptive_latencyTarget: "2 seconds" })).toEqual(some)
  })
})

testEffect("the options of a key are replaced as a whole by those of its layerConfig", function*() {
  class Api extends GreenPool.Service<Api>()("api", {
    adaptive: { min: 2, max: 3, classify: () => ({ retryAfter: "1 hour" }) }
  }) {}
  const env = ConfigProvider.layer(ConfigProvider.fromUnknown({ MAX: "9" }))
  const sizes = Effect.gen(function*() {
    yield* Effect.orDie(Api.resize(1))
    const smallest = yield* Api.size
    yield* Effect.orDie(Api.resize(50))
    yield* Api.run(Effect.void)
    return [smallest, yield* Api.size]
  })
  expect(yield* Effect.provide(sizes, Api.layer, { local: true })).toEqual([2, 0])
  // Of the key's `min` and `classify` nothing is left.
  const layer = Layer.provide(Api.layerConfig({ adaptive: Config.all({ max: Config.Int("MAX") }) }), env)
  expect(yield* Effect.provide(sizes, layer)).toEqual([1, 9])
})

describe("the size", () => {
  testEffect("is an integer within its bounds, whatever the verdicts, and is told to changes", function*() {
    const random = randomOf(1)
    const verdicts: ReadonlyArray<Verdict> = ["ok", "ok", "ok", "overload", "ignore"]
    const classify = () => verdicts[Math.floor(random() * verdicts.length)]!
    const pool = yield* make({ size: 5, adaptive: { min: 2, max: 9, classify } })
    const seen: Array<number> = []
    yield* forkNow(Stream.runForEach(pool.changes, (stats) => {
      expectConsistent(stats)
      seen.push(stats.size)
      return Effect.void
    }))
    yield* work(pool, 12, 60)
    expect(new Set(seen).size).toBeGreaterThan(2)
    expect(seen.every((size) => Number.isInteger(size) && size >= 2 && size <= 9)).toBe(true)
    yield* expectEmpty(pool)
  })

  testEffect("follows all jobs, by their own exits: of all verbs, nested and on borrowed slots", function*() {
    const seen: Array<unknown> = []
    const classify = (exit: Exit.Exit<unknown, unknown>): Verdict => {
      seen.push(Exit.isSuccess(exit) ? exit.value : exit)
      return "ignore"
    }
    const pool = yield* make({ size: 1, adaptive: { classify, max: 1 } })
    const failing = Effect.fail("no")
    const pile = yield* GreenPile.make<string>(pool)
    const uses: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
      pool.run(Effect.succeed("run")),
      Effect.flatMap(pool.spawn(Effect.succeed("spawn")), Fiber.join),
      Effect.andThen(pool.spawnN(Effect.succeed("spawnN")), pool.waitall),
      Stream.runDrain(pool.imap(() => Effect.succeed("imap"), [1])),
      Effect.andThen(pile.spawn(Effect.succeed("pile")), pile.next),
      pool.run(Effect.as(pool.run(Effect.succeed("borrowed")), "outer")),
      pool.runIfAvailable(Effect.succeed("available")),
      pool.run(failing),
      pool.runIfAvailable(failing),
      Stream.runDrain(pool.imapExit(() => failing, [1]))
    ]
    for (const use of uses) yield* Effect.exit(use)
    const values = ["run", "spawn", "spawnN", "imap", "pile", "borrowed", "outer", "available"]
    expect(seen).toEqual([...values, Exit.fail("no"), Exit.fail("no"), Exit.fail("no")])
  })
})

describe("classify", () => {
  testEffect("is called once for each job, after its slot has been passed on", function*() {
    const seen: Array<number> = []
    const classify = (): Verdict => {
      seen.push(now(pool.running))
      return "ok"
    }
    const pool: GreenPool = yield* make({ size: 2, adaptive: { classify } })
    const gate = yield* Deferred.make<void>()
    for (let i = 0; i < 5; i++) yield* forkNow(pool.run(Deferred.await(gate)))
    yield* Deferred.succeed(gate, undefined)
    yield* pool.waitall
    expect(seen).toEqual([2, 2, 2, 1, 0])
  })

  testEffect.each<readonly [string, () => unknown]>([
    ["throws", () => {
      throw new Error("boom")
    }],
    ...[undefined, "no", {}, { retryAfter: "soon" }].map((no) => [`gives ${JSON.stringify(no)}`, () => no] as const)
  ])("that %s counts as ignore, and is logged once", function*([, classify]) {
    const entries = yield* logged(Effect.scoped(Effect.gen(function*() {
      const pool = yield* make({ name: "api", size: 2, adaptive: { classify: classify as () => Verdict } })
      expect(yield* Effect.forEach([1, 2, 3], (i) => pool.run(Effect.succeed(i)))).toEqual([1, 2, 3])
      expect(yield* pool.size).toBe(2)
      yield* expectEmpty(pool)
    })))
    expect(entries.map(({ annotations, level }) => [level, annotations["pool"]])).toEqual([["Error", "api"]])
  })
})

describe("a backend that says when to try again", () => {
  testEffect("pauses the pool until then, and has its size cut once", function*() {
    const pool = yield* make({ size: 20, adaptive: true })
    yield* fail(pool, 1, { status: 429, retryAfter: 2 })
    expect(yield* pool.stats).toMatchObject({ size: 0, adaptive: { phase: "paused", cuts: 1, ceiling: 20 } })
    const waiting = yield* forkNow(pool.run(Effect.succeed("done")))
    yield* TestClock.adjust("1999 millis")
    expect(waiting.pollUnsafe()).toBeUndefined()
    yield* TestClock.adjust("1 millis")
    expect(yield* Fiber.join(waiting)).toBe("done")
    expect(yield* pool.stats).toMatchObject({ size: 15, adaptive: { phase: "steady", cuts: 1 } })
  })

  testEffect("is overruled by resize, and forgotten, also after one to the size that has been found", function*() {
    const pool = yield* make({ size: 20, adaptive: { max: 30 } })
    yield* fail(pool, 1, { status: 429, retryAfter: 10 })
    yield* pool.resize(50)
    expect(yield* pool.stats).toMatchObject({ size: 30, adaptive: { phase: "starting", cuts: 1 } })
    yield* TestClock.adjust("20 seconds")
    expect(yield* pool.size).toBe(30)
    yield* fail(pool, 1, { status: 429, retryAfter: 10 })
    yield* TestClock.adjust("10 seconds")
    const { adaptive, size } = yield* pool.stats
    expect(adaptive?.phase).toBe("steady")
    yield* pool.resize(size)
    expect(yield* pool.stats).toMatchObject({ size, adaptive: { phase: "starting" } })
  })
})

testEffect("a pool that rests is not resized by what ends meanwhile, until it is", function*() {
  const pool = yield* make({ size: 4, adaptive: { min: 3, classify: () => ({ retryAfter: "1 second" }) } })
  const running = yield* forkNow(pool.run(Effect.sleep("1 second")))
  yield* pool.resize(0)
  expect(yield* pool.stats).toMatchObject({ size: 0, adaptive: { phase: "resting" } })
  yield* TestClock.adjust("1 second")
  yield* Fiber.join(running)
  yield* TestClock.adjust("100 seconds")
  expect(yield* pool.stats).toMatchObject({ size: 0, adaptive: { phase: "resting", cuts: 0 } })
  yield* pool.resize(1)
  expect(yield* pool.stats).toMatchObject({ size: 3, adaptive: { phase: "starting" } })
})

describe("a map", () => {
  const numbers = Array.from({ length: 10_000 }, (_, i) => i)
  /** Every fifth takes 8 seconds, and those after it wait to be emitted. */
  const uneven = (i: number) => Effect.sleep(i % 5 === 0 ? "8 seconds" : "100 millis")
  const quick = () => Effect.sleep("100 millis")
  type Job = (i: number) => Effect.Effect<void>
  type Bounds = readonly [least: number, most: number]

  testEffect.each<readonly [string, Bounds, Job, MapOptions, reading?: Effect.Effect<void>]>([
    ["wants more slots where its window is full behind a slow head", [5, 1000], uneven, {}],
    ["does not where its window does not follow the size", [4, 5], uneven, { window: 4 }],
    ["does not where it has a concurrency", [4, 5], uneven, { concurrency: 4 }],
    ["does not where its reader is slow", [4, 4], quick, {}, Effect.sleep("400 millis")]
  ])("%s", function*([, [least, most], job, options, reading = Effect.void]) {
    const pool = yield* make({ size: 4, adaptive: true })
    const map = Stream.rechunk(pool.imap(job, numbers, options), 1)
    const reader = yield* forkNow(Stream.runForEach(map, () => reading))
    for (let i = 0; i < 60; i++) yield* TestClock.adjust("1 second")
    yield* Fiber.interrupt(reader)
    yield* atRest
    yield* expectEmpty(pool)
    const size = yield* pool.size
    expect(size).toBeGreaterThanOrEqual(least)
    expect(size).toBeLessThanOrEqual(most)
  })
})

describe("closing", () => {
  testEffect("ends the search, its timers and its logs", function*() {
    let closing = false
    const classify = (): Verdict => {
      if (closing) throw new Error("classify is called no more")
      return { retryAfter: "10 seconds" }
    }
    const entries = yield* logged(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(make({ size: 20, adaptive: { classify } }), scope)
      const running = yield* forkNow(pool.run(Effect.never))
      yield* pool.run(Effect.void)
      closing = true
      yield* Scope.close(scope, Exit.void)
      expect(Exit.hasInterrupts(yield* Fiber.await(running))).toBe(true)
      yield* TestClock.adjust("100 seconds")
      expect(yield* pool.stats).toMatchObject({ size: 0, adaptive: { cuts: 1 } })
    }))
    expect(entries).toEqual([])
  })

  testEffect("lets a pool that drains go on, through a pause", function*() {
    const scope = yield* Scope.make()
    const pool = yield* Scope.provide(make({ size: 1, onClose: "drain", adaptive: true }), scope)
    yield* Effect.exit(pool.run(Effect.fail({ status: 429, retryAfter: 5 })))
    const waiting = yield* forkNow(pool.run(Effect.succeed("done")))
    const closing = yield* forkNow(Scope.close(scope, Exit.void))
    yield* TestClock.adjust("5 seconds")
    expect(yield* Fiber.join(waiting)).toBe("done")
    yield* Fiber.join(closing)
  })
})

describe("what is seen of it", () => {
  testEffect("is part of the stats, which encode to JSON", function*() {
    const pool = yield* make({ size: 4, adaptive: true })
    const atFirst = { phase: "starting", elasticity: 1, goodput: 0, latency: 0, cuts: 0 }
    expect((yield* pool.stats).adaptive).toEqual(atFirst)
    yield* work(pool, 100, 30)
    const encoded = yield* Schema.encodeEffect(PoolStats)(yield* pool.stats)
    expect(JSON.parse(JSON.stringify(encoded)).adaptive).toMatchObject({ phase: "starting", latency: 1, cuts: 0 })
    expect(yield* Schema.decodeUnknownEffect(PoolStats)(encoded)).toEqual(yield* pool.stats)
  })

  testEffect("is in the metrics, the cuts after the close too", function*() {
    const registry = makeRegistry()
    const figure = (name: string) => registry.figure(`greenpool_${name}{pool=api}`)
    const scope = yield* Scope.make()
    const observed = { name: "api", size: 4, metrics: true }
    const makeObserved = (options: UnboundedOptions) => registry.provide(Scope.provide(make(options), scope))
    const pool = yield* makeObserved({ ...observed, adaptive: true })
    yield* makeObserved({ ...observed, adaptive: true })
    // One of the same name that keeps its size takes no part in this.
    yield* makeObserved(observed)
    yield* work(pool, 100, 9)
    expect(yield* figure("goodput")).toBe((yield* pool.stats).adaptive?.goodput)
    expect(yield* figure("elasticity")).toBe(1)
    expect(yield* figure("cuts_total")).toBe(0)
    yield* fail(pool, 50, { status: 503 })
    const cuts = (yield* pool.stats).adaptive?.cuts
    expect(cuts).toBeGreaterThan(0)
    expect(yield* figure("cuts_total")).toBe(cuts)
    yield* Scope.close(scope, Exit.void)
    expect(yield* figure("cuts_total")).toBe(cuts)
    expect(yield* figure("goodput")).toBeUndefined()
    expect(yield* figure("elasticity")).toBeUndefined()
  })

  testEffect("is logged at Debug, with the name of the pool", function*() {
    const entries = yield* logged(Effect.gen(function*() {
      const pool = yield* make({ name: "api", size: 4, adaptive: { max: 8 } })
      yield* work(pool, 100, 60)
      yield* fail(pool, 50, { status: 503 })
    })).pipe(Effect.provideService(References.MinimumLogLevel, "Debug"))
    expect(entries.length).toBeGreaterThan(1)
    expect(entries.every(({ annotations, level }) => level === "Debug" && annotations["pool"] === "api")).toBe(true)
  })
})

it("interruption of a map at every step loses no slot while the size changes", () => {
  sweep((world, operations) => {
    // Each end changes the size: refusals and retries are cut, the rest doubles.
    let calls = 0
    let isOver = false
    const classify = (): Verdict => isOver ? "ignore" : ++calls % 3 === 0 ? { retryAfter: 0 } : "ok"
    const pool = world.pool(2, { adaptive: { classify, max: 3 } })
    const victim = world.fork(Stream.runDrain(pool.imap(() => Effect.yieldNow, [1, 2, 3, 4])), operations)
    world.fork(pool.run(Effect.yieldNow))
    const check = () => {
      expect(calls).toBeGreaterThan(0)
      isOver = true
    }
    return { victim, pool, check }
  })
}, 60_000)
