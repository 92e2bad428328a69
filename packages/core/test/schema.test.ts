import { describe, expect, it } from "@effect/vitest"
import { Config, ConfigProvider, Duration, Effect, Exit, Schema } from "effect"
import {
  GreenPool,
  GreenPoolOptions,
  InvalidPoolSize,
  KeyStats,
  PoolSize,
  PoolStats,
  SourceError
} from "../src/index.ts"
import { makePool } from "./support/makePool.ts"

/** Out as JSON text, and in again. */
const overTheWire = <S extends Schema.Codec<unknown, unknown>>(schema: S, value: S["Type"]) =>
  Effect.gen(function*() {
    const json = Schema.toCodecJson(schema)
    const text = JSON.stringify(yield* Schema.encodeEffect(json)(value))
    return { text, value: yield* Schema.decodeUnknownEffect(json)(JSON.parse(text)) }
  })

describe("PoolSize", () => {
  it.each([0, 1, 2, 1000, Number.MAX_SAFE_INTEGER])("takes the integer %d", (size) => {
    expect(Schema.decodeUnknownSync(PoolSize)(size)).toBe(size)
  })

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "1", null, undefined, {}])(
    "refuses %s",
    (size) => {
      expect(Exit.isFailure(Schema.decodeUnknownExit(PoolSize)(size))).toBe(true)
    }
  )
})

describe("GreenPoolOptions", () => {
  it("takes size and name, both optional", () => {
    const decode = Schema.decodeUnknownSync(GreenPoolOptions)
    expect(decode({})).toEqual({})
    expect(decode({ size: 3 })).toEqual({ size: 3 })
    expect(decode({ size: 3, name: "api" })).toEqual({ size: 3, name: "api" })
  })

  it.each([{ size: "3" }, { name: 3 }, { size: Number.NaN }, { size: -1 }, { size: 1.5 }, null])(
    "refuses %j",
    (options) => {
      expect(Exit.isFailure(Schema.decodeUnknownExit(GreenPoolOptions)(options))).toBe(true)
    }
  )

  it.effect("are what make takes", () =>
    Effect.gen(function*() {
      const options = yield* Schema.decodeUnknownEffect(GreenPoolOptions)({ size: 3, name: "api" })
      const { name, size } = yield* Effect.flatMap(GreenPool.make(options), (pool) => pool.stats)
      expect({ name, size }).toEqual({ name: "api", size: 3 })
    }))

  it.effect("can be read as configuration", () =>
    Effect.gen(function*() {
      const provider = ConfigProvider.fromUnknown({ pool: { size: "7", name: "api" } })
      const options = yield* Config.schema(GreenPoolOptions, "pool").parse(provider)
      expect(options).toEqual({ size: 7, name: "api" })
    }))

  it.effect("has the options of admission that are plain data", () =>
    Effect.gen(function*() {
      const provider = ConfigProvider.fromUnknown({
        pool: {
          maxWaiting: "20",
          maxWait: "500 millis",
          priorityBoost: "0.5",
          onClose: "drain",
          drainTimeout: "10 seconds"
        }
      })
      const options = yield* Config.schema(GreenPoolOptions, "pool").parse(provider)
      expect(options).toEqual({
        maxWaiting: 20,
        maxWait: Duration.millis(500),
        priorityBoost: 0.5,
        onClose: "drain",
        drainTimeout: Duration.seconds(10)
      })
      const pool = yield* GreenPool.make({ ...options, size: 0, maxWaiting: 0 })
      expect((yield* Effect.flip(pool.run(Effect.void))).reason).toBe("QueueFull")
      for (const wrong of [{ maxWaiting: "-1" }, { maxWait: "soon" }, { priorityBoost: "-1" }, { onClose: "stop" }]) {
        const exit = yield* Effect.exit(
          Config.schema(GreenPoolOptions, "pool").parse(ConfigProvider.fromUnknown({ pool: wrong }))
        )
        expect(Exit.isFailure(exit)).toBe(true)
      }
    }))

  it.effect("has the options of observation", () =>
    Effect.gen(function*() {
      const read = (pool: unknown) =>
        Config.schema(GreenPoolOptions, "pool").parse(ConfigProvider.fromUnknown({ pool }))
      expect(yield* read({ metrics: "true", tracing: "false", slowWait: "30 seconds" })).toEqual({
        metrics: true,
        tracing: false,
        slowWait: Duration.seconds(30)
      })
      for (const wrong of [{ metrics: "much" }, { tracing: "1.5" }, { slowWait: "5" }]) {
        expect(Exit.isFailure(yield* Effect.exit(read(wrong)))).toBe(true)
      }
    }))
})

describe("PoolStats", () => {
  it.effect("survives JSON, and is a PoolStats again", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      yield* pool.spawn(Effect.never)
      yield* pool.run(Effect.void)
      const stats = yield* pool.stats
      expect(stats).toBeInstanceOf(PoolStats)
      const received = yield* overTheWire(PoolStats, stats)
      expect(received.value).toBeInstanceOf(PoolStats)
      expect(received.value).toEqual(stats)
      expect(JSON.parse(received.text)).toEqual({
        name: "default",
        size: 2,
        running: 1,
        free: 1,
        waiting: 0,
        borrowed: 0,
        started: 2,
        succeeded: 1,
        failed: 0,
        interrupted: 0,
        rejected: 0
      })
    }))

  it.effect("survives JSON with a negative number of free slots", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      yield* pool.spawn(Effect.never)
      yield* Effect.orDie(pool.resize(0))
      const { value } = yield* overTheWire(PoolStats, yield* pool.stats)
      expect(value.free).toBe(-1)
    }))

  it("encodes to plain data", () => {
    const plain = {
      name: "n",
      size: 1,
      running: 0,
      free: 1,
      waiting: 0,
      borrowed: 0,
      started: 0,
      succeeded: 0,
      failed: 0,
      interrupted: 0,
      rejected: 0
    }
    const encoded = Schema.encodeSync(PoolStats)(new PoolStats(plain))
    expect(encoded).toEqual(plain)
    expect(Object.getPrototypeOf(encoded)).toBe(Object.prototype)
  })
})

describe("KeyStats", () => {
  it.effect.each([{ key: "k", weight: 0.5, running: 1, waiting: 2 }, { weight: 1, running: 0, waiting: 1 }])(
    "survives JSON, with a key or without: %j",
    (plain) =>
      Effect.gen(function*() {
        const received = yield* overTheWire(KeyStats, new KeyStats(plain))
        expect(received.value).toBeInstanceOf(KeyStats)
        expect(received.value).toEqual(new KeyStats(plain))
        expect(JSON.parse(received.text)).toEqual(plain)
      })
  )
})

describe("InvalidPoolSize", () => {
  it.effect("survives JSON, whatever the value was", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      for (const size of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "many", null, undefined, 10n, Symbol("s")]) {
        const error = yield* Effect.flip(pool.resize(size as number))
        const { value } = yield* overTheWire(InvalidPoolSize, error)
        expect(value).toBeInstanceOf(InvalidPoolSize)
        expect(value._tag).toBe("InvalidPoolSize")
        expect(value.value).toBe(error.value)
        expect(value.message).toBe(error.message)
      }
    }))

  it("says what is allowed and names the value", () => {
    expect(new InvalidPoolSize({ value: "-3" }).message).toBe(
      "Invalid pool size -3: it must be a non-negative safe integer (0 pauses the pool)"
    )
  })

  it.effect("can be caught by its tag", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      expect(yield* Effect.catchTag(pool.resize(-3), "InvalidPoolSize", (error) => Effect.succeed(error.value))).toBe(
        "-3"
      )
    }))
})

describe("SourceError", () => {
  it.effect("survives JSON with the message of its cause", () =>
    Effect.gen(function*() {
      const { value } = yield* overTheWire(SourceError, new SourceError({ cause: new Error("the wire is cut") }))
      expect(value).toBeInstanceOf(SourceError)
      expect(value._tag).toBe("SourceError")
      expect(value.cause).toBeInstanceOf(Error)
      expect(value.message).toContain("the wire is cut")
    }))

  it("quotes a cause that is no error", () => {
    expect(new SourceError({ cause: "gone" }).message).toMatch(/^The async source failed: .*gone/)
    expect(new SourceError({ cause: undefined }).message).toMatch(/undefined/)
  })
})
