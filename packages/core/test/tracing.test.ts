import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Scope, Stream, Tracer } from "effect"
import { TestClock } from "effect/testing"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPile, GreenPool, type GreenPoolOptions, type PoolFull, type PoolStats } from "../src/index.ts"
import { expectConsistent, expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { lengthOf, makeTracer, parentOf } from "./support/spans.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"

const makeTraced = (options?: GreenPoolOptions) =>
  Effect.orDie(GreenPool.make({ size: 1, name: "api", tracing: true, ...options }))

/** The calls that may have to wait. */
const calls: Record<
  string,
  (pool: GreenPool<PoolFull>) => (job: Effect.Effect<void>) => Effect.Effect<unknown, PoolFull>
> = {
  run: (pool) => (job) => pool.run(job),
  spawn: (pool) => (job) => pool.spawn(job),
  spawnN: (pool) => (job) => pool.spawnN(job),
  "pile.spawn": (pool) => (job) =>
    Effect.scoped(Effect.gen(function*() {
      const pile = yield* Effect.orDie(GreenPile.make<void, never, PoolFull>(pool))
      yield* pile.spawn(job)
      yield* pile.next
    }))
}

describe.each(Object.entries(calls))("a wait in %s", (_, callOn) => {
  it.effect("is a span under the caller's, with the name and the size of the pool", () =>
    Effect.gen(function*() {
      const tracer = makeTracer()
      const pool = yield* makeTraced()
      yield* forkNow(pool.run(Effect.sleep("240 millis")))
      const caller = yield* forkNow(
        tracer.provide(Effect.withSpan(callOn(pool)(Effect.withSpan(Effect.sleep("30 millis"), "job")), "request"))
      )
      yield* TestClock.adjust("240 millis")
      const [wait] = tracer.waits
      expect(Object.fromEntries(wait?.attributes ?? [])).toEqual({ "greenpool.pool": "api", "greenpool.size": 1 })
      expect(parentOf(wait)).toBe("request")
      expect(lengthOf(wait)).toBe(240)
      expect(wait?.status).toMatchObject({ exit: Exit.void })
      yield* TestClock.adjust("30 millis")
      yield* Fiber.join(caller)
      expect(tracer.spans.map(({ name }) => name)).toEqual(["request", "greenpool.wait", "job"])
      const job = tracer.spans[2]
      expect(parentOf(job)).toBe("request")
      expect(lengthOf(job)).toBe(30)
    }))

  it.effect("is over when its job starts", () =>
    Effect.gen(function*() {
      const tracer = makeTracer()
      const pool = yield* makeTraced()
      const gate = yield* Deferred.make<void>()
      yield* forkNow(pool.run(Deferred.await(gate)))
      const seen: Array<string | undefined> = []
      const job = Effect.sync(() => void seen.push(tracer.waits[0]?.status._tag))
      const caller = yield* forkNow(tracer.provide(callOn(pool)(job)))
      expect(tracer.waits[0]?.status._tag).toBe("Started")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(caller)
      yield* pool.waitall
      expect(seen).toEqual(["Ended"])
    }))

  it.effect("fails where it does: a time-out, an interruption, the end of the pool", () =>
    Effect.gen(function*() {
      const tracer = makeTracer()
      const scope = yield* Scope.make()
      const pool = yield* makeTraced({ maxWait: "1 second" }).pipe(Effect.provideService(Scope.Scope, scope))
      yield* forkNow(pool.run(Effect.never))
      const call = tracer.provide(callOn(pool)(Effect.void))
      const late = yield* forkNow(call)
      yield* TestClock.adjust("1 second")
      expect(yield* Effect.flip(Fiber.join(late))).toMatchObject({ reason: "WaitTimeout" })
      const interrupted = yield* forkNow(call)
      yield* Fiber.interrupt(interrupted)
      const last = yield* forkNow(call)
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.await(last)
      const exits = tracer.waits.map(({ status }) => status._tag === "Ended" ? status.exit : undefined)
      expect(exits).toHaveLength(3)
      expect(exits[0]).toMatchObject(Exit.fail({ _tag: "PoolFull", reason: "WaitTimeout" }))
      for (const exit of exits.slice(1)) {
        expect(exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
      }
      expect(tracer.waits.map(lengthOf)).toEqual([1000, 0, 0])
    }))

  it.effect("is none where there is no wait", () =>
    Effect.gen(function*() {
      const tracer = makeTracer()
      const pool = yield* makeTraced({ maxWaiting: 0 })
      const call = tracer.provide(callOn(pool)(Effect.void))
      yield* call
      yield* pool.waitall
      // on a loan
      yield* pool.run(call)
      // rejected at the end of the queue
      const fiber = yield* forkNow(pool.run(Effect.never))
      expect(yield* Effect.flip(call)).toMatchObject({ reason: "QueueFull" })
      yield* Fiber.interrupt(fiber)
      expect(tracer.spans).toEqual([])
    }))

  it.effect("is seen for nested jobs too, that wait for a loan", () =>
    Effect.gen(function*() {
      const tracer = makeTracer()
      const pool = yield* makeTraced()
      yield* forkNow(pool.run(Effect.gen(function*() {
        yield* forkNow(pool.run(Effect.sleep("50 millis")))
        yield* tracer.provide(callOn(pool)(Effect.void))
      })))
      yield* TestClock.adjust("50 millis")
      expect(tracer.waits.map(lengthOf)).toEqual([50])
      yield* pool.waitall
    }))

  it.effect("is no span by default", () =>
    Effect.gen(function*() {
      const tracer = makeTracer()
      const pool = yield* makePool(1)
      yield* forkNow(pool.run(Effect.sleep("1 second")))
      const caller = yield* forkNow(tracer.provide(callOn(pool)(Effect.void)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(caller)
      expect(tracer.spans).toEqual([])
    }))
})

describe("tracing", () => {
  it.effect("has no span for maps, which wait for every item of theirs", () =>
    Effect.gen(function*() {
      const tracer = makeTracer()
      const pool = yield* makeTraced()
      const other = yield* forkNow(pool.run(Effect.sleep("1 second")))
      const map = yield* forkNow(tracer.provide(Stream.runDrain(pool.imap(() => Effect.sleep("1 second"), [1, 2, 3]))))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(other)
      yield* Fiber.join(map)
      expect(tracer.spans).toEqual([])
    }))

  it.effect("has no span for calls that never wait", () =>
    Effect.gen(function*() {
      const tracer = makeTracer()
      const pool = yield* makeTraced()
      yield* forkNow(pool.run(Effect.never))
      yield* tracer.provide(Effect.andThen(pool.runIfAvailable(Effect.void), pool.spawnIfAvailable(Effect.void)))
      expect(tracer.spans).toEqual([])
    }))

  it.effect("says the size at the begin of the wait, and is off where the caller's tracer is", () =>
    Effect.gen(function*() {
      const tracer = makeTracer()
      const pool = yield* makeTraced({ size: 0 })
      const caller = yield* forkNow(tracer.provide(pool.run(Effect.void)))
      yield* forkNow(Effect.withTracerEnabled(tracer.provide(pool.run(Effect.void)), false))
      yield* pool.resize(2)
      yield* Fiber.join(caller)
      yield* atRest
      expect(tracer.waits.map(({ attributes }) => attributes.get("greenpool.size"))).toEqual([0])
    }))

  it.effect("has no times where the caller wants none", () =>
    Effect.gen(function*() {
      const tracer = makeTracer()
      const pool = yield* makeTraced()
      yield* forkNow(pool.run(Effect.sleep("1 second")))
      yield* forkNow(Effect.withTracerTiming(tracer.provide(pool.run(Effect.void)), false))
      yield* TestClock.adjust("1 second")
      expect(tracer.waits.map(({ status }) => status)).toMatchObject([{ startTime: 0n, endTime: 0n }])
    }))

  it.effect("by a tracer that looks at the pool and interrupts the caller finds it at rest", () =>
    Effect.gen(function*() {
      const context = yield* Effect.context<never>()
      const states: Array<PoolStats> = []
      for (const call of Object.values(calls)) {
        for (const isGranted of [true, false]) {
          const pool = yield* makeTraced({ maxWait: "1 second" })
          const stage = new Stage()
          const callers: Array<Fiber.Fiber<unknown, unknown>> = []
          const tracer = Tracer.make({
            span(options) {
              const span = new Tracer.NativeSpan(options)
              span.end = () => {
                states.push(Effect.runSyncWith(context)(pool.stats))
                for (const caller of callers) caller.interruptUnsafe()
              }
              return span
            }
          })
          yield* forkNow(pool.run(stage.job("a")))
          const caller = yield* forkNow(Effect.withTracer(call(pool)(Effect.void), tracer))
          callers.push(caller)
          yield* isGranted ? stage.finish("a") : TestClock.adjust("1 second")
          yield* Fiber.await(caller)
          yield* stage.finish("a")
          yield* pool.waitall
          yield* expectWorking(pool)
        }
      }
      expect(states).toHaveLength(8)
      states.forEach(expectConsistent)
    }))

  it.effect("keeps no span when the wait is over", () =>
    Effect.gen(function*() {
      const pool = yield* makeTraced()
      const stage = new Stage()
      yield* forkNow(pool.run(stage.job("a")))
      yield* forkNow(makeTracer().provide(pool.run(stage.job("b"))))
      const [b] = toInternal(pool).slots.semaphore.toArray()
      const kept = () => (b?.wait as unknown as { readonly endSpan: unknown } | undefined)?.endSpan
      expect(kept()).toBeDefined()
      yield* stage.finish("a")
      yield* atRest
      expect(kept()).toBeUndefined()
      yield* stage.finish("b")
    }))

  it.effect("by a tracer that throws loses no slot and no place", () =>
    Effect.gen(function*() {
      const pool = yield* makeTraced()
      const stage = new Stage()
      const a = yield* forkNow(pool.run(stage.job("a")))
      const withoutSpans = Tracer.make({
        span() {
          throw new Error("no span")
        }
      })
      const exit = yield* Effect.exit(Effect.withTracer(pool.run(stage.job("b")), withoutSpans))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toEqual(new Error("no span"))
      const withoutEnd = Tracer.make({
        span(options) {
          const span = new Tracer.NativeSpan(options)
          span.end = () => {
            throw new Error("no end")
          }
          return span
        }
      })
      yield* forkNow(Effect.withTracer(pool.run(stage.job("c")), withoutEnd))
      yield* forkNow(pool.run(stage.job("d")))
      yield* stage.finishAll
      yield* pool.waitall
      expect(stage.started).toEqual(["a", "c", "d"])
      expect(yield* Fiber.join(a)).toBe("a")
      yield* expectWorking(pool)
    }))
})
