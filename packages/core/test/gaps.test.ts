/**
 * What no other test would notice: each is here because of a fault that got past all of them (see `mutation`).
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Metric, Option, type Scheduler, Scope, Stream } from "effect"
import { GreenPile, GreenPool } from "../src/index.ts"
import { counters, expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { collectGarbage, heap } from "./support/heap.ts"
import { makePool } from "./support/makePool.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"
import { mapOf, verbs } from "./support/verbs.ts"
import { World } from "./support/world.ts"

/** The effect, so many operations later. */
const later = <A, E>(operations: number, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  operations === 0 ? effect : Effect.andThen(Effect.void, later(operations - 1, effect))

describe("a fiber that has outlived several jobs around it", () => {
  it.effect("is outside of all of them, the innermost having ended first", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const fiber = yield* pool.run(pool.run(pool.run(
        Effect.forkDetach(Effect.andThen(stage.gate("jobs ended").await, Effect.exit(pool.waitall)))
      )))
      yield* stage.finish("jobs ended")
      expect(yield* Fiber.join(fiber)).toEqual(Exit.void)
    }))
})

describe("a borrower that outlives a borrower", () => {
  it.effect("gives its loan back to the job that holds the slot, which keeps it", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const outer = yield* forkNow(pool.run(Effect.andThen(
        pool.run(Effect.forkDetach(pool.run(stage.job("innermost")), { startImmediately: true })),
        stage.job("outer")
      )))
      const next = yield* forkNow(pool.run(stage.job("next")))
      expect(yield* counters(pool)).toEqual({ running: 1, free: 0, waiting: 1, borrowed: 1 })
      yield* stage.finish("innermost")
      yield* atRest
      expect(yield* counters(pool)).toEqual({ running: 1, free: 0, waiting: 1, borrowed: 0 })
      expect(stage.started).toEqual(["innermost", "outer"])
      yield* stage.finishAll
      yield* Fiber.join(outer)
      yield* stage.finish("next")
      yield* Fiber.join(next)
      yield* expectWorking(pool)
    }))
})

describe("a nested caller whose job ends while he is on his way into the pool", () => {
  it("borrows nothing of it: its slot has gone to the next in the queue", () => {
    const operations = 40
    for (let delay = 0; delay < operations; delay++) {
      const world = new World()
      const pool = world.pool(1)
      const stage = new Stage()
      let inside = 0
      let most = 0
      const alone = Effect.acquireUseRelease(
        Effect.sync(() => {
          most = Math.max(most, ++inside)
        }),
        () => Effect.andThen(Effect.yieldNow, Effect.yieldNow),
        () => Effect.sync(() => inside--)
      )
      // Ends the job around it, and yields at some step on its way.
      const caller = Effect.andThen(stage.finish("around"), later(delay, pool.run(alone)))
      world.fork(pool.run(Effect.andThen(Effect.forkDetach(caller), stage.job("around"))), operations)
      world.fork(pool.run(alone))
      world.run()
      expect(most).toBe(1)
      world.get(expectWorking(pool))
      world.close()
    }
  })
})

describe("closing a pool", () => {
  it.effect("waits for the finalizers of all jobs, whichever ends first", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* Effect.orDie(GreenPool.make({ size: 3 })).pipe(Scope.provide(scope))
      const stage = new Stage()
      const names = ["a", "b", "c"]
      for (const name of names) {
        yield* pool.spawn(Effect.ensuring(Effect.never, Effect.uninterruptible(stage.job(name))))
      }
      yield* atRest
      const close = yield* forkNow(Scope.close(scope, Exit.void))
      for (const name of names) {
        yield* atRest
        expect(close.pollUnsafe()).toBeUndefined()
        yield* stage.finish(name)
      }
      yield* Fiber.join(close)
      expect(yield* pool.running).toBe(0)
    }))
})

describe("a pool that is never idle", () => {
  it.live("keeps nothing of those who were interrupted in waitall", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      yield* pool.spawn(Effect.never)
      const interruptWaiters = (count: number) =>
        Effect.gen(function*() {
          for (let i = 0; i < count; i++) {
            yield* Fiber.interrupt(yield* Effect.forkDetach(pool.waitall, { startImmediately: true }))
          }
        })
      yield* interruptWaiters(1000)
      const before = yield* heap
      yield* interruptWaiters(20_000)
      // less than fifty bytes each
      expect((yield* heap) - before).toBeLessThan(1_000_000)
    }))
})

describe("a caller of run who gets his slot, and his turn, before he listens", () => {
  it("goes on", () => {
    const operations = 40
    for (let delay = 0; delay < operations; delay++) {
      const world = new World()
      const pool = world.pool(2)
      const stage = new Stage()
      world.fork(pool.run(stage.job("holder")))
      // The holder ends before the turn of the spawned job, which the caller's turn joins.
      const caller = world.fork(
        Effect.andThen(
          Effect.andThen(stage.finish("holder"), pool.spawn(stage.job("spawned"))),
          later(delay, pool.run(Effect.succeed("went on")))
        ),
        operations
      )
      world.run()
      expect(caller.pollUnsafe()).toEqual(Exit.succeed("went on"))
      world.close()
    }
  })
})

describe("fibers that outlive their jobs", () => {
  /** Makes objects and fibers that never end, and tells what is left of the objects. */
  class Remains {
    readonly orphans: Array<Fiber.Fiber<unknown>> = []
    readonly #made: Array<WeakRef<object>> = []

    readonly make = (): object => {
      const object = { payload: new Uint8Array(1000) }
      this.#made.push(new WeakRef(object))
      return object
    }

    /** A job that leaves a fiber behind and gives an object. */
    readonly job = Effect.map(Effect.forkDetach(Effect.never, { startImmediately: true }), (orphan) => {
      this.orphans.push(orphan)
      return this.make()
    })

    /** Does something in a fiber of its own, whose end leaves nothing on the stack. */
    readonly apart = <E>(effect: Effect.Effect<unknown, E>): Effect.Effect<unknown> =>
      Effect.flatMap(Effect.forkDetach(effect), Fiber.await)

    /** Expects that so many objects were made and that all are gone, but for one that may be in a register. */
    readonly expectNone = (count: number): Effect.Effect<void> =>
      Effect.gen({ self: this }, function*() {
        yield* atRest
        yield* collectGarbage
        expect(this.orphans).toHaveLength(20)
        expect(this.#made).toHaveLength(count)
        expect(this.#made.filter((one) => one.deref() !== undefined).length).toBeLessThanOrEqual(1)
        yield* Fiber.interruptAll(this.orphans)
      })
  }

  it.live("keep no result of a pile that was read", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const remains = new Remains()
      for (let i = 0; i < 20; i++) {
        yield* remains.apart(Effect.scoped(Effect.gen(function*() {
          const pile = yield* GreenPile.make<object>(pool)
          yield* pile.spawn(remains.job)
          yield* Effect.asVoid(pile.next)
        })))
      }
      yield* remains.expectNone(20)
    }))

  it.live.each(verbs)("keep no item and no result of %s", (verb) =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const remains = new Remains()
      const items = function*() {
        for (let i = 0; i < 20; i++) yield remains.make()
      }
      yield* remains.apart(
        Stream.runDrain(mapOf(pool, verb)(() => Effect.andThen(Effect.yieldNow, remains.job), items()))
      )
      yield* remains.expectNone(40)
    }))
})

describe("a chain of jobs, each of which outlives the one whose slot it has borrowed", () => {
  it.live("leaves nothing behind in a fiber that outlives the first", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const orphans: Array<Fiber.Fiber<unknown>> = []
      const detach = <A>(effect: Effect.Effect<A>) => Effect.forkDetach(effect, { startImmediately: true })
      let left = 0
      const link: Effect.Effect<void> = Effect.suspend(() =>
        --left === 0 ? Effect.void : Effect.andThen(Effect.yieldNow, detach(pool.run(link)))
      )
      const chain = (length: number) => {
        left = length
        const first = Effect.andThen(Effect.map(detach(Effect.never), (orphan) => orphans.push(orphan)), link)
        return Effect.andThen(pool.run(first), pool.waitall)
      }
      yield* chain(1000)
      const before = yield* heap
      yield* chain(20_000)
      // a hundred bytes each
      expect((yield* heap) - before).toBeLessThan(2_000_000)
      expect(orphans).toHaveLength(2)
      expect((yield* pool.stats).succeeded).toBe(21_000)
      yield* Fiber.interruptAll(orphans)
    }))
})

describe("depth", () => {
  it.live("is no limit for run in fibers that jobs fork", () =>
    Effect.gen(function*() {
      const depth = 30_000
      const pool = yield* makePool(1)
      const nest = (level: number): Effect.Effect<number> =>
        level === depth ? Effect.succeed(0) : Effect.map(
          Effect.flatMap(Effect.forkChild(pool.run(Effect.suspend(() => nest(level + 1)))), Fiber.join),
          (count) => count + 1
        )
      expect(yield* nest(0)).toBe(depth)
      expect((yield* pool.stats).succeeded).toBe(depth)
    }))
})

describe("a reader of a pile that closes", () => {
  it.effect("does not wait for a job that will never start", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      yield* pool.spawn(Effect.never)
      const scope = yield* Scope.make()
      const pile = yield* GreenPile.make<void>(pool).pipe(Scope.provide(scope))
      const spawner = yield* forkNow(pile.spawn(Effect.void))
      const reader = yield* forkNow(pile.next)
      yield* atRest
      expect(reader.pollUnsafe()).toBeUndefined()
      yield* Scope.close(scope, Exit.void)
      yield* atRest
      expect(reader.pollUnsafe()).toEqual(Exit.succeed(Option.none()))
      expect(Exit.hasInterrupts(yield* Fiber.await(spawner))).toBe(true)
    }))
})

describe("a map that is left early", () => {
  it.effect("interrupts the stream that it reads, in the midst of an item", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const stage = new Stage()
      const source = Stream.concat(Stream.make("first"), Stream.fromEffect(stage.job("second")))
      yield* Stream.runDrain(Stream.take(pool.imap(Effect.succeed, source), 1))
      expect(stage.events).toEqual(["second starts", "second is interrupted"])
    }))
})

/** Counts the fibers that are alive, and those that ever were. */
class FiberCounter implements Metric.FiberRuntimeMetricsService {
  alive = 0
  most = 0
  started = 0

  readonly recordFiberStart = (): void => {
    this.started++
    this.most = Math.max(this.most, ++this.alive)
  }

  readonly recordFiberEnd = (): void => {
    this.alive--
  }

  /** Runs it in a fiber of its own, and counts that and all that come from it. */
  readonly fork = (effect: Effect.Effect<unknown, unknown>): Effect.Effect<Fiber.Fiber<unknown, unknown>> =>
    Effect.provideService(Effect.forkDetach(effect), Metric.FiberRuntimeMetrics, this)
}

describe("a map of items that are over already", () => {
  it.effect.each(verbs)("makes no fiber for them: %s", (verb) =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const counter = new FiberCounter()
      const mapped = mapOf(pool, verb)((item: number) => Effect.succeed(item), Array.from({ length: 100 }, (_, i) => i))
      expect(yield* Fiber.join(yield* counter.fork(Stream.runCount(mapped)))).toBe(100)
      // the reader's and the worker's
      expect(counter.started).toBe(2)
    }))
})

describe("a map that is over", () => {
  it.effect.each(verbs)(
    "leaves no fiber of %s behind, however it ended",
    (verb) =>
      Effect.gen(function*() {
        const pool = yield* makePool(2)
        const counter = new FiberCounter()
        const mapped = mapOf(pool, verb)((item: number) => item < 4 ? Effect.yieldNow : Effect.never, [0, 1, 2, 3, 4])
        const readers = [Stream.take(mapped, 4), Stream.take(mapped, 2), mapped].map(Stream.runDrain)
        for (const reader of readers) {
          const fiber = yield* counter.fork(reader)
          yield* atRest
          yield* Fiber.interrupt(fiber)
          yield* atRest
          expect(counter.alive).toBe(0)
        }
        // the reader's, the worker's and those of two jobs
        expect(counter.most).toBe(4)
      })
  )
})

describe("a map whose pool closes while its reader is away", () => {
  const closedFor = <A>(map: (pool: GreenPool, close: Effect.Effect<void>) => Stream.Stream<A>) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* Effect.orDie(GreenPool.make({ size: 2 })).pipe(Scope.provide(scope))
      const close = Scope.close(scope, Exit.void)
      yield* forkNow(Stream.runForEach(map(pool, close), () => Effect.never))
      yield* atRest
      return { pool, close }
    })

  it.effect("starts no item that its source gives afterwards", () =>
    Effect.gen(function*() {
      const stage = new Stage()
      const source = Stream.concat(
        Stream.make("first"),
        Stream.fromEffect(Effect.uninterruptible(Effect.as(stage.gate("source").await, "second")))
      )
      const started: Array<string> = []
      const { close } = yield* closedFor((pool) =>
        pool.imap((item: string) => Effect.sync(() => started.push(item)), source)
      )
      yield* close
      yield* stage.finish("source")
      yield* atRest
      expect(started).toEqual(["first"])
    }))

  it.effect("interrupts an item that closes it in its first step", () =>
    Effect.gen(function*() {
      const stage = new Stage()
      const { pool } = yield* closedFor((pool, close) =>
        pool.imap((item: number) =>
          item < 2
            ? Effect.void
            : Effect.andThen(Effect.forkDetach(close, { startImmediately: true }), stage.job("closer")), [0, 1, 2])
      )
      // At its next operation, as any job that closes its pool.
      expect(stage.events).toEqual([])
      expect(yield* pool.stats).toMatchObject({ running: 0, succeeded: 2, interrupted: 1 })
    }))
})

describe("on a scheduler that has each fiber yield before each of its first operations", () => {
  class HesitantWorld extends World {
    readonly #yields = new Map<Fiber.Fiber<unknown, unknown>, number>()

    override shouldYield(fiber: Parameters<Scheduler.Scheduler["shouldYield"]>[0]): boolean {
      const yields = this.#yields.get(fiber) ?? 0
      this.#yields.set(fiber, yields + 1)
      return yields < 6
    }
  }

  it("a resize at any moment reaches the window of a map", () => {
    for (let steps = 0; steps < 60; steps++) {
      const world = new HesitantWorld()
      const pool = world.pool(1)
      world.fork(Stream.runDrain(pool.imap(() => Effect.never, [0, 1, 2])))
      for (let i = 0; i < steps; i++) world.step()
      // outside of the world: at once
      Effect.runSync(pool.resize(2))
      world.run()
      expect({ steps, running: world.get(pool.running) }).toEqual({ steps, running: 2 })
    }
  })
})

describe.each([3, 4, 5, 6, 7])("a drain at any moment, when fibers yield every %i operations,", (operations) => {
  it("ends a map from outside that waits for its source", () => {
    for (let steps = 0; steps < 60; steps++) {
      const world = new World()
      const pool = world.pool(1, { onClose: "drain" })
      world.get(pool.spawn(Effect.never))
      const map = world.fork(Stream.runDrain(pool.imap(() => Effect.void, Stream.never)), operations)
      for (let i = 0; i < steps; i++) world.step()
      // outside of the world: at once
      Effect.runFork(Scope.close(world.scope, Exit.void))
      world.run()
      const exit = map.pollUnsafe()
      expect({ steps, ended: exit !== undefined && Exit.hasInterrupts(exit) }).toEqual({ steps, ended: true })
      expect(world.get(pool.running)).toBe(1)
    }
  })
})
