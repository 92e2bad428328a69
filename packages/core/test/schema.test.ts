import { describe, expect, it } from "@effect/vitest"
import { Config, ConfigProvider, Duration, Effect, Record, Schema } from "effect"
import {
  AdaptiveStats,
  GreenPool,
  GreenPoolOptions,
  InvalidPoolSize,
  KeyStats,
  PoolSize,
  PoolStats,
  SourceError
} from "../src/index.ts"
import { makePool, testEffect } from "./support/index.ts"

/** Out as JSON text, and in again. */
const overTheWire = Effect.fnUntraced(function*<S extends Schema.Codec<unknown, unknown>>(schema: S, value: S["Type"]) {
  const json = Schema.toCodecJson(schema)
  const text = JSON.stringify(yield* Schema.encodeEffect(json)(value))
  return { text, value: yield* Schema.decodeUnknownEffect(json)(JSON.parse(text)) }
})

/** What is wrong as a size. */
const noSizes = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "many", null, undefined]

it("PoolSize takes safe integers of at least 0, and refuses everything else", () => {
  for (const size of [0, 1, 2, 1000, Number.MAX_SAFE_INTEGER]) {
    expect(Schema.decodeUnknownSync(PoolSize)(size)).toBe(size)
  }
  for (const size of [...noSizes, "1", {}]) expect(Schema.decodeUnknownExit(PoolSize)(size)._tag).toBe("Failure")
})

describe("GreenPoolOptions", () => {
  const read = (pool: unknown) => Config.schema(GreenPoolOptions, "pool").parse(ConfigProvider.fromUnknown({ pool }))

  testEffect("are options of make, all optional", function*() {
    const decode = Schema.decodeUnknownEffect(GreenPoolOptions)
    expect(yield* decode({})).toEqual({})
    const options = yield* decode({ size: 3, name: "api" })
    expect(yield* Effect.flatMap(GreenPool.make(options), (pool) => pool.stats)).toMatchObject(options)
  })

  testEffect("can be read as configuration, as far as they are plain data", function*() {
    const plain = { size: 7, maxWaiting: 20, priorityBoost: 0.5, metrics: true, tracing: false }
    const texts = Object.fromEntries(Object.entries(plain).map(([name, value]) => [name, `${value}`]))
    const words = { name: "api", onClose: "drain" } as const
    const times = { maxWait: "500 millis", drainTimeout: "10 seconds", slowWait: "30 seconds" } as const
    const options = yield* read({ ...texts, ...words, ...times })
    expect(options).toEqual({ ...plain, ...words, ...Record.map(times, Duration.fromInputUnsafe) })
    const pool = yield* GreenPool.make({ ...options, size: 0, maxWaiting: 0 })
    expect((yield* Effect.flip(pool.run(Effect.void))).reason).toBe("QueueFull")
  })

  testEffect("refuse values, and a configuration, that are none", function*() {
    for (const options of [{ size: "3" }, { name: 3 }, { size: Number.NaN }, { size: -1 }, { size: 1.5 }, null]) {
      expect(Schema.decodeUnknownExit(GreenPoolOptions)(options)._tag).toBe("Failure")
    }
    const counts = [{ maxWaiting: "-1" }, { priorityBoost: "-1" }, { tracing: "1.5" }, { metrics: "much" }]
    for (const options of [...counts, { maxWait: "soon" }, { slowWait: "5" }, { onClose: "stop" }]) {
      expect((yield* Effect.exit(read(options)))._tag).toBe("Failure")
    }
  })
})

testEffect("PoolStats survives JSON, with a negative number of free slots too, and is a PoolStats again", function*() {
  const pool = yield* makePool(2)
  yield* pool.spawn(Effect.never)
  yield* pool.run(Effect.void)
  yield* Effect.orDie(pool.resize(0))
  const stats = yield* pool.stats
  const { text, value } = yield* overTheWire(PoolStats, stats)
  expect(value).toBeInstanceOf(PoolStats)
  expect(value).toEqual(stats)
  const ends = { started: 2, succeeded: 1, failed: 0, interrupted: 0, rejected: 0 }
  const plain = { name: "default", size: 0, running: 1, free: -1, waiting: 0, borrowed: 0, ...ends }
  expect(JSON.parse(text)).toEqual(plain)
  const encoded = yield* Schema.encodeEffect(PoolStats)(stats)
  expect(encoded).toEqual(plain)
  expect(Object.getPrototypeOf(encoded)).toBe(Object.prototype)
})

const adaptive = { phase: "steady", elasticity: -0.5, goodput: 12.5, latency: 0.25, cuts: 2 } as const

testEffect.each<[typeof KeyStats, KeyStats] | [typeof AdaptiveStats, AdaptiveStats]>([
  [KeyStats, new KeyStats({ key: "k", weight: 0.5, running: 1, waiting: 2 })],
  [KeyStats, new KeyStats({ weight: 1, running: 0, waiting: 1 })],
  [AdaptiveStats, new AdaptiveStats(adaptive)],
  [AdaptiveStats, new AdaptiveStats({ ...adaptive, ceiling: 64.5 })]
])("figures survive JSON, those of %o with all fields or the fewest", function*([schema, stats]) {
  const { text, value } = yield* overTheWire(schema, stats)
  expect(value).toBeInstanceOf(schema)
  expect([value, JSON.parse(text)]).toEqual([stats, { ...stats }])
})

testEffect("InvalidPoolSize says what is allowed and survives JSON, whatever the value was", function*() {
  const pool = yield* makePool(1)
  for (const size of [...noSizes, 10n, Symbol("s")]) {
    const error = yield* Effect.flip(pool.resize(size as number))
    const { value } = yield* overTheWire(InvalidPoolSize, error)
    expect(value).toBeInstanceOf(InvalidPoolSize)
    expect(value).toEqual(error)
  }
  expect(new InvalidPoolSize({ value: "-3" }).message).toBe(
    "Invalid pool size -3: it must be a non-negative safe integer (0 pauses the pool)"
  )
})

testEffect("SourceError survives JSON with the message of its cause, also where that is no error", function*() {
  const { value } = yield* overTheWire(SourceError, new SourceError({ cause: new Error("the wire is cut") }))
  expect(value).toBeInstanceOf(SourceError)
  expect([value._tag, value.message]).toEqual(["SourceError", "The async source failed: the wire is cut"])
  expect(value.cause).toBeInstanceOf(Error)
  expect(new SourceError({ cause: "gone" }).message).toMatch(/^The async source failed: .*gone/)
  expect(new SourceError({ cause: { code: 7 } }).message).toBe(`The async source failed: {"code":7}`)
  expect(new SourceError({ cause: undefined }).message).toMatch(/undefined/)
})
