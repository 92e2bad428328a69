import { describe, expect, it } from "@effect/vitest"
import { type Context, Deferred, Effect, Exit, Fiber, Latch, Stream } from "effect"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { counters, expectEmpty, expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { Stage } from "./support/stage.ts"
import { atRest, later, until } from "./support/turns.ts"
import { World } from "./support/world.ts"

/** A pool, and jobs by name. */
const setUp = (size: number) => Effect.map(makePool(size), (pool) => ({ pool, stage: new Stage() }))

/** Forks a fiber that may outlive its job, and runs it up to its first pause. */
const detach = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkDetach(effect, { startImmediately: true })

const slow = <A>(value: A) => Effect.as(Effect.yieldNow, value)

/** Ways to use the pool inside one of its own jobs, and what they give. */
const nestings: Record<string, (pool: GreenPool, other: GreenPool) => readonly [Effect.Effect<unknown>, unknown]> = {
  "runs nested jobs from its own fiber": (pool) => [pool.run(pool.run(pool.run(Effect.succeed(3)))), 3],
  "runs nested jobs from fibers that it forked": (pool) => [
    Effect.forEach([1, 2, 3, 4, 5], (n) => pool.run(slow(n)), { concurrency: "unbounded" }),
    [1, 2, 3, 4, 5]
  ],
  "spawns nested jobs and joins them": (pool) => [
    Effect.flatMap(pool.spawn(Effect.flatMap(pool.spawn(slow("grandchild")), Fiber.join)), Fiber.join),
    "grandchild"
  ],
  "runs nested jobs that come back through another pool's job": (pool, other) => [
    other.run(pool.run(other.run(Effect.flatMap(pool.spawn(other.run(Effect.succeed("back"))), Fiber.join)))),
    "back"
  ],
  "runs a nested map": (pool) => [
    Stream.runCollect(pool.imap((n) => pool.run(slow(n * 2)), [1, 2, 3, 4])),
    [2, 4, 6, 8]
  ],
  "runs a nested pile": (pool) => [
    Effect.scoped(Effect.gen(function*() {
      const pile = yield* Effect.orDie(GreenPile.make<number>(pool))
      for (const n of [1, 2, 3]) yield* pile.spawn(pool.run(slow(n)))
      return yield* Stream.runCollect(pile.results)
    })),
    [1, 2, 3]
  ]
}

describe.each([1, 2, 3, 10, 1000])("a job of a full pool of size %i", (size) => {
  /** Runs `job` in the last slot of a full pool. */
  const inside = <A, E>(job: (pool: GreenPool) => Effect.Effect<A, E>) =>
    Effect.gen(function*() {
      const pool = yield* makePool(size)
      for (let slot = 1; slot < size; slot++) yield* pool.spawn(Effect.never)
      const result = yield* pool.run(Effect.suspend(() => job(pool)))
      expect(yield* counters(pool)).toEqual({ free: 1, running: size - 1, waiting: 0, borrowed: 0 })
      return result
    })

  it.effect.each(Object.entries(nestings))("%s without deadlock", ([, nesting]) =>
    Effect.gen(function*() {
      const other = yield* makePool(1)
      let expected: unknown
      const result = yield* inside((pool) => {
        const [effect, value] = nesting(pool, other)
        expected = value
        return effect
      })
      expect(result).toEqual(expected)
      yield* expectEmpty(other)
    }))

  it.effect("lends its slot, which is not counted again", () =>
    Effect.gen(function*() {
      const seen = yield* inside((pool) => pool.run(pool.run(counters(pool))))
      expect(seen).toEqual({ free: 0, running: size, waiting: 0, borrowed: 2 })
    }))
})

describe("lending", () => {
  it.effect("does not happen while a slot of the pool is free", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(3)
      expect(yield* pool.run(pool.run(counters(pool)))).toEqual({ free: 1, running: 2, waiting: 0, borrowed: 0 })
    }))

  it.effect("happens to one borrower at a time, in order of arrival", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(1)
      const names = ["a", "b", "c", "d"]
      const outer = yield* forkNow(
        pool.run(Effect.forEach(names, (name) => pool.run(stage.job(name)), { concurrency: "unbounded" }))
      )
      for (const [index, name] of names.entries()) {
        yield* atRest
        expect(stage.started).toEqual(names.slice(0, index + 1))
        expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 3 - index, borrowed: 1 })
        yield* stage.finish(name)
      }
      expect(yield* Fiber.join(outer)).toEqual(names)
      yield* expectEmpty(pool)
    }))

  it.effect("happens to jobs at any depth inside, when a slot comes back", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(2)
      const leaves = Effect.forEach(["a", "b", "c"], (name) => pool.run(stage.job(name)), { concurrency: "unbounded" })
      const outer = yield* forkNow(pool.run(pool.run(leaves)))
      yield* atRest
      expect(stage.started).toEqual(["a", "b"])
      // It has borrowed from the outer job, around the inner one that "c" is inside of.
      yield* stage.finish("b")
      yield* atRest
      expect(stage.started).toEqual(["a", "b", "c"])
      yield* stage.finishAll
      yield* Fiber.join(outer)
      yield* expectWorking(pool)
    }))

  it.effect("overtakes the queue, as it uses no slot of the pool", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(1)
      const nested = pool.run(stage.around("nested", Effect.void))
      const outer = yield* forkNow(pool.run(Effect.andThen(stage.gate("outer").await, nested)))
      const queued = yield* forkNow(pool.run(stage.around("queued", Effect.void)))
      yield* stage.finish("outer")
      yield* Fiber.joinAll([outer, queued])
      expect(stage.started).toEqual(["nested", "queued"])
    }))

  it.effect("goes on at size 0", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const seen = yield* pool.run(Effect.andThen(pool.resize(0), pool.run(pool.run(counters(pool)))))
      expect(seen).toEqual({ free: -1, running: 1, waiting: 0, borrowed: 2 })
    }))

  it.effect("ends with the interruption of the borrower, whose finalizers keep the loan", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(1)
      yield* pool.run(Effect.gen(function*() {
        const nested = yield* forkNow(pool.run(Effect.ensuring(Effect.never, stage.job("finalizer"))))
        nested.interruptUnsafe()
        const next = yield* forkNow(pool.run(stage.around("next", Effect.void)))
        yield* atRest
        expect(stage.started).toEqual(["finalizer"])
        expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 1, borrowed: 1 })
        yield* stage.finish("finalizer")
        yield* Fiber.join(next)
      }))
      yield* expectWorking(pool)
    }))
})

describe("spawn on a borrowed slot", () => {
  it.effect("returns when the job has ended, its fiber done", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(1)
      const outer = yield* forkNow(pool.run(Effect.map(pool.spawn(stage.job("nested")), (fiber) => fiber.pollUnsafe())))
      yield* atRest
      expect([stage.started, outer.pollUnsafe()]).toEqual([["nested"], undefined])
      yield* stage.finish("nested")
      expect(yield* Fiber.join(outer)).toEqual(Exit.succeed("nested"))
    }))

  it.effect("returns after the next borrower has begun, which was in the queue before", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const gate = yield* Deferred.make<void>()
      const order: Array<string> = []
      const note = (what: string) => Effect.sync(() => order.push(what))
      yield* pool.run(Effect.gen(function*() {
        const spawner = yield* forkNow(Effect.andThen(pool.spawn(Deferred.await(gate)), note("spawner")))
        const waiter = yield* forkNow(pool.run(note("next")))
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.awaitAll([spawner, waiter])
      }))
      expect(order).toEqual(["next", "spawner"])
    }))

  it.effect("returns immediately when a slot of the pool is free", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const fiber = yield* pool.run(pool.spawn(Effect.never))
      expect(fiber.pollUnsafe()).toBeUndefined()
    }))

  it.effect.each([false, true])(
    "interrupts the job and awaits it when it is interrupted, whether it had to wait for the loan or not: %s",
    (hasWaited) =>
      Effect.gen(function*() {
        const { pool, stage } = yield* setUp(1)
        yield* pool.run(Effect.gen(function*() {
          if (hasWaited) yield* forkNow(pool.run(stage.job("other")))
          const spawner = yield* forkNow(
            pool.spawn(Effect.ensuring(stage.around("job", Effect.never), stage.gate("finalizer").await))
          )
          expect(yield* pool.waiting).toBe(hasWaited ? 1 : 0)
          yield* stage.finish("other")
          yield* until(() => stage.started.includes("job"))
          spawner.interruptUnsafe()
          yield* atRest
          expect(stage.events.at(-1)).toBe("job is interrupted")
          expect(spawner.pollUnsafe()).toBeUndefined()
          yield* stage.finish("finalizer")
          expect(Exit.hasInterrupts(yield* Fiber.await(spawner))).toBe(true)
          expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 0, borrowed: 0 })
        }))
        yield* expectWorking(pool)
      })
  )

  it.effect("does not fail with the job, whose failure shows where it is joined", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const exit = yield* pool.run(Effect.gen(function*() {
        const fiber = yield* pool.spawn(Effect.fail("no"))
        yield* pool.spawnN(Effect.interrupt)
        return yield* Effect.exit(Fiber.join(fiber))
      }))
      expect(exit).toEqual(Exit.fail("no"))
      yield* expectWorking(pool)
    }))
})

describe("a borrower that outlives its lender", () => {
  it.effect("keeps the slot, also when it outlives all jobs around it, one after the other", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(1)
      const seen: Array<number> = []
      const look = Effect.map(pool.stats, ({ borrowed }) => seen.push(borrowed))
      const deepest = Effect.andThen(detach(pool.run(stage.job("borrower"))), look)
      yield* pool.run(Effect.andThen(pool.run(Effect.andThen(pool.run(deepest), look)), look))
      expect(seen).toEqual([3, 2, 1])
      expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 0, borrowed: 0 })
      const next = yield* forkNow(pool.run(Effect.void))
      expect(yield* pool.waiting).toBe(1)
      yield* stage.finish("borrower")
      yield* Fiber.join(next)
      yield* expectWorking(pool)
    }))
})

describe("a job that waits for the slot of a job that has ended", () => {
  /** Leaves a fiber that has borrowed the slot of the job around, and one that waits for it. */
  const leaveTwo = (pool: GreenPool, stage: Stage) =>
    Effect.andThen(detach(pool.run(stage.job("borrower"))), detach(pool.run(stage.job("waiter"))))

  it.effect.each([[0, "the pool"], [1, "the next running job around it"], [3, "the next that still runs"]] as const)(
    "where %i other jobs around it ended as well or are left, goes on waiting for the slot of %s",
    ([depth]) =>
      Effect.gen(function*() {
        const { pool, stage } = yield* setUp(1)
        const nested = (depth: number): Effect.Effect<unknown> =>
          depth === 0 ? leaveTwo(pool, stage) : pool.run(Effect.suspend(() => nested(depth - 1)))
        yield* pool.run(Effect.gen(function*() {
          yield* nested(depth)
          if (depth > 0) yield* stage.job("outer")
        })).pipe(forkNow)
        yield* atRest
        expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 1, borrowed: Math.min(depth, 1) })
        yield* stage.finish("borrower")
        yield* until(() => stage.started.includes("waiter"))
        expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 0, borrowed: Math.min(depth, 1) })
        yield* stage.finishAll
        yield* pool.waitall
        yield* expectWorking(pool)
      })
  )
})

describe("a fiber that has outlived its job", () => {
  it.effect("is outside, whether one job was around it or several: it waits in the queue and may use waitall", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(1)
      const use = Effect.andThen(
        stage.gate("jobs ended").await,
        Effect.andThen(pool.run(stage.job("orphan's")), pool.waitall)
      )
      const orphans = [yield* pool.run(detach(use)), yield* pool.run(pool.run(pool.run(detach(use))))]
      yield* pool.spawn(stage.job("holder"))
      yield* stage.finish("jobs ended")
      yield* atRest
      expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 2, borrowed: 0 })
      yield* stage.finishAll
      yield* Fiber.joinAll(orphans)
      yield* expectEmpty(pool)
    }))

  it.effect("is inside the job around that one, if it still runs", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      yield* pool.run(Effect.gen(function*() {
        const gate = yield* Latch.make()
        const orphan = yield* pool.run(
          detach(Effect.andThen(gate.await, Effect.andThen(pool.run(counters(pool)), pool.waitall)))
        )
        yield* gate.open
        expect(Exit.hasDies(yield* Fiber.await(orphan))).toBe(true)
      }))
      yield* expectEmpty(pool)
    }))

  it.effect("is outside again after it has used the context of a job that runs", () =>
    Effect.gen(function*() {
      const { pool, stage } = yield* setUp(2)
      const inside = yield* Deferred.make<Context.Context<never>>()
      const tell = Effect.flatMap(Effect.context<never>(), (context) => Deferred.succeed(inside, context))
      yield* pool.spawn(Effect.andThen(tell, stage.job("holder")))
      const orphan = yield* pool.run(detach(Effect.gen(function*() {
        yield* stage.gate("job ended").await
        yield* pool.run(Effect.void)
        yield* Effect.provideContext(pool.run(Effect.void), yield* Deferred.await(inside))
        yield* pool.waitall
      })))
      yield* stage.finish("job ended")
      yield* atRest
      expect(orphan.pollUnsafe()).toBeUndefined()
      yield* stage.finish("holder")
      yield* Fiber.join(orphan)
    }))

  it.live("uses the pool at no cost that grows with the jobs that run", () =>
    Effect.gen(function*() {
      const jobs = 8000
      const time = (pool: GreenPool) =>
        Effect.gen(function*() {
          const start = process.cpuUsage()
          for (let job = 0; job < jobs; job++) yield* pool.spawnN(Effect.never)
          const { system, user } = process.cpuUsage(start)
          return user + system
        })
      const gate = yield* Latch.make()
      const daemon = yield* Effect.flatMap(makePool(jobs + 1), (pool) =>
        pool.run(Effect.forkDetach(Effect.andThen(gate.await, time(pool)))))
      const outside = yield* Effect.flatMap(makePool(jobs + 1), time)
      yield* gate.open
      // quadratic would be more than ten times as much
      expect((yield* Fiber.join(daemon)) / outside).toBeLessThan(5)
    }))

  it.effect("knows its own jobs, one inside the other, in a context that is older than they are", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const old = yield* pool.run(Effect.context<never>())
      const inOld = <A, E>(effect: Effect.Effect<A, E>) => Effect.provideContext(effect, old)
      const nested = (depth: number): Effect.Effect<number> =>
        inOld(depth === 0 ? pool.running : pool.run(Effect.suspend(() => nested(depth - 1))))
      for (let round = 0; round < 2; round++) {
        expect(yield* nested(3)).toBe(1)
        expect(yield* pool.run(inOld(Effect.andThen(pool.run(Effect.void), pool.run(pool.running))))).toBe(1)
        expect(Exit.isSuccess(yield* Effect.exit(inOld(pool.waitall)))).toBe(true)
      }
      yield* expectEmpty(pool)
    }))
})

describe("depth", () => {
  const depth = 15_000

  type Nest = (pool: GreenPool, below: Effect.Effect<number>) => Effect.Effect<number>

  it.live.each<[string, size: number, Nest]>([
    ["run inside run", 1, (pool, below) => pool.run(below)],
    ["run in fibers that jobs fork", 1, (pool, below) => Effect.flatMap(Effect.forkChild(pool.run(below)), Fiber.join)],
    ...[1, 3, depth * 2].map((size): [string, number, Nest] => [
      `spawn inside spawn on a pool of size ${size}`,
      size,
      (pool, below) => Effect.flatMap(pool.spawn(below), Fiber.join)
    ])
  ])("is no limit for %s", ([, size, nest]) =>
    Effect.gen(function*() {
      const pool = yield* makePool(size)
      const nested = (level: number): Effect.Effect<number> =>
        level === depth
          ? Effect.succeed(0)
          : Effect.map(nest(pool, Effect.suspend(() => nested(level + 1))), (count) => count + 1)
      expect(yield* nested(0)).toBe(depth)
      yield* pool.waitall
      expect((yield* pool.stats).succeeded).toBe(depth)
      yield* expectEmpty(pool)
    }))
})

describe("a nested caller whose job ends while it is on its way into the pool", () => {
  it("borrows nothing of it: its slot has gone to the next in the queue", () => {
    const operations = 40
    for (let delay = 0; delay < operations; delay++) {
      const world = new World()
      const pool = world.pool(1)
      const stage = new Stage()
      let inside = 0
      let most = 0
      const alone = Effect.acquireUseRelease(
        Effect.sync(() => most = Math.max(most, ++inside)),
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

describe("a map that was begun outside and is read inside a job of a full pool", () => {
  it.effect("has its items and its source inside the job as well", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const source = Stream.fromEffectRepeat(pool.run(Effect.succeed("item")))
      const pull = yield* Stream.toPull(pool.imap(Effect.succeed, source))
      for (const read of [pool.run(pull), pull, pool.run(pull)]) expect(yield* read).toEqual(["item"])
    }))

  it.effect.each([
    { its: "own slot", isLent: false, after: { running: 1, free: 0, waiting: 0, borrowed: 1 } },
    {
      its: "slot once it is back, while that is lent",
      isLent: true,
      after: { running: 1, free: 0, waiting: 1, borrowed: 1 }
    }
  ])(
    "has the item that waits since it was read outside borrow the job's $its",
    ({ after, isLent }) =>
      Effect.gen(function*() {
        const { pool, stage } = yield* setUp(1)
        const pull = yield* Stream.toPull(pool.imap(stage.job, ["item", "next"]))
        const borrow = isLent ? forkNow(pool.run(stage.job("borrower"))) : Effect.void
        const job = yield* forkNow(pool.run(Effect.andThen(stage.gate("read").await, Effect.andThen(borrow, pull))))
        const outside = yield* forkNow(pull)
        expect(yield* counters(pool)).toMatchObject({ running: 1, waiting: 1 })
        yield* Fiber.interrupt(outside)
        yield* stage.finish("read")
        yield* atRest
        expect(yield* counters(pool)).toEqual(after)
        yield* stage.finishAll
        yield* stage.finish("item")
        expect(yield* Fiber.join(job)).toEqual(["item"])
      })
  )

  it.effect("goes on behind what a reader outside has read before", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const pull = yield* Stream.toPull(pool.imap((item: number) => slow(item), [1, 2, 3]))
      const header = yield* forkNow(pull)
      const rest = yield* forkNow(
        pool.run(Effect.flatMap(Fiber.join(header), (first) => Effect.map(pull, (second) => [first, second])))
      )
      expect(yield* Fiber.join(rest)).toEqual([[1], [2]])
    }))
})
