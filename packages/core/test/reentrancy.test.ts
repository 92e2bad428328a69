import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Latch, Scope, Stream } from "effect"
import { GreenPile, GreenPool } from "../src/index.ts"
import { counters, expectEmpty, expectWorking } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { makePool } from "./support/makePool.ts"
import { Stage } from "./support/stage.ts"
import { atRest, later, until } from "./support/turns.ts"
import { World } from "./support/world.ts"

/** Fills all slots of the pool but one with jobs that go on until the scope closes. */
const fill = (pool: GreenPool, slots: number) =>
  Effect.forEach(Array.from({ length: slots }), () => pool.spawn(Effect.never), { discard: true })

describe.each([1, 2, 3, 10, 1000])("a job of a full pool of size %i", (size) => {
  /** Runs `job` in the last slot of a full pool. */
  const inside = <A, E>(job: (pool: GreenPool) => Effect.Effect<A, E>) =>
    Effect.gen(function*() {
      const pool = yield* makePool(size)
      yield* fill(pool, size - 1)
      const result = yield* pool.run(Effect.suspend(() => job(pool)))
      expect(yield* counters(pool)).toEqual({ free: 1, running: size - 1, waiting: 0, borrowed: 0 })
      return result
    })

  it.effect("runs nested jobs from its own fiber without deadlock", () =>
    Effect.gen(function*() {
      expect(yield* inside((pool) => pool.run(pool.run(pool.run(Effect.succeed(3)))))).toBe(3)
    }))

  it.effect("runs nested jobs from fibers it forked without deadlock", () =>
    Effect.gen(function*() {
      const results = yield* inside((pool) =>
        Effect.forEach([1, 2, 3, 4, 5], (n) => pool.run(Effect.as(Effect.yieldNow, n)), { concurrency: "unbounded" })
      )
      expect(results).toEqual([1, 2, 3, 4, 5])
    }))

  it.effect("spawns nested jobs and joins them without deadlock", () =>
    Effect.gen(function*() {
      const result = yield* inside((pool) =>
        Effect.flatMap(
          pool.spawn(Effect.flatMap(pool.spawn(Effect.as(Effect.yieldNow, "grandchild")), Fiber.join)),
          Fiber.join
        )
      )
      expect(result).toBe("grandchild")
    }))

  it.effect("runs nested jobs that come back through another pool's job", () =>
    Effect.gen(function*() {
      const other = yield* makePool(1)
      const result = yield* inside((pool) =>
        other.run(pool.run(other.run(Effect.flatMap(pool.spawn(other.run(Effect.succeed("back"))), Fiber.join))))
      )
      expect(result).toBe("back")
      yield* expectEmpty(other)
    }))

  it.effect("runs a nested map without deadlock", () =>
    Effect.gen(function*() {
      const results = yield* inside((pool) =>
        Stream.runCollect(pool.imap((n) => pool.run(Effect.as(Effect.yieldNow, n * 2)), [1, 2, 3, 4]))
      )
      expect(Array.from(results)).toEqual([2, 4, 6, 8])
    }))

  it.effect("runs a nested pile without deadlock", () =>
    Effect.gen(function*() {
      const results = yield* inside((pool) =>
        Effect.scoped(Effect.gen(function*() {
          const pile = yield* Effect.orDie(GreenPile.make<number>(pool))
          for (const n of [1, 2, 3]) yield* pile.spawn(pool.run(Effect.as(Effect.yieldNow, n)))
          return yield* Stream.runCollect(pile.results)
        }))
      )
      expect(Array.from(results)).toEqual([1, 2, 3])
    }))

  it.effect("borrows the slot of the enclosing job, which is not counted again", () =>
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
      const pool = yield* makePool(1)
      const stage = new Stage()
      const names = ["a", "b", "c", "d"]
      const outer = yield* forkNow(
        pool.run(Effect.forEach(names, (name) => pool.run(stage.job(name)), { concurrency: "unbounded" }))
      )
      for (const [index, name] of names.entries()) {
        yield* until(() => stage.started.length === index + 1)
        yield* atRest
        expect(stage.started).toEqual(names.slice(0, index + 1))
        expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 3 - index, borrowed: 1 })
        yield* stage.finish(name)
      }
      expect(yield* Fiber.join(outer)).toEqual(names)
      yield* expectEmpty(pool)
    }))

  it.effect("overtakes the queue, as it uses no slot of the pool", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const gate = yield* Latch.make()
      const outer = yield* forkNow(pool.run(Effect.andThen(gate.await, pool.run(stage.around("nested", Effect.void)))))
      const line = yield* forkNow(pool.run(stage.around("line", Effect.void)))
      yield* gate.open
      yield* Fiber.join(outer)
      yield* Fiber.join(line)
      expect(stage.started).toEqual(["nested", "line"])
    }))

  it.effect("goes on from a borrower to its own nested jobs", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const seen = yield* pool.run(pool.run(pool.run(pool.run(counters(pool)))))
      expect(seen).toEqual({ free: 0, running: 1, waiting: 0, borrowed: 3 })
      yield* expectEmpty(pool)
    }))

  it.effect("gives a waiting nested job a slot of the pool when that comes first", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const stage = new Stage()
      yield* pool.spawn(stage.job("stranger"))
      const outer = yield* forkNow(
        pool.run(Effect.all([pool.run(stage.job("a")), pool.run(stage.job("b"))], { concurrency: "unbounded" }))
      )
      yield* until(() => stage.started.length === 2)
      expect(yield* counters(pool)).toEqual({ free: 0, running: 2, waiting: 1, borrowed: 1 })
      yield* stage.finish("stranger")
      yield* until(() => stage.started.includes("b"))
      expect(yield* counters(pool)).toEqual({ free: 0, running: 2, waiting: 0, borrowed: 1 })
      yield* stage.finishAll
      yield* Fiber.join(outer)
      yield* expectWorking(pool)
    }))

  it.effect("gives a waiting nested job the enclosing job's slot when that comes first", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const stage = new Stage()
      yield* pool.spawn(stage.job("stranger"))
      const outer = yield* forkNow(
        pool.run(Effect.all([pool.run(stage.job("a")), pool.run(stage.job("b"))], { concurrency: "unbounded" }))
      )
      yield* until(() => stage.started.length === 2)
      yield* stage.finish("a")
      yield* until(() => stage.started.includes("b"))
      expect(yield* counters(pool)).toEqual({ free: 0, running: 2, waiting: 0, borrowed: 1 })
      yield* stage.finish("b")
      yield* Fiber.join(outer)
      expect(yield* counters(pool)).toEqual({ free: 1, running: 1, waiting: 0, borrowed: 0 })
      yield* stage.finishAll
      yield* pool.waitall
      yield* expectWorking(pool)
    }))

  it.effect("keeps a waiting nested job's place in the pool's line too", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const stage = new Stage()
      yield* pool.spawn(stage.job("stranger"))
      yield* forkNow(
        pool.run(Effect.all([pool.run(stage.job("a")), pool.run(stage.job("b"))], { concurrency: "unbounded" }))
      )
      yield* forkNow(pool.run(stage.job("outsider")))
      yield* until(() => stage.started.length === 2)
      yield* stage.finish("stranger")
      yield* atRest
      expect(stage.started).toEqual(["a", "stranger", "b"])
      yield* stage.finishAll
      yield* pool.waitall
    }))

  it.effect("goes on at size 0", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const seen = yield* pool.run(Effect.andThen(pool.resize(0), pool.run(pool.run(counters(pool)))))
      expect(seen).toEqual({ free: -1, running: 1, waiting: 0, borrowed: 2 })
    }).pipe(Effect.orDie))

  it.effect("goes on after a shrink below what runs, one borrower of a slot at a time", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(3)
      const stage = new Stage()
      yield* pool.spawn(stage.job("stranger"))
      const outer = yield* forkNow(pool.run(Effect.andThen(
        pool.resize(1),
        Effect.all([pool.run(stage.job("a")), pool.run(stage.job("b"))], { concurrency: "unbounded" })
      )))
      yield* until(() => stage.started.length === 2)
      expect(yield* counters(pool)).toEqual({ free: -1, running: 2, waiting: 1, borrowed: 1 })
      yield* stage.finish("stranger")
      yield* atRest
      expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 1, borrowed: 1 })
      yield* stage.finishAll
      yield* Fiber.join(outer)
      yield* expectWorking(pool)
    }))

  it.effect("ends with the interruption of the borrower, whose finalizers keep the loan", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
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
      const pool = yield* makePool(1)
      const stage = new Stage()
      const outer = yield* forkNow(pool.run(Effect.map(pool.spawn(stage.job("nested")), (fiber) => fiber.pollUnsafe())))
      yield* until(() => stage.started.length === 1)
      yield* atRest
      expect(outer.pollUnsafe()).toBeUndefined()
      yield* stage.finish("nested")
      expect(yield* Fiber.join(outer)).toEqual(Exit.succeed("nested"))
    }))

  it.effect("returns at once when a slot of the pool is free", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const fiber = yield* pool.run(pool.spawn(Effect.never))
      expect(fiber.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("interrupts the job and awaits it when it is interrupted", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.run(Effect.gen(function*() {
        const spawner = yield* forkNow(
          pool.spawn(Effect.ensuring(stage.around("job", Effect.never), stage.gate("finalizer").await))
        )
        yield* until(() => stage.started.length === 1)
        spawner.interruptUnsafe()
        yield* atRest
        expect(stage.events).toEqual(["job starts", "job is interrupted"])
        expect(spawner.pollUnsafe()).toBeUndefined()
        yield* stage.finish("finalizer")
        expect(Exit.hasInterrupts(yield* Fiber.await(spawner))).toBe(true)
        expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 0, borrowed: 0 })
      }))
      yield* expectWorking(pool)
    }))

  it.effect("that had to wait for the loan interrupts the job as well", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.run(Effect.gen(function*() {
        const first = yield* forkNow(pool.run(stage.job("first")))
        const spawner = yield* forkNow(pool.spawn(stage.around("second", Effect.never)))
        expect(yield* pool.waiting).toBe(1)
        yield* stage.finish("first")
        yield* Fiber.join(first)
        yield* until(() => stage.started.length === 2)
        expect(spawner.pollUnsafe()).toBeUndefined()
        yield* Fiber.interrupt(spawner)
        expect(stage.events.at(-1)).toBe("second is interrupted")
      }))
      yield* expectWorking(pool)
    }))

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
  it.effect("keeps the slot", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.run(
        Effect.andThen(
          Effect.forkDetach(pool.run(stage.job("borrower")), { startImmediately: true }),
          Effect.map(counters(pool), (seen) => expect(seen.borrowed).toBe(1))
        )
      )
      expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 0, borrowed: 0 })
      const next = yield* forkNow(pool.run(Effect.void))
      expect(yield* pool.waiting).toBe(1)
      yield* stage.finish("borrower")
      yield* Fiber.join(next)
      yield* expectWorking(pool)
    }))

  it.effect("keeps the loan when the lender had borrowed itself", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.run(Effect.gen(function*() {
        yield* pool.run(Effect.forkDetach(pool.run(stage.job("borrower")), { startImmediately: true }))
        expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 0, borrowed: 1 })
        const next = yield* forkNow(pool.run(stage.job("next")))
        yield* atRest
        expect(stage.started).toEqual(["borrower"])
        yield* stage.finishAll
        yield* Fiber.join(next)
      }))
      yield* expectWorking(pool)
    }))

  it.effect("keeps the slot when it outlives all jobs around it, one after the other", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const seen: Array<number> = []
      const look = Effect.map(pool.stats, ({ borrowed }) => seen.push(borrowed))
      const deepest = Effect.andThen(
        Effect.forkDetach(pool.run(stage.job("borrower")), { startImmediately: true }),
        look
      )
      yield* pool.run(Effect.andThen(pool.run(Effect.andThen(pool.run(deepest), look)), look))
      expect(seen).toEqual([3, 2, 1])
      expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 0, borrowed: 0 })
      yield* stage.finishAll
      yield* pool.waitall
      yield* expectWorking(pool)
    }))

  it.effect("lends the slot that it has kept to its own nested jobs", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const gate = yield* Latch.make()
      const borrower = yield* pool.run(
        Effect.forkDetach(pool.run(Effect.andThen(gate.await, pool.run(counters(pool)))), { startImmediately: true })
      )
      yield* gate.open
      expect(yield* Fiber.join(borrower)).toEqual({ free: 0, running: 1, waiting: 0, borrowed: 1 })
      yield* expectWorking(pool)
    }))

  it.effect("gives the slot to the queue after a shrink only when it fits", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.run(Effect.forkDetach(pool.run(stage.job("borrower")), { startImmediately: true }))
      yield* pool.resize(0)
      const next = yield* forkNow(pool.run(Effect.void))
      yield* stage.finish("borrower")
      yield* atRest
      expect(yield* counters(pool)).toEqual({ free: 0, running: 0, waiting: 1, borrowed: 0 })
      yield* pool.resize(1)
      yield* Fiber.join(next)
    }).pipe(Effect.orDie))
})

describe("who waits for the slot of a job that has ended", () => {
  it.effect("goes on waiting for that of the next running job around it", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.run(Effect.gen(function*() {
        // the inner job ends while one of its fibers has borrowed its slot and another waits for that
        yield* pool.run(Effect.gen(function*() {
          yield* Effect.forkDetach(pool.run(stage.job("borrower")), { startImmediately: true })
          yield* Effect.forkDetach(pool.run(stage.job("waiter")), { startImmediately: true })
        }))
        expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 1, borrowed: 1 })
        yield* atRest
        expect(stage.started).toEqual(["borrower"])
        yield* stage.finish("borrower")
        yield* until(() => stage.started.includes("waiter"))
        expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 0, borrowed: 1 })
        yield* stage.finish("waiter")
      }))
      yield* pool.waitall
      yield* expectWorking(pool)
    }))

  it.effect("goes before those who wait for that of the next job and came later", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const fork = (name: string) => Effect.forkDetach(pool.run(stage.job(name)), { startImmediately: true })
      yield* pool.run(Effect.gen(function*() {
        const inner = yield* Effect.forkDetach(
          pool.run(Effect.gen(function*() {
            yield* fork("borrower")
            yield* fork("first")
            yield* stage.job("inner")
            yield* fork("third")
          })),
          { startImmediately: true }
        )
        yield* fork("second")
        yield* atRest
        yield* stage.finish("inner")
        yield* Fiber.join(inner)
        yield* fork("fourth")
        for (const name of ["borrower", "first", "second", "third", "fourth"]) {
          yield* until(() => stage.started.includes(name))
          yield* stage.finish(name)
        }
        expect(stage.started).toEqual(["borrower", "inner", "first", "second", "third", "fourth"])
      }))
      yield* pool.waitall
      yield* expectWorking(pool)
    }))

  it.effect("gets the slot of that next job at once when it is not lent", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const stage = new Stage()
      yield* pool.run(Effect.gen(function*() {
        // the inner job has a slot of the pool, so the outer one's is not lent
        yield* pool.run(Effect.gen(function*() {
          yield* Effect.forkDetach(pool.run(stage.job("borrower")), { startImmediately: true })
          yield* Effect.forkDetach(pool.run(stage.job("waiter")), { startImmediately: true })
        }))
        yield* until(() => stage.started.length === 2)
        expect(yield* counters(pool)).toEqual({ free: 0, running: 2, waiting: 0, borrowed: 1 })
        yield* stage.finishAll
      }))
      yield* pool.waitall
      yield* expectWorking(pool)
    }))

  it.effect("waits for a slot of the pool when no job is left around it", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.run(Effect.gen(function*() {
        yield* Effect.forkDetach(pool.run(stage.job("borrower")), { startImmediately: true })
        yield* Effect.forkDetach(pool.run(stage.job("waiter")), { startImmediately: true })
      }))
      yield* atRest
      expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 1, borrowed: 0 })
      yield* stage.finish("borrower")
      yield* until(() => stage.started.includes("waiter"))
      yield* stage.finishAll
      yield* pool.waitall
      yield* expectWorking(pool)
    }))

  it.effect("moves outwards past all that have ended together", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.run(Effect.gen(function*() {
        yield* pool.run(pool.run(pool.run(Effect.gen(function*() {
          yield* Effect.forkDetach(pool.run(stage.job("borrower")), { startImmediately: true })
          yield* Effect.forkDetach(pool.run(stage.job("waiter")), { startImmediately: true })
        }))))
        expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 1, borrowed: 1 })
        yield* stage.finish("borrower")
        yield* until(() => stage.started.includes("waiter"))
        yield* stage.finish("waiter")
      }))
      yield* pool.waitall
      yield* expectWorking(pool)
    }))
})

describe("a fiber that has outlived its job", () => {
  it.effect("is outside: it waits in the queue and may use waitall", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const gate = yield* Latch.make()
      const orphan = yield* pool.run(
        Effect.forkDetach(Effect.andThen(gate.await, Effect.andThen(pool.run(stage.job("orphan's")), pool.waitall)), {
          startImmediately: true
        })
      )
      const holder = yield* pool.spawn(stage.job("holder"))
      yield* gate.open
      yield* atRest
      expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 1, borrowed: 0 })
      yield* stage.finishAll
      yield* Fiber.join(holder)
      yield* stage.finish("orphan's")
      yield* Fiber.join(orphan)
      yield* expectEmpty(pool)
    }))

  it.effect("is inside the job around that one, if it still runs", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      yield* pool.run(Effect.gen(function*() {
        const gate = yield* Latch.make()
        const orphan = yield* pool.run(
          Effect.forkDetach(Effect.andThen(gate.await, Effect.andThen(pool.run(counters(pool)), pool.waitall)), {
            startImmediately: true
          })
        )
        yield* gate.open
        expect(Exit.hasDies(yield* Fiber.await(orphan))).toBe(true)
      }))
      yield* expectEmpty(pool)
    }))
})

describe("depth", () => {
  const depth = 30_000

  it.live("is no limit for run inside run", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const nest = (n: number): Effect.Effect<number> =>
        n === 0 ? Effect.succeed(0) : Effect.map(pool.run(Effect.suspend(() => nest(n - 1))), (m) => m + 1)
      expect(yield* nest(depth)).toBe(depth)
      expect((yield* pool.stats).succeeded).toBe(depth)
      yield* expectEmpty(pool)
    }))

  it.live.each([1, 3, depth * 2])(
    "is no limit for spawn inside spawn on a pool of size %i",
    (size) =>
      Effect.gen(function*() {
        const pool = yield* makePool(size)
        const nest = (n: number): Effect.Effect<number> =>
          n === 0
            ? Effect.succeed(0)
            : Effect.map(Effect.flatMap(pool.spawn(Effect.suspend(() => nest(n - 1))), Fiber.join), (m) => m + 1)
        expect(yield* nest(depth)).toBe(depth)
        yield* pool.waitall
        expect((yield* pool.stats).succeeded).toBe(depth)
        yield* expectEmpty(pool)
      })
  )

  it.live("is no limit for jobs that spawn their successor and end", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      let count = 0
      const next: Effect.Effect<void> = Effect.suspend(() => ++count < depth ? pool.spawnN(next) : Effect.void)
      yield* pool.spawnN(next)
      yield* pool.waitall
      expect(count).toBe(depth)
      yield* expectEmpty(pool)
    }))

  it.live(
    "is no limit for the interruption of nested jobs",
    () =>
      Effect.gen(function*() {
        const pool = yield* makePool(1)
        const bottom = yield* Latch.make()
        const nest = (n: number): Effect.Effect<void> =>
          n === 0
            ? Effect.andThen(bottom.open, Effect.never)
            : Effect.flatMap(pool.spawn(Effect.suspend(() => nest(n - 1))), Fiber.join)
        const fiber = yield* Effect.forkChild(pool.run(nest(depth)))
        yield* bottom.await
        yield* Fiber.interrupt(fiber)
        yield* pool.waitall
        expect((yield* pool.stats).interrupted).toBe(depth + 1)
        yield* expectWorking(pool)
      })
  )
})

describe("the counter running", () => {
  it.effect("does not count borrowers", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      expect(yield* pool.run(pool.run(pool.running))).toBe(1)
    }))
})

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

describe("a fiber that has outlived its job", () => {
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

const closeNow = (scope: Scope.Closeable) => Effect.runFork(Scope.close(scope, Exit.void))

describe("a map that was begun outside and is read inside a job of a full pool", () => {
  it.effect("has its source inside the job as well", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const source = Stream.fromEffect(pool.run(Effect.succeed("source")))
      const pull = yield* Stream.toPull(pool.imap(Effect.succeed, source))
      expect(yield* pool.run(pull)).toEqual(["source"])
    }))

  it.effect("has the item there that waits since it was read outside", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const gate = yield* Latch.make()
      const pull = yield* Stream.toPull(pool.imap(Effect.succeed, [1, 2, 3]))
      const job = yield* forkNow(pool.run(Effect.andThen(gate.await, pull)))
      const outside = yield* forkNow(pull)
      yield* atRest
      expect(yield* counters(pool)).toMatchObject({ running: 1, waiting: 1 })
      yield* Fiber.interrupt(outside)
      yield* gate.open
      expect(yield* Fiber.join(job)).toEqual([1])
    }))

  it.effect("has the waiting item wait there as well, while the slot of the job is lent", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const pull = yield* Stream.toPull(pool.imap((item: number) => Effect.succeed(item), [1, 2]))
      const job = yield* forkNow(pool.run(Effect.andThen(
        stage.gate("read").await,
        Effect.andThen(
          // It has borrowed the slot.
          Effect.forkChild(pool.run(stage.job("borrower")), { startImmediately: true }),
          pull
        )
      )))
      yield* Fiber.interrupt(yield* forkNow(pull))
      yield* stage.finish("read")
      yield* atRest
      expect(yield* counters(pool)).toEqual({ running: 1, free: 0, waiting: 1, borrowed: 1 })
      yield* stage.finish("borrower")
      expect(yield* Fiber.join(job)).toEqual([1])
    }))

  it.effect("is refused there if the clock closes the pool meanwhile", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      let onTime = () => {}
      const clock = yield* Clock.clockWith((clock) =>
        Effect.succeed({
          ...clock,
          monotonicTimeNanosUnsafe: () => {
            onTime()
            return clock.monotonicTimeNanosUnsafe()
          }
        })
      )
      const pool = yield* GreenPool.make({ size: 1, metrics: true }).pipe(
        Scope.provide(scope),
        Effect.provideService(Clock.Clock, clock)
      )
      const gate = yield* Latch.make()
      const pull = yield* Stream.toPull(pool.imap(Effect.succeed, [1, 2]))
      const close = () => {
        onTime = () => {}
        closeNow(scope)
      }
      const job = yield* forkNow(pool.run(Effect.andThen(
        gate.await,
        Effect.suspend(() => {
          onTime = close
          return pull
        })
      )))
      yield* Fiber.interrupt(yield* forkNow(pull))
      yield* gate.open
      expect(Exit.hasInterrupts(yield* Fiber.await(job))).toBe(true)
      yield* atRest
      yield* expectEmpty(pool)
    }))

  it.effect("goes on behind what a reader outside has read before", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const pull = yield* Stream.toPull(pool.imap((item: number) => Effect.as(Effect.yieldNow, item), [1, 2, 3]))
      const header = yield* forkNow(pull)
      const rest = yield* forkNow(
        pool.run(Effect.flatMap(Fiber.join(header), (first) => Effect.map(pull, (second) => [first, second])))
      )
      expect(yield* Fiber.join(rest)).toEqual([[1], [2]])
    }))
})
