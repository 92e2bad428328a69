import { describe, expect } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPile, GreenPool, type GreenPoolOptions, type PoolFull } from "../src/index.ts"
import { forkNow, makeClosable, testEffect } from "./support/index.ts"
import { lengthOf, makeTracer, parentOf } from "./support/spans.ts"

const makeTraced = (options?: GreenPoolOptions) =>
  Effect.orDie(GreenPool.make({ size: 1, name: "api", tracing: true, ...options }))

/** A traced pool whose slot is taken for so many milliseconds, and a tracer. */
const setUp = Effect.fnUntraced(function*(milliseconds: number, options?: GreenPoolOptions) {
  const pool = yield* makeTraced(options)
  yield* forkNow(pool.run(Effect.sleep(milliseconds)))
  return { pool, tracer: makeTracer() }
})

type Call = (pool: GreenPool<PoolFull>, job: Effect.Effect<void>) => Effect.Effect<unknown, PoolFull>

/** The calls that may have to wait. */
const calls: Record<string, Call> = {
  run: (pool, job) => pool.run(job),
  spawn: (pool, job) => pool.spawn(job),
  spawnN: (pool, job) => pool.spawnN(job),
  "pile.spawn": (pool, job) =>
    Effect.scoped(
      Effect.flatMap(GreenPile.make<void, never, PoolFull>(pool), (pile) => Effect.andThen(pile.spawn(job), pile.next))
    )
}

describe.each(Object.entries(calls))("a wait in %s", (_, call) => {
  testEffect("is a span under the caller's, with the pool's name and size, over when its job starts", function*() {
    const { pool, tracer } = yield* setUp(240)
    const seen: Array<string | undefined> = []
    const look = Effect.sync(() => void seen.push(tracer.waits[0]?.status._tag))
    const job = Effect.andThen(look, Effect.withSpan(Effect.sleep("30 millis"), "job"))
    const caller = yield* forkNow(tracer.provide(Effect.withSpan(call(pool, job), "request")))
    yield* look
    yield* TestClock.adjust("240 millis")
    yield* TestClock.adjust("30 millis")
    yield* Fiber.join(caller)
    expect(seen).toEqual(["Started", "Ended"])
    const [, wait, itself] = tracer.spans
    expect(tracer.spans.map(({ name }) => name)).toEqual(["request", "greenpool.wait", "job"])
    expect(Object.fromEntries(wait?.attributes ?? [])).toEqual({ "greenpool.pool": "api", "greenpool.size": 1 })
    expect(wait?.status).toMatchObject({ exit: Exit.void })
    expect([parentOf(wait), lengthOf(wait)]).toEqual(["request", 240])
    expect([parentOf(itself), lengthOf(itself)]).toEqual(["request", 30])
  })

  testEffect("fails where it does: a time-out, an interruption, the end of the pool", function*() {
    const tracer = makeTracer()
    const { close, pool } = yield* makeClosable({ size: 1, tracing: true, maxWait: "1 second" })
    yield* forkNow(pool.run(Effect.never))
    const traced = tracer.provide(call(pool, Effect.void))
    const late = yield* forkNow(traced)
    yield* TestClock.adjust("1 second")
    expect(yield* Effect.flip(Fiber.join(late))).toMatchObject({ reason: "WaitTimeout" })
    yield* Fiber.interrupt(yield* forkNow(traced))
    const last = yield* forkNow(traced)
    yield* close
    yield* Fiber.await(last)
    const exits = tracer.waits.map(({ status }) => status._tag === "Ended" ? status.exit : Exit.void)
    expect(exits).toHaveLength(3)
    expect(exits[0]).toMatchObject(Exit.fail({ _tag: "PoolFull", reason: "WaitTimeout" }))
    expect(exits.slice(1).every((exit) => Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))).toBe(true)
    expect(tracer.waits.map(lengthOf)).toEqual([1000, 0, 0])
  })

  testEffect("is none where there is no wait, nor by default", function*() {
    const tracer = makeTracer()
    const pool = yield* makeTraced({ maxWaiting: 0 })
    const traced = tracer.provide(call(pool, Effect.void))
    yield* traced
    yield* pool.waitall
    // on a loan
    yield* pool.run(traced)
    // rejected at the end of the queue
    yield* forkNow(pool.run(Effect.never))
    expect(yield* Effect.flip(traced)).toMatchObject({ reason: "QueueFull" })
    const untraced = yield* setUp(1000, { tracing: false })
    const caller = yield* forkNow(tracer.provide(call(untraced.pool, Effect.void)))
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(caller)
    expect(tracer.spans).toEqual([])
  })
})

describe("tracing", () => {
  testEffect("has no span for maps, which wait for every item of theirs, nor for calls that never wait", function*() {
    const { pool, tracer } = yield* setUp(1000)
    yield* tracer.provide(Effect.andThen(pool.runIfAvailable(Effect.void), pool.spawnIfAvailable(Effect.void)))
    const map = yield* forkNow(tracer.provide(Stream.runDrain(pool.imap(() => Effect.sleep("1 second"), [1, 2, 3]))))
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.join(map)
    expect(tracer.spans).toEqual([])
  })

  testEffect("says the size at the begin of the wait; is off or has no times at the caller's wish", function*() {
    const tracer = makeTracer()
    const pool = yield* makeTraced({ size: 0 })
    const call = tracer.provide(pool.run(Effect.void))
    yield* forkNow(call)
    yield* forkNow(Effect.withTracerEnabled(call, false))
    yield* TestClock.adjust("1 second")
    yield* forkNow(Effect.withTracerTiming(call, false))
    yield* TestClock.adjust("1 second")
    yield* pool.resize(2)
    yield* pool.waitall
    expect(tracer.waits.map(({ attributes }) => attributes.get("greenpool.size"))).toEqual([0, 0])
    expect(tracer.waits.map(lengthOf)).toEqual([2000, 0])
    expect(tracer.waits[1]?.status).toMatchObject({ startTime: 0n, endTime: 0n })
  })

  testEffect("keeps no span when the wait is over", function*() {
    const { pool, tracer } = yield* setUp(1000)
    yield* forkNow(tracer.provide(pool.run(Effect.never)))
    const [b] = toInternal(pool).slots.semaphore.toArray()
    const kept = () => (b?.wait as unknown as { readonly onSpanEnd: unknown } | undefined)?.onSpanEnd
    expect(kept()).toBeDefined()
    yield* TestClock.adjust("1 second")
    expect(kept()).toBeUndefined()
  })
})
