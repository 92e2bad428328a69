/**
 * What users' functions do inside the pool's steps: they act on the pool, throw, and keep what they were given.
 */
import { describe, expect, it, vi } from "@effect/vitest"
import { Cause, Clock, Deferred, Effect, Exit, Fiber, Logger, Option, References, Scope, Stream, Tracer } from "effect"
import { GreenPile, GreenPool } from "../src/index.ts"
import { expectEmpty, expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { countSleepers } from "./support/sleepers.ts"
import { atRest } from "./support/turns.ts"

/** A tracer that calls a function at the end of each span. */
const makeTracer = (onEnd: () => void): Tracer.Tracer =>
  Tracer.make({
    span(options) {
      const span = new Tracer.NativeSpan(options)
      const end = span.end.bind(span)
      return Object.assign(span, {
        end: (time: bigint, exit: Exit.Exit<unknown, unknown>) => {
          end(time, exit)
          onEnd()
        }
      })
    }
  })

/** What a callback does, which runs outside of any effect. */
const outside = {
  fork: <A, E>(effect: Effect.Effect<A, E>) => Effect.runFork(effect),
  runSync: <A, E>(effect: Effect.Effect<A, E>) => Effect.runSync(effect),
  runCallback: <A, E>(effect: Effect.Effect<A, E>, onExit: () => void) => Effect.runCallback(effect, { onExit })
}

describe("the weight of a key", () => {
  it.effect("is asked once when the key comes into use", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const pool = yield* GreenPool.make({
        size: 1,
        weight: (key) => {
          asked.push(key)
          return 1
        }
      })
      const gate = yield* Deferred.make<void>()
      yield* forkNow(pool.run(Deferred.await(gate), { key: "a" }))
      yield* forkNow(pool.run(Effect.void, { key: "a" }))
      yield* forkNow(pool.run(Effect.void, { key: "b" }))
      yield* forkNow(Stream.runDrain(pool.imap(() => Effect.void, [1, 2], { key: "b" })))
      expect(asked).toEqual(["a", "b"])
      yield* Deferred.succeed(gate, undefined)
      yield* pool.waitall
      yield* pool.run(Effect.void, { key: "a" })
      expect(asked).toEqual(["a", "b", "a"])
      expect(yield* pool.keys).toEqual([])
    }))

  it.effect("may close the pool: the caller is interrupted", () =>
    Effect.gen(function*() {
      for (const verb of ["run", "spawn", "spawnN"] as const) {
        const scope = yield* Scope.make()
        const pool = yield* Scope.provide(
          GreenPool.make({
            size: 0,
            weight: () => {
              outside.fork(Scope.close(scope, Exit.void))
              return 1
            }
          }),
          scope
        )
        const call = yield* forkNow(pool[verb](Effect.void, { key: "a" }))
        expect(Exit.hasInterrupts(yield* Fiber.await(call))).toBe(true)
        expect(yield* pool.stats).toMatchObject({ running: 0, waiting: 0 })
      }
    }))

  it.effect("may leave the map that asks for it, which holds no slot then", () =>
    Effect.gen(function*() {
      let leave = () => {}
      const pool = yield* GreenPool.make({
        size: 1,
        weight: () => {
          leave()
          return 1
        }
      })
      const reader = yield* Effect.forkChild(Stream.runDrain(pool.imap(() => Effect.never, [1, 2], { key: "a" })))
      leave = () => reader.interruptUnsafe()
      yield* Fiber.await(reader)
      yield* expectEmpty(pool)
      leave = () => {}
      yield* expectWorking(pool)
    }))
})

describe("a bound", () => {
  it.effect("may end all jobs with keys: what its caller is among the keys is looked up after that", () =>
    Effect.gen(function*() {
      const gates = [yield* Deferred.make<void>(), yield* Deferred.make<void>(), yield* Deferred.make<void>()] as const
      const pool = yield* GreenPool.make({
        size: 1,
        maxWaiting: () => {
          Deferred.doneUnsafe(gates[0], Exit.void)
          return 10
        }
      })
      yield* forkNow(pool.run(Deferred.await(gates[0]), { key: "a" }))
      yield* forkNow(pool.run(Deferred.await(gates[1])))
      yield* forkNow(pool.run(Deferred.await(gates[2]), { key: "b" }))
      yield* Deferred.succeed(gates[1], undefined)
      yield* atRest
      expect((yield* pool.keys).map(({ key, running, waiting }) => ({ key, running, waiting })))
        .toEqual([{ key: "b", running: 1, waiting: 0 }])
      yield* Deferred.succeed(gates[2], undefined)
      yield* pool.waitall
      expect(yield* pool.keys).toEqual([])
    }))
})

describe("a tracer", () => {
  it.effect("gets no call in before the queue while several slots are granted", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      let onEnd = () => {}
      const tracer = makeTracer(() => onEnd())
      const pool = yield* GreenPool.make({ size: 0, tracing: true })
      const job = (name: string) => Effect.andThen(Effect.sync(() => order.push(name)), Effect.never)
      yield* forkNow(Effect.withTracer(pool.run(job("first")), tracer))
      yield* forkNow(Effect.withTracer(pool.run(job("second")), tracer))
      let got = Option.some<unknown>(undefined)
      onEnd = () => {
        onEnd = () => {}
        got = outside.runSync(pool.spawnIfAvailable(job("barged in")))
      }
      yield* pool.resize(2)
      yield* atRest
      expect(got).toEqual(Option.none())
      expect(order).toEqual(["first", "second"])
    }))

  it.effect("that closes the pool when a wait ends leaves no caller waiting", () =>
    Effect.gen(function*() {
      for (const verb of ["run", "spawn", "spawnN"] as const) {
        const scope = yield* Scope.make()
        const gate = yield* Deferred.make<void>()
        let onEnd = () => {}
        const pool = yield* Scope.provide(
          GreenPool.make({
            size: 1,
            tracing: true,
            maxWaiting: () => {
              Deferred.doneUnsafe(gate, Exit.void)
              return 10
            }
          }),
          scope
        )
        yield* forkNow(pool.run(Deferred.await(gate)))
        onEnd = () => {
          onEnd = () => {}
          outside.fork(Scope.close(scope, Exit.void))
        }
        const call: Fiber.Fiber<unknown, unknown> = yield* forkNow(
          Effect.withTracer(pool[verb](Effect.void), makeTracer(() => onEnd()))
        )
        yield* atRest
        expect(call.pollUnsafe()).toBeDefined()
        expect(yield* pool.stats).toMatchObject({ running: 0, waiting: 0 })
      }
    }))
})

describe("a tracer that acts when a wait begins", () => {
  /** A tracer that calls a function when the first span begins. */
  const makeBeginTracer = (onBegin: () => void): Tracer.Tracer => {
    let begins = 0
    return Tracer.make({
      span(options) {
        if (++begins === 1) onBegin()
        return new Tracer.NativeSpan(options)
      }
    })
  }

  it.effect("may fill the queue: its caller is rejected", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 0, maxWaiting: 1, tracing: true })
      const tracer = makeBeginTracer(() => outside.fork(pool.run(Effect.void)))
      const exit = yield* Effect.exit(Effect.withTracer(pool.run(Effect.void), tracer))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ reason: "QueueFull", waiting: 1 })
      expect(yield* pool.stats).toMatchObject({ waiting: 1, rejected: 1 })
    }))

  it.effect("may close the pool: its caller is interrupted", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(GreenPool.make({ size: 0, tracing: true }), scope)
      const tracer = makeBeginTracer(() => outside.fork(Scope.close(scope, Exit.void)))
      const exit = yield* Effect.exit(Effect.withTracer(pool.run(Effect.void), tracer))
      expect(Exit.hasInterrupts(exit)).toBe(true)
      expect(yield* pool.stats).toMatchObject({ waiting: 0, running: 0 })
    }))
})

describe("a clock", () => {
  it.effect("may end the last job while a drain sets its timer, which is not left behind", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const gate = yield* Deferred.make<void>()
      const sleepers = yield* countSleepers
      let isDraining = false
      const clock: Clock.Clock = {
        ...sleepers,
        monotonicTimeNanosUnsafe: () => {
          if (isDraining) Deferred.doneUnsafe(gate, Exit.void)
          return sleepers.monotonicTimeNanosUnsafe()
        }
      }
      const pool = yield* Scope.provide(GreenPool.make({ size: 1, onClose: "drain", drainTimeout: 100 }), scope).pipe(
        Effect.provideService(Clock.Clock, clock)
      )
      const job = yield* forkNow(pool.run(Deferred.await(gate)))
      isDraining = true
      yield* Scope.close(scope, Exit.void)
      expect(yield* Fiber.await(job)).toEqual(Exit.void)
      yield* atRest
      expect(sleepers.sleepers).toBe(0)
    }))
})

describe("what a callback throws", () => {
  /** Runs an effect, and collects what is thrown outside of it. */
  const uncaught = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const errors: Array<unknown> = []
        const others = process.listeners("uncaughtException")
        process.removeAllListeners("uncaughtException")
        const onError = (error: unknown) => errors.push(error)
        process.on("uncaughtException", onError)
        return { errors, others, onError }
      }),
      ({ errors }) => Effect.andThen(effect, Effect.sync(() => errors)),
      ({ onError, others }) =>
        Effect.sync(() => {
          process.off("uncaughtException", onError)
          for (const other of others) process.on("uncaughtException", other)
        })
    )
  const bug = () => {
    throw new Error("bug")
  }

  it.live("costs no other reader of changes a state", () =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* makePool(1)
      const seen: Array<number> = []
      const errors = yield* uncaught(Effect.gen(function*() {
        yield* Effect.forkScoped(Effect.gen(function*() {
          const pull = yield* Stream.toPull(pool.changes)
          yield* pull
          const child = yield* Effect.forkChild(Effect.void)
          child.addObserver(bug)
          yield* pull
        }))
        yield* Effect.sleep(5)
        yield* Effect.forkScoped(Stream.runForEach(pool.changes, ({ size }) => Effect.sync(() => seen.push(size))))
        for (const size of [2, 3]) {
          yield* Effect.sleep(5)
          yield* pool.resize(size)
        }
        yield* Effect.sleep(5)
      }))
      expect(seen).toEqual([1, 2, 3])
      expect(errors).toHaveLength(1)
    })))

  it.live("costs no other caller its turn or its slot", () =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* makePool(2)
      const gate = yield* Deferred.make<void>()
      let done = 0
      const errors = yield* uncaught(Effect.gen(function*() {
        outside.fork(pool.run(Deferred.await(gate)))
        outside.fork(pool.run(Deferred.await(gate)))
        outside.runCallback(pool.run(Effect.void), bug)
        for (let i = 0; i < 3; i++) outside.runCallback(pool.run(Effect.void), () => done++)
        yield* Deferred.succeed(gate, undefined)
        yield* pool.waitall
        yield* Effect.sleep(20)
      }))
      expect(errors).toEqual([new Error("bug")])
      expect(done).toBe(3)
      yield* expectWorking(pool)
    })))

  const observed = Effect.withFiber((fiber) => {
    fiber.addObserver(bug)
    return Effect.void
  })

  it.live.each([
    { when: "in its first step", bad: observed },
    { when: "later", bad: Effect.andThen(observed, Effect.sleep(1)) }
  ])("in the fiber of an item, $when, leaves the map at work", ({ bad }) =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* makePool(2)
      let read: ReadonlyArray<number> = []
      const errors = yield* uncaught(Effect.gen(function*() {
        read = yield* Stream.runCollect(
          pool.imap((item: number) => Effect.as(item === 2 ? bad : Effect.void, item), [1, 2, 3, 4])
        )
        yield* Effect.sleep(20)
      }))
      expect(read).toEqual([1, 2, 3, 4])
      expect(errors).toEqual([new Error("bug")])
      yield* expectWorking(pool)
    })))

  it.live("while the pool closes leaves no job uninterrupted", () =>
    Effect.scoped(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(makePool(3), scope)
      let interrupted = 0
      const job = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const errors = yield* uncaught(Effect.gen(function*() {
        yield* pool.spawn(job)
        yield* pool.spawn(Effect.andThen(observed, job))
        yield* pool.spawn(job)
        yield* atRest
        yield* Scope.close(scope, Exit.void)
        yield* Effect.sleep(20)
      }))
      expect(errors).toEqual([new Error("bug")])
      expect(interrupted).toBe(3)
      yield* expectEmpty(pool)
    })))
})

describe("a service that was built inside a job and provides its own context", () => {
  it.effect("is inside the job that uses it later", () =>
    Effect.gen(function*() {
      for (const size of [1, 2]) {
        const pool = yield* makePool(size)
        const make = Effect.map(Effect.context<never>(), (context) => ({
          lookup: Effect.provide(pool.run(Effect.succeed("found")), context)
        }))
        const lazily = yield* Effect.cached(make)
        const use = Effect.flatMap(lazily, ({ lookup }) => lookup)
        expect(yield* pool.run(use)).toBe("found")
        // Full: what is used inside the later job has to borrow its slot.
        if (size === 2) yield* forkNow(pool.run(Effect.never))
        expect(yield* pool.run(use)).toBe("found")
        expect(yield* Effect.flatMap(pool.spawn(use), Fiber.join)).toBe("found")
        expect(yield* Stream.runCollect(pool.imap(() => use, [1, 2]))).toEqual(["found", "found"])
        expect(yield* Effect.scoped(Effect.flatMap(pool.takeScoped(), (slot) => slot.within(use)))).toBe("found")
        const pile = yield* GreenPile.make<string>(pool)
        yield* pile.spawn(use)
        expect(yield* pile.next).toEqual(Option.some("found"))
      }
    }))
})

describe("two copies of the package", () => {
  it.live("know nothing of each other's jobs", () =>
    Effect.scoped(Effect.gen(function*() {
      vi.resetModules()
      const other = yield* Effect.promise(() => import("../src/index.ts"))
      expect(other.GreenPool).not.toBe(GreenPool)
      const one = yield* makePool(1)
      const two = yield* Effect.orDie(other.GreenPool.make({ size: 0 }))
      const inner = yield* forkNow(one.run(two.run(Effect.succeed("ran on a paused pool"))))
      yield* atRest
      expect(inner.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(inner)
      yield* one.run(two.waitall)
      yield* expectEmpty(one)
    })))
})

describe("a pool that is used after its scope has closed", () => {
  it.effect("says so once, in the log of the first caller", () =>
    Effect.gen(function*() {
      const lines: Array<readonly [unknown, unknown]> = []
      const logger = Logger.make(({ fiber, logLevel, message }) => {
        lines.push([logLevel, { ...fiber.getRef(References.CurrentLogAnnotations), message: String(message) }])
      })
      const logged = Effect.provide(Logger.layer([logger]))
      const calls: ReadonlyArray<(pool: GreenPool) => Effect.Effect<unknown, unknown, Scope.Scope>> = [
        (pool) => pool.run(Effect.void),
        (pool) => pool.spawn(Effect.void),
        (pool) => pool.spawnN(Effect.void),
        (pool) => pool.runIfAvailable(Effect.void),
        (pool) => pool.spawnIfAvailable(Effect.void),
        (pool) => pool.waitall,
        (pool) => pool.resize(3),
        (pool) => Stream.runDrain(pool.imap(Effect.succeed, [1])),
        (pool) => pool.takeScoped(),
        (pool) => Stream.runDrain(pool.runStream(Stream.make(1)))
      ]
      for (const call of calls) {
        lines.length = 0
        const pool = yield* Effect.scoped(GreenPool.make({ size: 1, name: "gone" }))
        for (let i = 0; i < 2; i++) {
          const exit = yield* Effect.exit(Effect.uninterruptible(Effect.scoped(call(pool)))).pipe(
            Effect.annotateLogs("caller", "test"),
            logged
          )
          expect(Exit.hasInterrupts(exit)).toBe(true)
        }
        expect(lines).toEqual([["Warn", {
          caller: "test",
          pool: "gone",
          message: expect.stringContaining("Pool \"gone\" was used after it had closed")
        }]])
      }
    }))

  it.effect("says nothing to those that the close interrupts", () =>
    Effect.gen(function*() {
      let lines = 0
      const logged = Effect.provide(Logger.layer([Logger.make(() => lines++)]))
      yield* logged(Effect.gen(function*() {
        const scope = yield* Scope.make()
        const pool = yield* Scope.provide(makePool(1), scope)
        const pile = yield* Scope.provide(GreenPile.make<void>(pool), scope)
        yield* forkNow(pool.run(Effect.ensuring(Effect.never, Effect.exit(pool.run(Effect.void)))))
        const calls = [pool.run(Effect.void), pool.waitall, pile.spawn(Effect.void), pile.next, pool.spawn(Effect.void)]
        for (const call of calls) yield* forkNow(call as Effect.Effect<unknown>)
        yield* forkNow(Stream.runDrain(pool.imap(Effect.succeed, [1])))
        yield* Scope.close(scope, Exit.void)
        yield* atRest
      }))
      expect(lines).toBe(0)
    }))
})
