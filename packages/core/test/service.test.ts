import { describe, expect, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { GreenPool, GreenPoolLive, GreenPoolOptions, InvalidPoolSize, type UnboundedOptions } from "../src/index.ts"
import { atRest, defectOf, Stage, testEffect } from "./support/index.ts"

class ApiPool extends GreenPool.Service<ApiPool>()("test/ApiPool", { size: 10, name: undefined }) {}
class NamedPool extends GreenPool.Service<NamedPool>()("test/NamedPool", { size: 2, name: "mail" }) {}
class DefaultPool extends GreenPool.Service<DefaultPool>()("test/DefaultPool") {}
class BoundedPool extends GreenPool.Service<BoundedPool>()("test/BoundedPool", { size: 1, maxWaiting: 0 }) {}

/** Where the pools below are read from. */
const environment = (values: Record<string, unknown>) => ConfigProvider.layer(ConfigProvider.fromUnknown(values))

type Named = { readonly name: string; readonly size: number }

const nameAndSize = ({ name, size }: Named) => [name, size]

/** What is made for this key. */
const made = <I, E>(key: { readonly stats: Effect.Effect<Named, never, I> }, layer: Layer.Layer<I, E>) =>
  Effect.map(key.stats, nameAndSize).pipe(Effect.provide(layer))

it("GreenPool.make works with runSync, outside of any fiber's life, as far as nothing waits", () => {
  const scope = Scope.makeUnsafe()
  const pool = Effect.runSync(Scope.provide(GreenPool.make({ size: 1 }), scope))
  expect(Effect.runSync(pool.run(pool.run(Effect.succeed(1))))).toBe(1)
  expect(Effect.runSync(pool.running)).toBe(0)
  Effect.runSync(Scope.close(scope, Exit.void))
})

describe("a layer", () => {
  testEffect("makes a pool of the options, by default of size 1000, as eventlet's, named default", function*() {
    for (const layer of [GreenPoolLive, GreenPool.layer(), GreenPool.layer({})]) {
      expect(yield* made(GreenPool, layer)).toEqual(["default", 1000])
    }
    expect(yield* made(GreenPool, GreenPool.layer({ size: 4, name: "four" }))).toEqual(["four", 4])
  })

  testEffect("gives one pool to all that share it, and closes it in the end", function*() {
    const stage = new Stage()
    const pool = yield* Effect.gen(function*() {
      yield* GreenPool.spawn(stage.around("job", Effect.never))
      yield* atRest
      const [first, second] = yield* Effect.all([GreenPool, GreenPool])
      expect(first).toBe(second)
      return first
    }).pipe(Effect.provide(GreenPoolLive))
    expect(stage.events).toEqual(["job starts", "job is interrupted"])
    expect(Exit.hasInterrupts(yield* Effect.exit(pool.run(Effect.void)))).toBe(true)
  })

  testEffect("of a key makes one pool per build, for all that is built with it", function*() {
    const use = Effect.provide(Effect.andThen(ApiPool.spawnN(Effect.never), ApiPool.running), ApiPool.layer)
    expect([yield* use, yield* use]).toEqual([1, 1])
    const [One, Other] = [Context.Service<GreenPool>("test/One"), Context.Service<GreenPool>("test/Other")]
    const holding = (key: typeof One) =>
      Layer.provide(Layer.effect(key, Effect.map(ApiPool, (pool) => pool)), ApiPool.layer)
    const pools = Effect.all([One, Other]).pipe(Effect.provide(Layer.merge(holding(One), holding(Other))))
    const [one, other] = yield* pools
    expect(one).toBe(other)
  })

  testEffect("fails with InvalidPoolSize when the size is wrong", function*() {
    class WrongPool extends GreenPool.Service<WrongPool>()("test/WrongPool", { size: -1 }) {}
    const error = yield* Effect.flip(made(GreenPool, GreenPool.layer({ size: 1.5 })))
    expect(error).toEqual(new InvalidPoolSize({ value: "1.5" }))
    expect(yield* Effect.flip(made(WrongPool, WrongPool.layer))).toEqual(new InvalidPoolSize({ value: "-1" }))
  })
})

describe("a key", () => {
  it.effect("has its own pool, options and name", () =>
    Effect.gen(function*() {
      const pools = [yield* ApiPool, yield* NamedPool, yield* DefaultPool, yield* GreenPool]
      const all = yield* Effect.forEach(pools, (pool) => pool.stats)
      const keys = [["test/ApiPool", 10], ["mail", 2], ["test/DefaultPool", 1000], ["default", 1000]]
      expect(all.map(nameAndSize)).toEqual(keys)
    }).pipe(Effect.provide(Layer.mergeAll(ApiPool.layer, NamedPool.layer, DefaultPool.layer, GreenPoolLive))))

  it.effect("has the verbs and counters of the pool in whose context they run, each time", () =>
    Effect.gen(function*() {
      const fiber = yield* ApiPool.spawn(Effect.never)
      const counters = Effect.all([ApiPool.size, ApiPool.free, ApiPool.running, ApiPool.waiting])
      expect(yield* counters).toEqual([10, 9, 1, 0])
      yield* ApiPool.resize(5)
      expect((yield* Effect.flip(ApiPool.resize(-1))).value).toBe("-1")
      yield* Fiber.interrupt(fiber)
      yield* ApiPool.waitall
      expect(yield* counters).toEqual([5, 5, 0, 0])
      for (const name of ["a", "b"]) expect(yield* made(GreenPool, GreenPool.layer({ name }))).toEqual([name, 1000])
    }).pipe(Effect.provide(ApiPool.layer)))

  testEffect("without a pool in the context dies, and names the missing service", function*() {
    const exit = yield* Effect.exit(GreenPool.run(Effect.void) as Effect.Effect<void>)
    expect(String(defectOf(exit))).toContain("GreenPool")
  })
})

describe("layerConfig", () => {
  const fromSize = GreenPool.layerConfig({ size: Config.Int("SIZE") })

  testEffect("reads options one by one, all together, or by their schema", function*() {
    const together = GreenPool.layerConfig(Config.all({ size: Config.Int("SIZE"), name: Config.String("NAME") }))
    const schema = BoundedPool.layerConfig(Config.schema(GreenPoolOptions, "api"))
    const env = environment({ SIZE: "2", NAME: "two", api: { maxWaiting: "0", name: "bounded" } })
    expect(yield* Effect.provide(made(GreenPool, fromSize), env)).toEqual(["default", 2])
    expect(yield* Effect.provide(made(GreenPool, together), env)).toEqual(["two", 2])
    expect(yield* made(BoundedPool, Layer.provide(schema, env))).toEqual(["bounded", 1])
  })

  testEffect.each<readonly [Record<string, string>, string]>([
    [{}, "ConfigError"],
    [{ SIZE: "many" }, "ConfigError"],
    [{ SIZE: "1.5" }, "ConfigError"],
    [{ SIZE: "-7" }, "InvalidPoolSize"]
  ])("fails with what is wrong in the configuration: %j", function*([values, tag]) {
    const env = environment(values)
    expect((yield* Effect.flip(Effect.provide(made(GreenPool, fromSize), env)))._tag).toBe(tag)
    const api = ApiPool.layerConfig({ size: Config.Int("SIZE") })
    expect((yield* Effect.flip(made(ApiPool, Layer.provide(api, env))))._tag).toBe(tag)
  })

  testEffect("of a key replaces the options to which the configuration gives a value", function*() {
    const over = (options: Config.Wrap<UnboundedOptions>) => made(ApiPool, ApiPool.layerConfig(options))
    expect(yield* over({ size: Config.succeed(7) })).toEqual(["test/ApiPool", 7])
    expect(yield* over({ name: Config.succeed("api") })).toEqual(["api", 10])
    for (const none of [{}, { size: undefined, name: undefined }]) {
      expect(yield* over(Config.succeed(none))).toEqual(["test/ApiPool", 10])
    }
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
  })

  testEffect("of a key keeps the bounds that it has, and may give them other values", function*() {
    const rejection = <E>(layer: Layer.Layer<BoundedPool, E>) =>
      Effect.gen(function*() {
        yield* BoundedPool.spawnN(Effect.never)
        return (yield* Effect.flip(BoundedPool.spawn(Effect.never))).reason
      }).pipe(Effect.timeoutOption("1 second"), Effect.provide(layer))
    const sized = BoundedPool.layerConfig({ size: Config.succeed(1) })
    const timed = BoundedPool.layerConfig({ maxWaiting: Config.succeed(1), maxWait: Config.succeed(0) })
    expect(yield* rejection(BoundedPool.layer)).toEqual(Option.some("QueueFull"))
    expect(yield* rejection(sized)).toEqual(Option.some("QueueFull"))
    expect(yield* rejection(timed)).toEqual(Option.some("WaitTimeout"))
  })

  testEffect("is a defect where a key without bounds is given some", function*() {
    for (const bounds of [{ maxWaiting: 3 }, { maxWait: 3 }]) {
      const options = Config.succeed(bounds as UnboundedOptions)
      const exit = yield* Effect.exit(made(ApiPool, ApiPool.layerConfig(options)))
      expect(String(defectOf(exit))).toContain("key of its own")
    }
  })
})
