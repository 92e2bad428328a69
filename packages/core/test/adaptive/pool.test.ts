/**
 * A pool that finds its own size: what it promises beside the size that it finds.
 */
import { describe, expect, it } from "@effect/vitest"
import {
  Cause,
  Config,
  ConfigProvider,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  References,
  Result,
  Schema,
  Scope,
  Stream
} from "effect"
import { TestClock } from "effect/testing"
import {
  type AdaptiveOptions,
  GreenPile,
  GreenPool,
  GreenPoolOptions,
  InvalidPoolSize,
  PoolStats,
  type UnboundedOptions,
  type Verdict
} from "../../src/index.ts"
import { expectConsistent, expectEmpty } from "../support/counters.ts"
import { forkNow } from "../support/forkNow.ts"
import { sweep } from "../support/interruption-sweep.ts"
import { logged, makeLog } from "../support/logged.ts"
import { makeRegistry } from "../support/series.ts"
import { atRest } from "../support/turns.ts"
import { randomOf } from "./simulation.ts"

/** All jobs get this verdict. */
const always = (verdict: Verdict, options?: AdaptiveOptions): AdaptiveOptions => ({
  ...options,
  classify: () => verdict
})

/** For what `classify` does by itself, outside of any fiber. */
const now = <A>(effect: Effect.Effect<A>): A => Effect.runSync(effect)

/** A pool that is known to be right. */
const make = (options: UnboundedOptions): Effect.Effect<GreenPool, never, Scope.Scope> =>
  Effect.orDie(GreenPool.make(options))

/** Jobs that take some time, as many fibers at once. */
const work = (pool: GreenPool, fibers: number, seconds: number) =>
  Effect.gen(function*() {
    const workers = yield* Effect.forEach(
      Array.from({ length: fibers }),
      () => forkNow(Effect.forever(Effect.exit(pool.run(Effect.sleep("1 second")))))
    )
    for (let i = 0; i < seconds; i++) yield* TestClock.adjust("1 second")
    yield* Fiber.interruptAll(workers)
  })

describe("the options", () => {
  it.effect("leave the pool as it is without adaptive", () =>
    Effect.gen(function*() {
      for (const adaptive of [undefined, false]) {
        const pool = yield* make({ size: 3, adaptive })
        yield* work(pool, 10, 20)
        const stats = yield* pool.stats
        expect(["adaptive" in stats, stats.size]).toEqual([false, 3])
      }
    }))

  it.effect("say where it starts: at 4, or the nearest size that is allowed", () =>
    Effect.gen(function*() {
      const sizes = yield* Effect.forEach(
        [{ adaptive: true }, { adaptive: {} }, { adaptive: { max: 3 } }, { adaptive: { min: 7 } }, {
          size: 50,
          adaptive: true
        }],
        (options) => Effect.flatMap(make(options), (pool) => pool.size)
      )
      expect(sizes).toEqual([4, 4, 3, 7, 50])
    }))

  it.effect.each<readonly [string, GreenPoolOptions, string]>([
    ["a start below min", { size: 2, adaptive: { min: 3 } }, "Invalid size 2: it must be 0 or from 3 to 1000"],
    ["a start above max", { size: 2000, adaptive: true }, "Invalid size 2000: it must be 0 or from 1 to 1000"],
    ["min 0", { adaptive: { min: 0 } }, "Invalid adaptive.min 0: it must be an integer of at least 1"],
    ["min 1.5", { adaptive: { min: 1.5 } }, "Invalid adaptive.min 1.5"],
    ["min NaN", { adaptive: { min: NaN } }, "Invalid adaptive.min NaN"],
    ["max below min", { adaptive: { min: 5, max: 4 } }, "Invalid adaptive.max 4: it must be an integer of at least 5"],
    ["max Infinity", { adaptive: { max: Infinity } }, "Invalid adaptive.max Infinity"],
    [
      "latencyTarget 0",
      { adaptive: { latencyTarget: 0 } },
      "Invalid adaptive.latencyTarget 0: it must be a duration above 0"
    ],
    ["latencyTarget -1", { adaptive: { latencyTarget: -1 } }, "Invalid adaptive.latencyTarget"],
    ["latencyTarget NaN", { adaptive: { latencyTarget: NaN } }, "Invalid adaptive.latencyTarget NaN"],
    ["classify", { adaptive: { classify: "ok" as never } }, "Invalid adaptive.classify \"ok\": it must be a function"],
    ["adaptive", { adaptive: "yes" as never }, "Invalid adaptive \"yes\": it must be true, false, or its options"],
    ["adaptive null", { adaptive: null as never }, "Invalid adaptive null"]
  ])(
    "that are not allowed are defects that name the option: %s",
    ([, options, message]) =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(GreenPool.make(options))
        expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toContain(message)
        expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
      })
  )

  it.effect("leave a size that is none a typed error", () =>
    Effect.gen(function*() {
      expect(yield* Effect.flip(GreenPool.make({ size: -1, adaptive: true }))).toBeInstanceOf(InvalidPoolSize)
    }))

  it.effect("can come from configuration", () =>
    Effect.gen(function*() {
      const env = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env }))
      const read = (values: Record<string, string>) =>
        Effect.map(Effect.provide(Config.schema(GreenPoolOptions, "pool"), env(values)), ({ adaptive }) => adaptive)
      expect(yield* read({ pool_adaptive: "true" })).toBe(true)
      expect(yield* read({ pool_adaptive_max: "64", pool_adaptive_latencyTarget: "2 seconds" })).toEqual({
        max: 64,
        latencyTarget: Duration.seconds(2)
      })
      const layer = GreenPool.layerConfig({
        size: Config.Int("START"),
        adaptive: Config.all({ max: Config.Int("MAX") })
      })
      const stats = yield* Effect.provide(GreenPool.stats, Layer.provide(layer, env({ START: "7", MAX: "8" })))
      expect(stats).toMatchObject({ size: 7, adaptive: { phase: "starting" } })
    }))
})

it.effect("the options of a key are replaced as a whole by those of its layerConfig", () =>
  Effect.gen(function*() {
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
  }))

describe("the size", () => {
  it.effect("is an integer within its bounds, whatever the verdicts, and is told to changes", () =>
    Effect.gen(function*() {
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
      for (const size of seen) {
        expect(Number.isInteger(size)).toBe(true)
        expect(size).toBeGreaterThanOrEqual(2)
        expect(size).toBeLessThanOrEqual(9)
      }
      yield* expectEmpty(pool)
    }))

  it.effect("is not cut by ordinary failures, at any rate, nor found by refusals in no time", () =>
    Effect.gen(function*() {
      const pool = yield* make({ size: 8, adaptive: true })
      for (let i = 0; i < 500; i++) yield* Effect.exit(pool.run(Effect.fail("no")))
      expect(yield* pool.stats).toMatchObject({ size: 8, adaptive: { cuts: 0 } })
      const workers = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => forkNow(Effect.forever(Effect.exit(pool.run(Effect.andThen(Effect.sleep(1), Effect.fail("no"))))))
      )
      for (let i = 0; i < 100; i++) yield* TestClock.adjust(1)
      yield* Fiber.interruptAll(workers)
      expect(yield* pool.stats).toMatchObject({ size: 8, adaptive: { cuts: 0, phase: "starting" } })
    }))

  it.effect("follows all jobs, by their own exits: of all verbs, nested and on borrowed slots", () =>
    Effect.gen(function*() {
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
    }))
})

describe("classify", () => {
  it.effect("is called once for each job, after its slot has been passed on", () =>
    Effect.gen(function*() {
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
    }))

  it.effect.each<readonly [string, () => unknown]>([
    ["throws", () => {
      throw new Error("boom")
    }],
    ...[undefined, "no", {}, { retryAfter: "soon" }].map((no) => [`gives ${JSON.stringify(no)}`, () => no] as const)
  ])("that %s counts as ignore, and is logged once", ([, classify]) =>
    Effect.gen(function*() {
      const entries = yield* logged(Effect.scoped(Effect.gen(function*() {
        const pool = yield* make({ name: "api", size: 2, adaptive: { classify: classify as () => Verdict } })
        expect(yield* Effect.forEach([1, 2, 3], (i) => pool.run(Effect.succeed(i)))).toEqual([1, 2, 3])
        expect(yield* pool.size).toBe(2)
        yield* expectEmpty(pool)
      })))
      expect(entries.map(({ annotations, level }) => [level, annotations["pool"]])).toEqual([["Error", "api"]])
    }))

  it.effect("finds the overloads of a job that gives its failure as a value, by default", () =>
    Effect.gen(function*() {
      const pool = yield* make({ size: 32, adaptive: true })
      for (let i = 0; i < 40; i++) yield* pool.run(Effect.succeed(Exit.fail({ status: 429 })))
      for (let i = 0; i < 40; i++) yield* pool.run(Effect.succeed(Result.fail({ status: 503 })))
      expect((yield* pool.stats).adaptive?.cuts).toBeGreaterThan(1)
    }))

  it.effect("does not take the pool's own rejections for an overload of the backend", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ name: "own", size: 1, adaptive: true })
      const other = yield* GreenPool.make({ name: "other", size: 1, adaptive: true })
      const rejecting = yield* make({ name: "own", size: 0 })
      const rejected = Effect.exit(pool.run(rejecting.run(Effect.void, { maxWait: 0 })))
      for (let i = 0; i < 50; i++) yield* rejected
      for (let i = 0; i < 50; i++) yield* Effect.exit(other.run(rejecting.run(Effect.void, { maxWait: 0 })))
      expect((yield* pool.stats).adaptive?.cuts).toBe(0)
      expect((yield* other.stats).adaptive?.cuts).toBeGreaterThan(0)
    }))
})

describe("a backend that says when to try again", () => {
  const refuse = (retryAfter: unknown) => Effect.fail({ status: 429, retryAfter })

  it.effect("pauses the pool until then, and has its size cut once", () =>
    Effect.gen(function*() {
      const pool = yield* make({ size: 20, adaptive: true })
      yield* Effect.exit(pool.run(refuse(2)))
      yield* Effect.exit(pool.spawn(refuse(2)).pipe(Effect.timeoutOption(0)))
      expect(yield* pool.stats).toMatchObject({ size: 0, adaptive: { phase: "paused", cuts: 1, ceiling: 20 } })
      const waiting = yield* forkNow(pool.run(Effect.succeed("done")))
      yield* TestClock.adjust("1999 millis")
      expect(waiting.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(waiting)).toBe("done")
      expect(yield* pool.stats).toMatchObject({ size: 15, adaptive: { phase: "steady", cuts: 1 } })
    }))

  it.effect("is heard for the longest of several, and for 60 seconds at the most", () =>
    Effect.gen(function*() {
      const pool = yield* make({ size: 20, adaptive: true })
      const gate = yield* Deferred.make<void>()
      for (const seconds of [2, 5, 3]) {
        yield* forkNow(Effect.exit(pool.run(Effect.andThen(Deferred.await(gate), refuse(seconds)))))
      }
      yield* Deferred.succeed(gate, undefined)
      yield* atRest
      expect(yield* pool.stats).toMatchObject({ size: 0, adaptive: { phase: "paused", cuts: 1 } })
      yield* TestClock.adjust("4999 millis")
      expect(yield* pool.size).toBe(0)
      yield* TestClock.adjust("1 millis")
      expect(yield* pool.size).toBeGreaterThan(0)
      yield* Effect.exit(pool.run(refuse(3600)))
      yield* TestClock.adjust("59999 millis")
      expect(yield* pool.size).toBe(0)
      yield* TestClock.adjust("1 millis")
      expect(yield* pool.size).toBeGreaterThan(0)
    }))

  it.effect("does not keep nested jobs from borrowing, and a bound sees size 0", () =>
    Effect.gen(function*() {
      const seen: Array<number> = []
      const pool = yield* GreenPool.make({
        size: 4,
        adaptive: true,
        maxWaiting: (size) => {
          seen.push(size)
          return 10
        }
      })
      const inner = yield* pool.run(Effect.gen(function*() {
        yield* Effect.exit(pool.run(refuse(5)))
        expect(yield* pool.size).toBe(0)
        yield* forkNow(Effect.exit(Effect.provideContext(pool.run(Effect.void), yield* Effect.context<never>())))
        return yield* pool.run(Effect.succeed("borrowed"))
      }))
      expect(inner).toBe("borrowed")
      const outside = yield* forkNow(pool.run(Effect.void))
      expect(seen).toContain(0)
      yield* Fiber.interrupt(outside)
    }))

  it.effect("is overruled by resize", () =>
    Effect.gen(function*() {
      const pool = yield* make({ size: 20, adaptive: { max: 30 } })
      yield* Effect.exit(pool.run(refuse(10)))
      yield* pool.resize(50)
      expect(yield* pool.stats).toMatchObject({ size: 30, adaptive: { phase: "starting", cuts: 1 } })
      yield* TestClock.adjust("20 seconds")
      expect(yield* pool.size).toBe(30)
    }))

  it.effect("is forgotten after a resize, also to the size that has been found", () =>
    Effect.gen(function*() {
      const pool = yield* make({ size: 20, adaptive: {} })
      yield* Effect.exit(pool.run(refuse(10)))
      yield* TestClock.adjust("10 seconds")
      expect(yield* pool.stats).toMatchObject({ size: 15, adaptive: { phase: "steady" } })
      yield* pool.resize(15)
      expect(yield* pool.stats).toMatchObject({ size: 15, adaptive: { phase: "starting" } })
    }))
})

it.effect("a pool that rests is not resized by what ends meanwhile, until it is", () =>
  Effect.gen(function*() {
    const pool = yield* make({ size: 4, adaptive: always({ retryAfter: "1 second" }, { min: 3 }) })
    const running = yield* forkNow(pool.run(Effect.sleep("1 second")))
    yield* pool.resize(0)
    expect(yield* pool.stats).toMatchObject({ size: 0, adaptive: { phase: "resting" } })
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(running)
    yield* TestClock.adjust("100 seconds")
    expect(yield* pool.stats).toMatchObject({ size: 0, adaptive: { phase: "resting", cuts: 0 } })
    yield* pool.resize(1)
    expect(yield* pool.stats).toMatchObject({ size: 3, adaptive: { phase: "starting" } })
    const resting = yield* make({ size: 0, adaptive: { min: 2 } })
    expect(yield* resting.stats).toMatchObject({ size: 0, adaptive: { phase: "resting" } })
    yield* resting.resize(5)
    expect(yield* resting.run(Effect.succeed(1))).toBe(1)
  }))

describe("a map", () => {
  const numbers = Array.from({ length: 10_000 }, (_, i) => i)
  /** Every fifth takes 8 seconds, and those after it wait to be emitted. */
  const uneven = (i: number) => Effect.sleep(i % 5 === 0 ? "8 seconds" : "100 millis")
  const slowly = (pool: GreenPool) =>
    Stream.runForEach(
      Stream.rechunk(pool.imap(() => Effect.sleep("100 millis"), numbers), 1),
      () => Effect.sleep("400 millis")
    )

  it.effect.each<readonly [string, readonly [least: number, most: number], (pool: GreenPool) => Effect.Effect<void>]>([
    [
      "wants more slots where its window is full behind a slow head",
      [5, 1000],
      (pool) => Stream.runDrain(pool.imap(uneven, numbers))
    ],
    [
      "does not where its window does not follow the size",
      [4, 5],
      (pool) => Stream.runDrain(pool.imap(uneven, numbers, { window: 4 }))
    ],
    [
      "does not where it has a concurrency",
      [4, 5],
      (pool) => Stream.runDrain(pool.imap(uneven, numbers, { concurrency: 4 }))
    ],
    ["does not where its reader is slow", [4, 4], slowly]
  ])("%s", ([, [least, most], read]) =>
    Effect.gen(function*() {
      const pool = yield* make({ size: 4, adaptive: true })
      const reader = yield* forkNow(read(pool))
      for (let i = 0; i < 60; i++) yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(reader)
      yield* atRest
      yield* expectEmpty(pool)
      const size = yield* pool.size
      expect(size).toBeGreaterThanOrEqual(least)
      expect(size).toBeLessThanOrEqual(most)
    }))
})

describe("closing", () => {
  it.effect("ends the search, its timers and its logs", () =>
    Effect.gen(function*() {
      const { entries, layer } = makeLog()
      yield* Effect.gen(function*() {
        const scope = yield* Scope.make()
        const classify = (): Verdict => {
          if (closing) throw new Error("classify is called no more")
          return { retryAfter: "10 seconds" }
        }
        let closing = false
        const pool = yield* Scope.provide(make({ size: 20, adaptive: { classify } }), scope)
        const running = yield* forkNow(pool.run(Effect.never))
        yield* pool.run(Effect.void)
        yield* atRest
        const { length } = entries
        closing = true
        yield* Scope.close(scope, Exit.void)
        expect(Exit.hasInterrupts(yield* Fiber.await(running))).toBe(true)
        yield* TestClock.adjust("100 seconds")
        expect(entries.length).toBe(length)
        expect(yield* pool.stats).toMatchObject({ size: 0, adaptive: { cuts: 1 } })
      }).pipe(Effect.provide(layer))
    }))

  it.effect("lets a pool that drains go on, through a pause", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(make({ size: 1, onClose: "drain", adaptive: true }), scope)
      yield* Effect.exit(pool.run(Effect.fail({ status: 429, retryAfter: 5 })))
      const waiting = yield* forkNow(pool.run(Effect.succeed("done")))
      const closing = yield* forkNow(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("5 seconds")
      expect(yield* Fiber.join(waiting)).toBe("done")
      yield* Fiber.join(closing)
    }))
})

describe("what is seen of it", () => {
  it.effect("is part of the stats, which encode to JSON", () =>
    Effect.gen(function*() {
      const pool = yield* make({ size: 4, adaptive: true })
      expect((yield* pool.stats).adaptive).toEqual({
        phase: "starting",
        elasticity: 1,
        goodput: 0,
        latency: 0,
        cuts: 0
      })
      yield* work(pool, 100, 30)
      const encoded = yield* Schema.encodeEffect(PoolStats)(yield* pool.stats)
      expect(JSON.parse(JSON.stringify(encoded)).adaptive).toMatchObject({ phase: "starting", latency: 1, cuts: 0 })
      expect(yield* Schema.decodeUnknownEffect(PoolStats)(encoded)).toEqual(yield* pool.stats)
    }))

  it.effect("is in the metrics, the cuts after the close too", () =>
    Effect.gen(function*() {
      const registry = makeRegistry()
      const figure = (name: string) => registry.figure(`greenpool_${name}{pool=api}`)
      const scope = yield* Scope.make()
      const pool = yield* registry.provide(
        Scope.provide(make({ name: "api", size: 4, metrics: true, adaptive: true }), scope)
      )
      yield* Scope.provide(registry.provide(make({ name: "api", size: 4, metrics: true, adaptive: true })), scope)
      // One of the same name that keeps its size takes no part in this.
      yield* Scope.provide(registry.provide(make({ name: "api", size: 4, metrics: true })), scope)
      yield* work(pool, 100, 9)
      expect(yield* figure("goodput")).toBe((yield* pool.stats).adaptive?.goodput)
      expect(yield* figure("elasticity")).toBe(1)
      expect(yield* figure("cuts_total")).toBe(0)
      for (let i = 0; i < 50; i++) yield* Effect.exit(pool.run(Effect.fail({ status: 503 })))
      const cuts = (yield* pool.stats).adaptive?.cuts
      expect(cuts).toBeGreaterThan(0)
      expect(yield* figure("cuts_total")).toBe(cuts)
      yield* Scope.close(scope, Exit.void)
      expect(yield* figure("cuts_total")).toBe(cuts)
      expect(yield* figure("goodput")).toBeUndefined()
      expect(yield* figure("elasticity")).toBeUndefined()
    }))

  it.effect("is logged at Debug: found, cut, paused, gone on", () =>
    Effect.gen(function*() {
      const { entries, layer } = makeLog()
      yield* Effect.gen(function*() {
        const pool = yield* make({ name: "api", size: 4, adaptive: { max: 8 } })
        yield* work(pool, 100, 60)
        for (let i = 0; i < 50; i++) yield* Effect.exit(pool.run(Effect.fail({ status: 503 })))
        yield* pool.resize(8)
        yield* Effect.exit(pool.run(Effect.fail({ status: 429, retryAfter: 3 })))
        yield* TestClock.adjust("3 seconds")
        yield* atRest
      }).pipe(Effect.provide(layer), Effect.provideService(References.MinimumLogLevel, "Debug"))
      expect(new Set(entries.map(({ annotations, level }) => `${level} ${annotations["pool"]}`))).toEqual(
        new Set(["Debug api"])
      )
      const messages = entries.map(({ message }) => String(message))
      expect(messages[0]).toMatch(/has found its size: \d/)
      expect(messages.some((message) => /the size is cut to \d/.test(message))).toBe(true)
      expect(messages.at(-2)).toMatch(/the pool pauses for 3s/)
      expect(messages.at(-1)).toMatch(/resumes with size \d/)
    }))
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
    return {
      victim,
      pool,
      check: () => {
        expect(calls).toBeGreaterThan(0)
        isOver = true
      }
    }
  })
}, 60_000)
