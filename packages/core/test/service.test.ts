import { describe, expect, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Exit, Fiber, Layer, Option, Scope, Stream } from "effect"
import { GreenPool, GreenPoolLive, GreenPoolOptions, InvalidPoolSize, type UnboundedOptions } from "../src/index.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"

class ApiPool extends GreenPool.Service<ApiPool>()("test/ApiPool", { size: 10 }) {}
class NamedPool extends GreenPool.Service<NamedPool>()("test/NamedPool", { size: 2, name: "mail" }) {}
class DefaultPool extends GreenPool.Service<DefaultPool>()("test/DefaultPool") {}
class WrongPool extends GreenPool.Service<WrongPool>()("test/WrongPool", { size: -1 }) {}

const sizeAndName = <R, E>(layer: Layer.Layer<GreenPool | R, E>) =>
  Effect.map(GreenPool.stats, ({ name, size }) => ({ name, size })).pipe(Effect.provide(layer))

const wrong = <A, E>(effect: Effect.Effect<A, E>) => Effect.flip(effect)

describe("GreenPoolLive", () => {
  it.effect("gives a pool of size 1000, as eventlet's, named default", () =>
    Effect.gen(function*() {
      expect(yield* sizeAndName(GreenPoolLive)).toEqual({ name: "default", size: 1000 })
    }))

  it.effect("gives one pool to all that share it", () =>
    Effect.gen(function*() {
      const [first, second] = yield* Effect.all([GreenPool, GreenPool])
      expect(first).toBe(second)
    }).pipe(Effect.provide(GreenPoolLive)))

  it.effect("closes the pool with the layer", () =>
    Effect.gen(function*() {
      const stage = new Stage()
      const pool = yield* Effect.gen(function*() {
        yield* GreenPool.spawn(stage.around("job", Effect.never))
        yield* atRest
        return yield* GreenPool
      }).pipe(Effect.provide(GreenPoolLive))
      expect(stage.events).toEqual(["job starts", "job is interrupted"])
      expect(Exit.hasInterrupts(yield* Effect.exit(pool.run(Effect.void)))).toBe(true)
    }))
})

describe("GreenPool.make", () => {
  it.effect("makes a pool for the scope, with the size and the name of the options", () =>
    Effect.gen(function*() {
      const { name, size } = yield* Effect.flatMap(GreenPool.make({ size: 3, name: "api" }), (pool) => pool.stats)
      expect({ name, size }).toEqual({ name: "api", size: 3 })
    }))

  it.effect("makes a pool of its own each time", () =>
    Effect.gen(function*() {
      const make = GreenPool.make({ size: 1 })
      const [first, second] = [yield* make, yield* make]
      yield* first.spawn(Effect.never)
      expect([yield* first.running, yield* second.running]).toEqual([1, 0])
    }))

  it.effect("can be used unbound", () =>
    Effect.gen(function*() {
      const { run, spawn } = yield* GreenPool.make({ size: 1 })
      expect(yield* Effect.succeed(1).pipe(run)).toBe(1)
      expect(yield* Effect.flatMap(spawn(Effect.succeed(3)), Fiber.join)).toBe(3)
    }))
})

describe("GreenPool.layer", () => {
  it.effect("is a function of the options", () =>
    Effect.gen(function*() {
      expect(yield* sizeAndName(GreenPool.layer({ size: 4, name: "four" }))).toEqual({ name: "four", size: 4 })
      expect(yield* sizeAndName(GreenPool.layer())).toEqual({ name: "default", size: 1000 })
      expect(yield* sizeAndName(GreenPool.layer({}))).toEqual({ name: "default", size: 1000 })
    }))

  it.effect("fails with InvalidPoolSize when the size is wrong", () =>
    Effect.gen(function*() {
      const error = yield* wrong(sizeAndName(GreenPool.layer({ size: 1.5 })))
      expect(error).toBeInstanceOf(InvalidPoolSize)
      expect(error.value).toBe("1.5")
    }))
})

describe("GreenPool.layerConfig", () => {
  const from = (environment: Record<string, string>) =>
    sizeAndName(GreenPool.layerConfig({ size: Config.Int("POOL_SIZE") })).pipe(
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(environment)))
    )

  it.effect("reads the options from configuration", () =>
    Effect.gen(function*() {
      expect(yield* from({ POOL_SIZE: "7" })).toEqual({ name: "default", size: 7 })
    }))

  it.effect("takes a configuration of all options together", () =>
    Effect.gen(function*() {
      const layer = GreenPool.layerConfig(Config.all({ size: Config.Int("SIZE"), name: Config.String("NAME") }))
      const provider = ConfigProvider.layer(ConfigProvider.fromUnknown({ SIZE: "2", NAME: "two" }))
      expect(yield* Effect.provide(sizeAndName(layer), provider)).toEqual({ name: "two", size: 2 })
    }))

  it.effect.each([{}, { POOL_SIZE: "many" }, { POOL_SIZE: "1.5" }])(
    "fails with ConfigError when the configuration is wrong: %j",
    (environment) =>
      Effect.gen(function*() {
        expect((yield* wrong(from(environment)))._tag).toBe("ConfigError")
      })
  )

  it.effect("fails with InvalidPoolSize when it is no size", () =>
    Effect.gen(function*() {
      const error = yield* wrong(from({ POOL_SIZE: "-7" }))
      expect(error._tag).toBe("InvalidPoolSize")
      expect(error.message).toContain("-7")
    }))
})

describe("GreenPool.Service", () => {
  it.effect("makes a key of its own, with its own pool and options", () =>
    Effect.gen(function*() {
      const [api, mail, plain, main] = [yield* ApiPool, yield* NamedPool, yield* DefaultPool, yield* GreenPool]
      expect(new Set([api, mail, plain, main]).size).toBe(4)
      const all = yield* Effect.forEach([api, mail, plain, main], (pool) => pool.stats)
      expect(all.map(({ name, size }) => [name, size])).toEqual([
        ["test/ApiPool", 10],
        ["mail", 2],
        ["test/DefaultPool", 1000],
        ["default", 1000]
      ])
    }).pipe(
      Effect.provide(Layer.mergeAll(ApiPool.layer, NamedPool.layer, DefaultPool.layer, GreenPoolLive)),
      Effect.orDie
    ))

  it.effect("carries the verbs as statics", () =>
    Effect.gen(function*() {
      expect(yield* Effect.succeed(1).pipe(ApiPool.run)).toBe(1)
      const fiber = yield* ApiPool.spawn(Effect.succeed(2))
      expect(yield* Fiber.join(fiber)).toBe(2)
      yield* ApiPool.spawnN(Effect.never)
      yield* NamedPool.resize(5)
      expect([yield* ApiPool.running, yield* ApiPool.size, yield* NamedPool.size]).toEqual([1, 10, 5])
      const mapped = Stream.make(1, 2).pipe(ApiPool.imap((n) => Effect.succeed(n * 2)), Stream.runCollect)
      expect(Array.from(yield* mapped)).toEqual([2, 4])
    }).pipe(Effect.provide(Layer.mergeAll(ApiPool.layer, NamedPool.layer)), Effect.orDie))

  it.effect("has a layer that fails with InvalidPoolSize when its size is wrong", () =>
    Effect.gen(function*() {
      expect((yield* wrong(Effect.provide(WrongPool.size, WrongPool.layer))).value).toBe("-1")
    }))

  it.effect("has a layer that makes a pool per build", () =>
    Effect.gen(function*() {
      const use = Effect.provide(Effect.andThen(ApiPool.spawnN(Effect.never), ApiPool.running), ApiPool.layer)
      expect([yield* use, yield* use]).toEqual([1, 1])
    }).pipe(Effect.orDie))
})

describe("the layerConfig of a key", () => {
  class Plain extends GreenPool.Service<Plain>()("test/Plain", { size: 3, priorityBoost: 2 }) {}
  class Bounded extends GreenPool.Service<Bounded>()("test/Bounded", { size: 1, maxWaiting: 0 }) {}

  const withEnv = (env: Record<string, unknown>) => ConfigProvider.layer(ConfigProvider.fromUnknown(env))

  const statsOf = <E>(layer: Layer.Layer<Plain, E>) =>
    Effect.map(Plain.stats, ({ name, size }) => ({ name, size })).pipe(Effect.provide(layer))

  const isFull = <E>(layer: Layer.Layer<Bounded, E>) =>
    Effect.gen(function*() {
      yield* Bounded.spawnN(Effect.never)
      return yield* Effect.match(Bounded.spawn(Effect.never), {
        onFailure: (error) => error.reason,
        onSuccess: () => ""
      })
    }).pipe(Effect.timeoutOption("1 second"), Effect.provide(layer))

  it.effect("replaces the options that the configuration gives", () =>
    Effect.gen(function*() {
      const sized = Plain.layerConfig({ size: Config.Int("SIZE") }).pipe(Layer.provide(withEnv({ SIZE: "7" })))
      expect(yield* statsOf(sized)).toEqual({ name: "test/Plain", size: 7 })
      const named = Plain.layerConfig({ name: Config.succeed("api") })
      expect(yield* statsOf(named)).toEqual({ name: "api", size: 3 })
    }))

  it.effect("keeps the options to which the configuration gives no value", () =>
    Effect.gen(function*() {
      expect(yield* statsOf(Plain.layerConfig(Config.succeed({})))).toEqual({ name: "test/Plain", size: 3 })
      const empty = Plain.layerConfig(Config.succeed({ size: undefined, name: undefined }))
      expect(yield* statsOf(empty)).toEqual({ name: "test/Plain", size: 3 })
      const weights: Array<string> = []
      class Weighed extends GreenPool.Service<Weighed>()("test/Weighed", {
        size: 5,
        weight: (key) => weights.push(key)
      }) {}
      yield* Effect.gen(function*() {
        yield* Weighed.spawnN(Effect.never)
        yield* Effect.forkChild(Weighed.run(Effect.never, { key: "k" }))
        yield* atRest
      }).pipe(Effect.provide(Weighed.layerConfig({ size: Config.succeed(1) })))
      expect(weights).toContain("k")
    }))

  it.effect("keeps the bounds of a key that has them, and may give them other values", () =>
    Effect.gen(function*() {
      expect(yield* isFull(Bounded.layer)).toEqual(Option.some("QueueFull"))
      expect(yield* isFull(Bounded.layerConfig({ size: Config.succeed(1) }))).toEqual(Option.some("QueueFull"))
      const timed = Bounded.layerConfig({ maxWaiting: Config.succeed(1), maxWait: Config.succeed(0) })
      expect(yield* isFull(timed)).toEqual(Option.some("WaitTimeout"))
    }))

  it.effect("takes the schema of the options", () =>
    Effect.gen(function*() {
      const layer = Bounded.layerConfig(Config.schema(GreenPoolOptions, "api"))
      const env = ConfigProvider.fromEnv({ env: { api_maxWaiting: "0", api_name: "bounded" } })
      const stats = yield* Effect.provide(Bounded.stats, Layer.provide(layer, ConfigProvider.layer(env)))
      expect([stats.name, stats.size]).toEqual(["bounded", 1])
    }))

  it.effect.each([{ maxWaiting: 3 }, { maxWait: 3 }])(
    "is a defect where a key without bounds is given some: %j",
    (bounds) =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(statsOf(Plain.layerConfig(Config.succeed(bounds as UnboundedOptions))))
        expect(exit).toEqual(Exit.die(expect.objectContaining({ message: expect.stringContaining("key of its own") })))
      })
  )

  it.effect("fails with what is wrong in the configuration", () =>
    Effect.gen(function*() {
      const layer = Plain.layerConfig({ size: Config.Int("SIZE") })
      const tagFor = (env: Record<string, unknown>) =>
        Effect.map(Effect.flip(statsOf(Layer.provide(layer, withEnv(env)))), (error) => error._tag)
      expect([yield* tagFor({}), yield* tagFor({ SIZE: "-1" })]).toEqual(["ConfigError", "InvalidPoolSize"])
    }))
})

describe("the statics", () => {
  const provided = Effect.provide(GreenPool.layer({ size: 3, name: "three" }))

  it.effect("run and spawn in the pool of the context", () =>
    Effect.gen(function*() {
      expect(yield* Effect.succeed(1).pipe(GreenPool.run)).toBe(1)
      const fiber = yield* Effect.succeed(2).pipe(GreenPool.spawn)
      expect(yield* Fiber.join(fiber)).toBe(2)
      yield* Effect.never.pipe(GreenPool.spawnN)
      const stats = yield* GreenPool.stats
      expect(stats).toEqual(yield* Effect.flatMap(GreenPool, (pool) => pool.stats))
      expect([stats.started, stats.succeeded, stats.running]).toEqual([3, 2, 1])
    }).pipe(provided, Effect.orDie))

  it.effect("read the counters, resize and wait", () =>
    Effect.gen(function*() {
      const fiber = yield* GreenPool.spawn(Effect.never)
      expect([yield* GreenPool.size, yield* GreenPool.free, yield* GreenPool.running, yield* GreenPool.waiting])
        .toEqual([3, 2, 1, 0])
      yield* GreenPool.resize(5)
      expect(yield* GreenPool.size).toBe(5)
      expect((yield* Effect.flip(GreenPool.resize(-1))).value).toBe("-1")
      yield* Fiber.interrupt(fiber)
      yield* GreenPool.waitall
    }).pipe(provided, Effect.orDie))

  it.effect("map data-last and data-first", () =>
    Effect.gen(function*() {
      const twice = (n: number) => Effect.succeed(n * 2)
      const collect = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
        Effect.map(Stream.runCollect(stream), (all) => Array.from(all))
      const source = Stream.make(1, 2, 3)
      expect(yield* collect(source.pipe(GreenPool.imap(twice)))).toEqual([2, 4, 6])
      expect(yield* collect(GreenPool.imap(twice, [1, 2, 3]))).toEqual([2, 4, 6])
      expect((yield* collect(source.pipe(GreenPool.imapUnordered(twice)))).sort()).toEqual([2, 4, 6])
      expect((yield* collect(GreenPool.imapUnordered(twice, source))).sort()).toEqual([2, 4, 6])
      expect(yield* collect(source.pipe(GreenPool.imapExit(twice)))).toEqual([2, 4, 6].map((n) => Exit.succeed(n)))
      expect(yield* collect(GreenPool.imapExit(twice, [1]))).toEqual([Exit.succeed(2)])
      const add = (a: number, b: number) => Effect.succeed(a + b)
      const pairs: Array<[number, number]> = [[1, 2], [3, 4]]
      expect(yield* collect(Stream.fromIterable(pairs).pipe(GreenPool.starmap(add)))).toEqual([3, 7])
      expect(yield* collect(GreenPool.starmap(add, pairs))).toEqual([3, 7])
      expect(yield* collect(GreenPool.imap(add, [1, 2, 3], [10, 20]))).toEqual([11, 22])
    }).pipe(provided, Effect.orDie))

  it.effect("use the pool of the context in which they run, each time", () =>
    Effect.gen(function*() {
      const name = Effect.map(GreenPool.stats, (stats) => stats.name)
      expect([
        yield* Effect.provide(name, GreenPool.layer({ name: "a" })),
        yield* Effect.provide(name, GreenPool.layer({ name: "b" }))
      ]).toEqual(["a", "b"])
    }).pipe(Effect.orDie))

  it.effect("die without a pool in the context, and name the missing service", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(GreenPool.run(Effect.void) as Effect.Effect<void>)
      expect(Exit.hasDies(exit)).toBe(true)
      expect(String(Exit.isFailure(exit) ? exit.cause : "")).toContain("GreenPool")
    }))
})

describe("a pool made outside of any fiber's life", () => {
  it("works with runSync as far as nothing waits", () => {
    const scope = Scope.makeUnsafe()
    const pool = Effect.runSync(Effect.provideService(GreenPool.make({ size: 1 }), Scope.Scope, scope))
    expect(Effect.runSync(pool.run(pool.run(Effect.succeed(1))))).toBe(1)
    expect(Effect.runSync(pool.running)).toBe(0)
    Effect.runSync(Scope.close(scope, Exit.void))
  })
})

describe("one build of the layer of a key", () => {
  it.effect("makes one pool for all that is built with it", () =>
    Effect.gen(function*() {
      const [One, Other] = [Context.Service<GreenPool>("test/One"), Context.Service<GreenPool>("test/Other")]
      const holding = (key: typeof One) =>
        Layer.provide(Layer.effect(key, Effect.map(ApiPool, (pool) => pool)), ApiPool.layer)
      const pools = Effect.all([One, Other]).pipe(Effect.provide(Layer.merge(holding(One), holding(Other))))
      const [one, other] = yield* pools
      expect(one).toBe(other)
    }))
})

describe("the static imapUnordered", () => {
  it.effect("is unordered", () =>
    Effect.gen(function*() {
      const job = (item: number) => item === 0 ? Effect.as(Effect.yieldNow, item) : Effect.succeed(item)
      expect(yield* Stream.runCollect(ApiPool.imapUnordered(job, [0, 1]))).toEqual([1, 0])
    }).pipe(Effect.provide(ApiPool.layer)))
})
