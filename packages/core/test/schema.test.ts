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
  it("takes safe integers of at least 0, and refuses everything else", () => {
    for (const size of [0, 1, 2, 1000, Number.MAX_SAFE_INTEGER]) {
      expect(Schema.decodeUnknownSync(PoolSize)(size)).toBe(size)
    }
    for (const size of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "1", null, undefined, {}]) {
      expect(Exit.isFailure(Schema.decodeUnknownExit(PoolSize)(size))).toBe(true)
    }
  })
})

describe("GreenPoolOptions", () => {
  const read = (pool: unknown) => Config.schema(GreenPoolOptions, "pool").parse(ConfigProvider.fromUnknown({ pool }))

  it.effect("are options of make, all optional", () =>
    Effect.gen(function*() {
      const decode = Schema.decodeUnknownEffect(GreenPoolOptions)
      expect(yield* decode({})).toEqual({})
      const options = yield* decode({ size: 3, name: "api" })
      expect(options).toEqual({ size: 3, name: "api" })
      expect(yield* Effect.flatMap(GreenPool.make(options), (pool) => pool.stats)).toMatchObject(options)
    }))

  it.effect("can be read as configuration, as far as they are plain data", () =>
    Effect.gen(function*() {
      const options = yield* read({
        size: "7",
        name: "api",
        maxWaiting: "20",
        maxWait: "500 millis",
        priorityBoost: "0.5",
        onClose: "drain",
        drainTimeout: "10 seconds",
        metrics: "true",
        tracing: "false",
        slowWait: "30 seconds"
      })
      expect(options).toEqual({
        size: 7,
        name: "api",
        maxWaiting: 20,
        maxWait: Duration.millis(500),
        priorityBoost: 0.5,
        onClose: "drain",
        drainTimeout: Duration.seconds(10),
        metrics: true,
        tracing: false,
        slowWait: Duration.seconds(30)
      })
      const pool = yield* GreenPool.make({ ...options, size: 0, maxWaiting: 0 })
      expect((yield* Effect.flip(pool.run(Effect.void))).reason).toBe("QueueFull")
    }))

  it("refuse values that are none", () => {
    for (const options of [{ size: "3" }, { name: 3 }, { size: Number.NaN }, { size: -1 }, { size: 1.5 }, null]) {
      expect(Exit.isFailure(Schema.decodeUnknownExit(GreenPoolOptions)(options))).toBe(true)
    }
  })

  it.effect.each([
    { maxWaiting: "-1" },
    { maxWait: "soon" },
    { priorityBoost: "-1" },
    { onClose: "stop" },
    { metrics: "much" },
    { tracing: "1.5" },
    { slowWait: "5" }
  ])(
    "refuse a configuration that is none: %j",
    (options) => Effect.map(Effect.exit(read(options)), (exit) => expect(Exit.isFailure(exit)).toBe(true))
  )
})

describe("PoolStats", () => {
  it.effect("survives JSON, with a negative number of free slots too, and is a PoolStats again", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      yield* pool.spawn(Effect.never)
      yield* pool.run(Effect.void)
      yield* Effect.orDie(pool.resize(0))
      const stats = yield* pool.stats
      const received = yield* overTheWire(PoolStats, stats)
      expect([stats, received.value].every((value) => value instanceof PoolStats)).toBe(true)
      expect(received.value).toEqual(stats)
      const plain = {
        name: "default",
        size: 0,
        running: 1,
        free: -1,
        waiting: 0,
        borrowed: 0,
        started: 2,
        succeeded: 1,
        failed: 0,
        interrupted: 0,
        rejected: 0
      }
      expect(JSON.parse(received.text)).toEqual(plain)
      const encoded = yield* Schema.encodeEffect(PoolStats)(new PoolStats(plain))
      expect(encoded).toEqual(plain)
      expect(Object.getPrototypeOf(encoded)).toBe(Object.prototype)
    }))
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
        expect([value._tag, value.value, value.message]).toEqual(["InvalidPoolSize", error.value, error.message])
      }
    }))

  it("says what is allowed and names the value", () => {
    expect(new InvalidPoolSize({ value: "-3" }).message).toBe(
      "Invalid pool size -3: it must be a non-negative safe integer (0 pauses the pool)"
    )
  })
})

describe("SourceError", () => {
  it.effect("survives JSON with the message of its cause, also where that is no error", () =>
    Effect.gen(function*() {
      const { value } = yield* overTheWire(SourceError, new SourceError({ cause: new Error("the wire is cut") }))
      expect(value).toBeInstanceOf(SourceError)
      expect(value._tag).toBe("SourceError")
      expect(value.cause).toBeInstanceOf(Error)
      expect(value.message).toContain("the wire is cut")
      expect(new SourceError({ cause: "gone" }).message).toMatch(/^The async source failed: .*gone/)
      expect(new SourceError({ cause: undefined }).message).toMatch(/undefined/)
    }))
})
