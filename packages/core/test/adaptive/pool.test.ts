/**
 * A pool that finds its own size: what it promises beside the size that it finds.
 */
import { describe, expect, it } from "@effect/vitest"
import {
  Cause,
  Config,
  ConfigProvider,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
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
  type MapOptions,
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

const overload: Verdict = "overload"

/** All jobs get this verdict. */
const always = (verdict: Verdict, options?: AdaptiveOptions): AdaptiveOptions => ({
  ...options,
  classify: () => verdict
})

/** For what `classify` does by itself, outside of any fiber. */
const now = <A>(effect: Effect.Effect<A>): A => Effect.runSync(effect)
const soon = (effect: Effect.Effect<void>) => Effect.runFork(effect)

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
  it.effect.each([undefined, false])("leave the pool as it is: %s", (adaptive) =>
    Effect.gen(function*() {
      const pool = yield* make({ size: 3, adaptive })
      yield* work(pool, 10, 50)
      const stats = yield* pool.stats
      expect("adaptive" in stats).toBe(false)
      expect(stats.size).toBe(3)
    }))

  it.effect("say where it starts: at 4, or the nearest size that is allowed", () =>
    Effect.gen(function*() {
      const sizes = yield* Effect.forEach(
        [true, {}, { max: 3 }, { min: 7 }],
        (adaptive) => Effect.flatMap(make({ adaptive }), (pool) => pool.size)
      )
      expect(sizes).toEqual([4, 4, 3, 7])
      expect(yield* (yield* make({ size: 50, adaptive: true })).size).toBe(50)
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
      const read = (env: Record<string, string>) =>
        Config.schema(GreenPoolOptions, "pool").pipe(
          Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))),
          Effect.map(({ adaptive }) => adaptive)
        )
      expect(yield* read({ pool_adaptive: "true" })).toBe(true)
      expect(yield* read({ pool_adaptive_max: "64" })).toEqual({ max: 64 })
      expect(yield* read({ pool_adaptive_max: "64", pool_adaptive_latencyTarget: "2 seconds" })).toMatchObject({
        max: 64
      })
      const layer = GreenPool.layerConfig({
        size: Config.Int("START"),
        adaptive: Config.all({ max: Config.Int("MAX") })
      })
      const env = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { START: "7", MAX: "8" } }))
      const stats = yield* GreenPool.stats.pipe(Effect.provide(Layer.provide(layer, env)))
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
      yield* work(pool, 12, 120)
      expect(new Set(seen).size).toBeGreaterThan(2)
      for (const size of seen) {
        expect(Number.isInteger(size)).toBe(true)
        expect(size).toBeGreaterThanOrEqual(2)
        expect(size).toBeLessThanOrEqual(9)
      }
      yield* expectEmpty(pool)
    }))

  it.effect("grows by letting in at once whom it fits", () =>
    Effect.gen(function*() {
      const pool = yield* make({ size: 4, adaptive: true })
      yield* work(pool, 100, 9)
      expect(yield* pool.size).toBe(8)
      const workers = yield* Effect.forEach(Array.from({ length: 20 }), () => forkNow(pool.run(Effect.never)))
      expect((yield* pool.stats).running).toBe(8)
      yield* Fiber.interruptAll(workers)
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

  it.effect("follows all jobs: of run, spawn, maps and piles, nested and on borrowed slots", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const classify = (exit: Exit.Exit<unknown, unknown>): Verdict => {
        seen.push(Exit.isSuccess(exit) ? exit.value : "failed")
        return "ignore"
      }
      const pool = yield* make({ size: 1, adaptive: { classify, max: 1 } })
      yield* pool.run(Effect.succeed("run"))
      yield* Fiber.join(yield* pool.spawn(Effect.succeed("spawn")))
      yield* pool.spawnN(Effect.succeed("spawnN"))
      yield* pool.waitall
      yield* Stream.runDrain(pool.imap(() => Effect.succeed("imap"), [1]))
      const pile = yield* GreenPile.make<string>(pool)
      yield* pile.spawn(Effect.succeed("pile"))
      yield* pile.next
      yield* pool.run(Effect.as(pool.run(Effect.succeed("borrowed")), "outer"))
      yield* Effect.exit(pool.run(Effect.fail("no")))
      expect(seen).toEqual(["run", "spawn", "spawnN", "imap", "pile", "borrowed", "outer", "failed"])
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

  it.effect("gets the exit of the job itself, whatever the verb makes of it", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const classify = (exit: Exit.Exit<unknown, unknown>): Verdict => {
        seen.push(exit)
        return "ok"
      }
      const pool = yield* make({ size: 1, adaptive: { classify } })
      expect(yield* pool.runIfAvailable(Effect.succeed("done"))).toEqual(Option.some("done"))
      yield* Effect.exit(pool.runIfAvailable(Effect.fail("no")))
      yield* Effect.exit(Stream.runDrain(pool.imapExit(() => Effect.fail("no"), [1])))
      expect(seen).toEqual([Exit.succeed("done"), Exit.fail("no"), Exit.fail("no")])
    }))

  it.effect("that throws counts as ignore, and is logged once", () =>
    Effect.gen(function*() {
      const entries = yield* logged(Effect.scoped(Effect.gen(function*() {
        const classify = (): Verdict => {
          throw new Error("boom")
        }
        const pool = yield* make({ name: "api", size: 2, adaptive: { classify } })
        expect(yield* Effect.forEach([1, 2, 3], (i) => pool.run(Effect.succeed(i)))).toEqual([1, 2, 3])
        yield* expectEmpty(pool)
      })))
      expect(entries.map(({ annotations, level }) => [level, annotations["pool"]])).toEqual([["Error", "api"]])
      expect(String(Cause.squash(entries[0]!.cause))).toContain("boom")
    }))

  it.effect.each([undefined, "no", {}, { retryAfter: "soon" }])(
    "that gives no verdict counts as ignore: %s",
    (no) =>
      Effect.gen(function*() {
        const entries = yield* logged(Effect.scoped(Effect.gen(function*() {
          const pool = yield* make({ size: 2, adaptive: always(no as Verdict) })
          yield* pool.run(Effect.void)
          yield* pool.run(Effect.void)
          expect(yield* pool.size).toBe(2)
        })))
        expect(entries.map(({ level }) => level)).toEqual(["Error"])
      })
  )

  it.effect("may resize the pool", () =>
    Effect.gen(function*() {
      let calls = 0
      const classify = (): Verdict => {
        now(Effect.orDie(pool.resize(++calls % 5)))
        return calls % 3 === 0 ? overload : "ok"
      }
      const pool: GreenPool = yield* make({ size: 2, adaptive: { classify } })
      const workers = yield* Effect.forEach(Array.from({ length: 10 }), () => forkNow(pool.run(Effect.sleep(1))))
      for (let i = 0; i < 30; i++) {
        yield* TestClock.adjust(1)
        if ((yield* pool.size) === 0) yield* pool.resize(1)
      }
      yield* Effect.forEach(workers, Fiber.join)
      expect(calls).toBe(10)
      yield* expectEmpty(pool)
    }))

  it.effect("may close the pool", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      let calls = 0
      const classify = (): Verdict => {
        calls++
        soon(Scope.close(scope, Exit.void))
        return { retryAfter: "1 second" }
      }
      const pool = yield* Scope.provide(make({ size: 1, adaptive: { classify } }), scope)
      const waiting = yield* forkNow(pool.run(Effect.never))
      const second = yield* forkNow(pool.run(Effect.never))
      yield* Fiber.interrupt(waiting)
      expect(Exit.hasInterrupts(yield* Fiber.await(second))).toBe(true)
      yield* atRest
      expect(calls).toBe(1)
      yield* expectEmpty(pool)
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
})

describe("a pool that rests", () => {
  it.effect("is not resized by what ends meanwhile, until it is", () =>
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
    }))

  it.effect("is what a start of 0 makes", () =>
    Effect.gen(function*() {
      const pool = yield* make({ size: 0, adaptive: { min: 2 } })
      expect(yield* pool.stats).toMatchObject({ size: 0, adaptive: { phase: "resting" } })
      yield* pool.resize(5)
      expect(yield* pool.run(Effect.succeed(1))).toBe(1)
      expect(yield* pool.size).toBe(5)
    }))
})

describe("a map", () => {
  /** The sizes that the pool goes through while a map is read in some way. */
  const grow = (read: (pool: GreenPool) => Effect.Effect<unknown>) =>
    Effect.gen(function*() {
      const pool = yield* make({ size: 4, adaptive: true })
      const reader = yield* forkNow(read(pool))
      for (let i = 0; i < 60; i++) yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(reader)
      yield* atRest
      yield* expectEmpty(pool)
      return yield* pool.size
    })
  const numbers = Array.from({ length: 10_000 }, (_, i) => i)
  /** Every fifth takes 8 seconds, and those after it wait to be emitted. */
  const uneven = (i: number) => Effect.sleep(i % 5 === 0 ? "8 seconds" : "100 millis")

  it.effect("whose window is full behind a slow head wants more slots", () =>
    Effect.gen(function*() {
      expect(yield* grow((pool) => Stream.runDrain(pool.imap(uneven, numbers)))).toBeGreaterThan(4)
    }))

  it.effect.each<MapOptions>([{ window: 4 }, { concurrency: 4 }])(
    "whose window does not follow the size does not: %j",
    (options) =>
      Effect.gen(function*() {
        expect(yield* grow((pool) => Stream.runDrain(pool.imap(uneven, numbers, options)))).toBeLessThan(6)
      })
  )

  it.effect("whose reader is slow does not", () =>
    Effect.gen(function*() {
      const slowly = (pool: GreenPool) =>
        pool.imap(() => Effect.sleep("100 millis"), numbers).pipe(
          Stream.rechunk(1),
          Stream.runForEach(() => Effect.sleep("400 millis"))
        )
      expect(yield* grow(slowly)).toBe(4)
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

it.effect("keys share the slots by their weights while the size moves", () =>
  Effect.gen(function*() {
    const weight = (key: string) => key === "big" ? 3 : 1
    const pool = yield* make({ size: 4, weight, adaptive: { max: 16 } })
    const done = { big: 0, small: 0 }
    const workers = yield* Effect.forEach(["big", "small"] as const, (key) =>
      Effect.forEach(Array.from({ length: 40 }), () =>
        forkNow(Effect.forever(pool.run(
          Effect.andThen(
            Effect.sleep("1 second"),
            Effect.sync(() =>
              done[key]++
            )
          ),
          { key }
        )))))
    for (let i = 0; i < 100; i++) {
      yield* TestClock.adjust("1 second")
    }
    expect(yield* pool.size).toBeGreaterThan(10)
    expect(done.big / done.small).toBeGreaterThan(2.7)
    expect(done.big / done.small).toBeLessThan(3.3)
    yield* Fiber.interruptAll(workers.flat())
  }))

describe("interruption at every step loses no slot while the size changes", () => {
  /** Each end changes the size: refusals and retries are cut, the rest doubles. */
  const moving = () => {
    let calls = 0
    let isOver = false
    return {
      classify: (): Verdict => isOver ? "ignore" : ++calls % 3 === 0 ? { retryAfter: 0 } : "ok",
      check: () => {
        expect(calls).toBeGreaterThan(0)
        isOver = true
      }
    }
  }

  it("of a job", () => {
    sweep((world, operations) => {
      const { check, classify } = moving()
      const pool = world.pool(2, { adaptive: { classify, max: 3 } })
      for (let i = 0; i < 4; i++) world.fork(pool.run(Effect.yieldNow))
      const victim = world.fork(pool.run(Effect.andThen(pool.run(Effect.yieldNow), Effect.yieldNow)), operations)
      world.fork(pool.run(Effect.yieldNow))
      return { victim, pool, check }
    })
  }, 60_000)

  it("of a map", () => {
    sweep((world, operations) => {
      const { check, classify } = moving()
      const pool = world.pool(2, { adaptive: { classify, max: 3 } })
      const victim = world.fork(Stream.runDrain(pool.imap(() => Effect.yieldNow, [1, 2, 3, 4])), operations)
      world.fork(pool.run(Effect.yieldNow))
      return { victim, pool, check }
    })
  }, 60_000)
})
