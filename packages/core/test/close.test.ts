import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Scope, Stream, Tracer } from "effect"
import { GreenPile, GreenPool } from "../src/index.ts"
import { counters, expectConsistent, expectEmpty } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { Stage } from "./support/stage.ts"
import { atRest, until } from "./support/turns.ts"
import { World } from "./support/world.ts"

/** A pool in a scope that the test closes. */
const closable = (size: number) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const pool = yield* GreenPool.make({ size }).pipe(Effect.provideService(Scope.Scope, scope), Effect.orDie)
    return { pool, close: Scope.close(scope, Exit.void) }
  })

const singles: Array<[number]> = [[1], [2]]

const isInterrupted = (exit: Exit.Exit<unknown, unknown> | undefined): boolean =>
  exit !== undefined && Exit.hasInterrupts(exit)

describe("closing a pool", () => {
  it.effect("interrupts those who wait, of every kind", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(1)
      const stage = new Stage()
      yield* pool.spawn(Effect.never)
      const pile = yield* Effect.orDie(GreenPile.make<unknown>(pool))
      const calls: Array<Effect.Effect<unknown, unknown>> = [
        pool.run(stage.job("run")),
        pool.spawn(stage.job("spawn")),
        pool.spawnN(stage.job("spawnN")),
        pool.waitall,
        pile.spawn(stage.job("pile")),
        pile.next,
        Stream.runDrain(pool.imap(() => stage.job("imap"), [1, 2, 3])),
        Stream.runDrain(pool.imapUnordered(() => stage.job("imapUnordered"), [1, 2, 3])),
        Stream.runDrain(pool.imapExit(() => stage.job("imapExit"), [1, 2, 3])),
        Stream.runDrain(pool.starmap((_: number) => stage.job("starmap"), singles))
      ]
      const waiters = yield* Effect.forEach(calls, forkNow)
      yield* atRest
      expect(yield* pool.waiting).toBe(8)
      yield* close
      for (const waiter of waiters) expect(isInterrupted(yield* Fiber.await(waiter))).toBe(true)
      expect(stage.started).toEqual([])
      yield* expectEmpty(pool)
    }))

  it.effect("interrupts all that runs and waits for the finalizers", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(3)
      const stage = new Stage()
      const job = (name: string) => Effect.ensuring(stage.around(name, Effect.never), stage.gate("finalizer").await)
      const spawned = yield* pool.spawn(job("spawn"))
      yield* pool.spawnN(job("spawnN"))
      const caller = yield* forkNow(pool.run(job("run")))
      yield* until(() => stage.started.length === 3)
      const closing = yield* forkNow(close)
      yield* atRest
      expect(stage.events.slice(3).sort()).toEqual([
        "run is interrupted",
        "spawn is interrupted",
        "spawnN is interrupted"
      ])
      expect(closing.pollUnsafe()).toBeUndefined()
      expect(yield* pool.running).toBe(3)
      yield* stage.finish("finalizer")
      yield* Fiber.join(closing)
      expect(isInterrupted(spawned.pollUnsafe())).toBe(true)
      expect(isInterrupted(yield* Fiber.await(caller))).toBe(true)
      yield* expectEmpty(pool)
      expect((yield* pool.stats).interrupted).toBe(3)
    }))

  it.effect("interrupts the caller's fiber of run, not the job alone", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(1)
      const stage = new Stage()
      const caller = yield* forkNow(
        Effect.andThen(Effect.ignoreCause(pool.run(Effect.never)), stage.job("what comes after"))
      )
      yield* close
      expect(isInterrupted(yield* Fiber.await(caller))).toBe(true)
      expect(stage.started).toEqual([])
    }))

  it.effect("interrupts the jobs of maps and piles, and waits for their finalizers", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(2)
      const stage = new Stage()
      const job = (name: string) => Effect.ensuring(stage.around(name, Effect.never), stage.gate("finalizer").await)
      const pile = yield* Effect.orDie(GreenPile.make<unknown>(pool))
      yield* pile.spawn(job("pile"))
      const map = yield* forkNow(Stream.runDrain(pool.imap(() => job("imap"), [1])))
      yield* until(() => stage.started.length === 2)
      const closing = yield* forkNow(close)
      yield* atRest
      expect(stage.events.slice(2).sort()).toEqual(["imap is interrupted", "pile is interrupted"])
      expect(closing.pollUnsafe()).toBeUndefined()
      yield* stage.finish("finalizer")
      yield* Fiber.join(closing)
      yield* Fiber.await(map)
      yield* expectEmpty(pool)
    }))

  it.effect("interrupts nested jobs and those who wait for a loan", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(1)
      const stage = new Stage()
      const outer = yield* forkNow(pool.run(Effect.all([
        pool.run(stage.around("borrower", Effect.never)),
        pool.run(stage.around("waiter", Effect.never))
      ], { concurrency: "unbounded" })))
      yield* until(() => stage.started.length === 1)
      yield* close
      expect(isInterrupted(yield* Fiber.await(outer))).toBe(true)
      expect(stage.events).toEqual(["borrower starts", "borrower is interrupted"])
      yield* expectEmpty(pool)
    }))

  it.effect("interrupts a job that has a slot and has not started", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(1)
      const stage = new Stage()
      const fiber = yield* pool.spawn(stage.job("job"))
      yield* close
      expect(isInterrupted(fiber.pollUnsafe())).toBe(true)
      yield* atRest
      expect(stage.started).toEqual([])
      yield* expectEmpty(pool)
    }))

  it.effect("waits for jobs in uninterruptible regions", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(2)
      const stage = new Stage()
      const caller = yield* forkNow(Effect.uninterruptible(pool.run(stage.job("run"))))
      yield* pool.spawn(Effect.uninterruptible(stage.job("spawn")))
      yield* until(() => stage.started.length === 2)
      const closing = yield* forkNow(close)
      yield* atRest
      expect(closing.pollUnsafe()).toBeUndefined()
      yield* stage.finishAll
      yield* Fiber.join(closing)
      yield* Fiber.await(caller)
      expect(stage.events).toEqual(["run starts", "spawn starts", "run ends", "spawn ends"])
      yield* expectEmpty(pool)
    }))

  it.effect("frees the slots of the interrupted to nobody", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(1)
      const stage = new Stage()
      yield* pool.spawn(stage.around("holder", Effect.never))
      yield* atRest
      const waiters = yield* Effect.forEach(["a", "b"], (name) => forkNow(pool.run(stage.job(name))))
      yield* close
      yield* Effect.forEach(waiters, Fiber.await)
      expect(stage.started).toEqual(["holder"])
    }))

  it.effect("ends no other pool and nothing outside", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(1)
      const other = yield* closable(1)
      const stage = new Stage()
      const neighbour = yield* other.pool.spawn(stage.job("neighbour"))
      yield* pool.spawn(Effect.never)
      yield* close
      yield* stage.finishAll
      expect(yield* Fiber.join(neighbour)).toBe("neighbour")
      yield* other.close
    }))

  it.live(
    "is linear in what it interrupts, however deep it is nested",
    () =>
      Effect.gen(function*() {
        const { close, pool } = yield* closable(1)
        const bottom = yield* Latch.make()
        const nest = (n: number): Effect.Effect<void> =>
          n === 0 ? Effect.andThen(bottom.open, Effect.never) : pool.run(Effect.suspend(() => nest(n - 1)))
        const caller = yield* Effect.forkChild(nest(30_000))
        yield* bottom.await
        yield* close
        expect(isInterrupted(yield* Fiber.await(caller))).toBe(true)
        yield* expectEmpty(pool)
        expect((yield* pool.stats).interrupted).toBe(30_000)
      })
  )
})

describe("closing from inside", () => {
  it.effect("a run does not wait for the closer's own job", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(1)
      const stage = new Stage()
      const caller = yield* forkNow(
        pool.run(Effect.ensuring(close, Effect.sync(() => stage.note("closed"))))
      )
      expect(isInterrupted(yield* Fiber.await(caller))).toBe(true)
      expect(stage.events).toEqual(["closed"])
      yield* expectEmpty(pool)
    }))

  it.effect("a spawned job does not wait for it", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(1)
      const fiber = yield* pool.spawn(close)
      expect(isInterrupted(yield* Fiber.await(fiber))).toBe(true)
      yield* expectEmpty(pool)
    }))

  it.effect("a nested job does not wait for any job around it", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(1)
      const other = yield* closable(1)
      const caller = yield* forkNow(
        pool.run(other.pool.run(pool.run(Effect.flatMap(pool.spawn(pool.run(close)), Fiber.join))))
      )
      expect(isInterrupted(yield* Fiber.await(caller))).toBe(true)
      yield* expectEmpty(pool)
      yield* expectEmpty(other.pool)
    }))

  it.effect("a fiber that a job forked does not wait for that job", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(1)
      const caller = yield* forkNow(pool.run(Effect.flatMap(Effect.forkDetach(close), Fiber.join)))
      expect(isInterrupted(yield* Fiber.await(caller))).toBe(true)
      yield* expectEmpty(pool)
    }))

  it.effect("a job of a map or a pile does not wait for it", () =>
    Effect.gen(function*() {
      for (const kind of ["map", "pile"]) {
        const { close, pool } = yield* closable(1)
        const pile = yield* Effect.orDie(GreenPile.make<void>(pool))
        const call: Effect.Effect<unknown> = kind === "map"
          ? Stream.runDrain(pool.imap(() => close, [1, 2]))
          : Effect.andThen(pile.spawn(close), pile.next)
        const caller = yield* forkNow(call)
        expect(isInterrupted(yield* Fiber.await(caller))).toBe(true)
        yield* expectEmpty(pool)
      }
    }))

  it.effect("waits for the finalizers of all other jobs", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(3)
      const stage = new Stage()
      const slow = Effect.ensuring(Effect.never, stage.job("finalizer"))
      yield* pool.spawn(slow)
      const caller = yield* forkNow(pool.run(Effect.andThen(
        pool.spawnN(slow),
        Effect.andThen(Effect.yieldNow, Effect.ensuring(close, Effect.sync(() => stage.note("closed"))))
      )))
      yield* atRest
      expect(stage.events).toEqual(["finalizer starts", "finalizer starts"])
      yield* stage.finishAll
      yield* Fiber.await(caller)
      expect(stage.events.at(-1)).toBe("closed")
      yield* expectEmpty(pool)
    }))

  it.effect("waits for the jobs nested beside the closer", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(1)
      const stage = new Stage()
      const caller = yield* forkNow(pool.run(Effect.gen(function*() {
        yield* Effect.forkChild(pool.run(Effect.ensuring(Effect.never, stage.job("finalizer"))), {
          startImmediately: true
        })
        yield* Effect.ensuring(close, Effect.sync(() => stage.note("closed")))
      })))
      yield* atRest
      expect(stage.events).toEqual(["finalizer starts"])
      yield* stage.finishAll
      yield* Fiber.await(caller)
      expect(stage.events).toEqual(["finalizer starts", "finalizer ends", "closed"])
      yield* expectEmpty(pool)
    }))

  it.effect("a job's finalizer does not hang", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(1)
      const fiber = yield* pool.spawn(Effect.ensuring(Effect.void, close))
      yield* Fiber.await(fiber)
      yield* expectEmpty(pool)
    }))
})

/** Everything that a closed pool refuses. */
const refused = (
  pool: GreenPool,
  pile: GreenPile<unknown>,
  stage: Stage
): Record<string, Effect.Effect<unknown, unknown>> => ({
  run: pool.run(stage.job("run")),
  spawn: pool.spawn(stage.job("spawn")),
  spawnN: pool.spawnN(stage.job("spawnN")),
  imap: Stream.runDrain(pool.imap(() => stage.job("imap"), [1])),
  "imap of an empty source": Stream.runDrain(pool.imap(() => stage.job("imap"), [])),
  imapUnordered: Stream.runDrain(pool.imapUnordered(() => stage.job("imapUnordered"), [1])),
  imapExit: Stream.runDrain(pool.imapExit(() => stage.job("imapExit"), [1])),
  starmap: Stream.runDrain(pool.starmap((_: number) => stage.job("starmap"), singles)),
  waitall: pool.waitall,
  resize: pool.resize(3),
  "resize to a bad size": pool.resize(-1),
  "the spawn of a pile": pile.spawn(stage.job("pile.spawn")),
  "the next of a pile": pile.next,
  "the results of a pile": Stream.runDrain(pile.results),
  "the exits of a pile": Stream.runDrain(pile.exits)
})

const verbs = [
  "run",
  "spawn",
  "spawnN",
  "imap",
  "imap of an empty source",
  "imapUnordered",
  "imapExit",
  "starmap",
  "waitall",
  "resize",
  "resize to a bad size",
  "the spawn of a pile",
  "the next of a pile",
  "the results of a pile",
  "the exits of a pile"
]

describe.each(verbs)("on a closed pool, %s", (verb) => {
  const call = (pool: GreenPool, pile: GreenPile<unknown>, stage: Stage) =>
    refused(pool, pile, stage)[verb] ?? Effect.die(new Error(verb))

  it.effect("ends with interruption at once, and starts nothing", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(2)
      const stage = new Stage()
      const pile = yield* Effect.orDie(GreenPile.make<unknown>(pool))
      yield* pile.spawn(Effect.void)
      yield* atRest
      yield* close
      const before = yield* pool.stats
      const fiber = yield* Effect.forkDetach(call(pool, pile, stage))
      expect(isInterrupted(yield* Fiber.await(fiber))).toBe(true)
      yield* atRest
      expect(stage.started).toEqual([])
      expect(yield* pool.stats).toEqual(before)
    }))

  it.effect("ends with interruption in an uninterruptible region too", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(2)
      const stage = new Stage()
      const pile = yield* Effect.orDie(GreenPile.make<unknown>(pool))
      yield* close
      const exit = yield* Effect.exit(Effect.uninterruptible(call(pool, pile, stage)))
      expect(isInterrupted(exit)).toBe(true)
      expect(stage.started).toEqual([])
    }))

  it.effect("ends with interruption in the finalizers of jobs while it closes", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(2)
      const stage = new Stage()
      const pile = yield* Effect.orDie(GreenPile.make<unknown>(pool))
      let exit: Exit.Exit<unknown, unknown> | undefined
      yield* pool.spawn(Effect.ensuring(
        Effect.never,
        Effect.map(Effect.exit(call(pool, pile, stage)), (seen) => {
          exit = seen
        })
      ))
      yield* atRest
      yield* close
      expect(isInterrupted(exit)).toBe(true)
      expect(stage.started).toEqual([])
      yield* expectEmpty(pool)
    }))
})

describe("one who waits in an uninterruptible region when the pool closes", () => {
  it.effect.each(["run", "spawn", "spawnN", "waitall", "the spawn of a pile", "the next of a pile", "imap"])(
    "ends with interruption all the same: %s",
    (verb) =>
      Effect.gen(function*() {
        const { close, pool } = yield* closable(1)
        const stage = new Stage()
        const pile = yield* Effect.orDie(GreenPile.make<unknown>(pool))
        yield* pool.spawn(Effect.never)
        yield* pile.spawn(Effect.never).pipe(forkNow)
        const call = refused(pool, pile, stage)[verb] ?? Effect.die(new Error(verb))
        const waiter = yield* forkNow(Effect.uninterruptible(call))
        yield* atRest
        expect(waiter.pollUnsafe()).toBeUndefined()
        yield* close
        expect(isInterrupted(yield* Fiber.await(waiter))).toBe(true)
        expect(stage.started).toEqual([])
      })
  )

  it.effect("and has just been granted a slot does not start its job", () =>
    Effect.gen(function*() {
      for (const verb of ["run", "spawn", "spawnN"]) {
        const { close, pool } = yield* closable(1)
        const stage = new Stage()
        const pile = yield* Effect.orDie(GreenPile.make<unknown>(pool))
        const holder = yield* pool.spawn(Effect.never)
        yield* atRest
        const call = refused(pool, pile, stage)[verb] ?? Effect.die(new Error(verb))
        const waiter = yield* forkNow(Effect.uninterruptible(call))
        holder.interruptUnsafe()
        expect({ running: yield* pool.running, waiting: yield* pool.waiting }).toEqual({ running: 1, waiting: 0 })
        const closing = yield* forkNow(close)
        yield* stage.finishAll
        yield* Fiber.await(waiter)
        yield* Fiber.join(closing)
        expect({ verb, started: stage.started }).toEqual({ verb, started: [] })
      }
    }))
})

describe("the counters of a closed pool", () => {
  it.effect("and its stats still read", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(2)
      yield* pool.run(Effect.void)
      yield* pool.spawn(Effect.never)
      yield* close
      expect(yield* counters(pool)).toEqual({ free: 2, running: 0, waiting: 0, borrowed: 0 })
      expect([yield* pool.size, yield* pool.free, yield* pool.running, yield* pool.waiting]).toEqual([2, 2, 0, 0])
      const stats = yield* pool.stats
      expectConsistent(stats)
      expect([stats.succeeded, stats.interrupted]).toEqual([1, 1])
    }))
})

describe("a resize that meets the close", () => {
  it("at any moment changes nothing once the pool has closed", () => {
    const ends = new Set<boolean>()
    for (let operations = 3; operations <= 12; operations++) {
      for (let steps = 0; steps < 12; steps++) {
        const world = new World()
        const pool = world.pool(1)
        const resize = world.fork(Effect.orDie(pool.resize(2)), operations)
        for (let step = 0; step < steps; step++) world.step()
        const isOver = resize.pollUnsafe() !== undefined
        world.fork(Scope.close(world.scope, Exit.void))
        const atClose = Effect.runSync(pool.size)
        world.run()
        const exit = resize.pollUnsafe()
        expect(Effect.runSync(pool.size)).toBe(atClose)
        expect(exit !== undefined && Exit.isSuccess(exit)).toBe(atClose === 2)
        ends.add(isOver)
      }
    }
    expect(ends).toEqual(new Set([true, false]))
  })
})

describe("a map whose item has just got its slot", () => {
  it("does not start it when the pool has closed", () => {
    const starts = new Set<number>()
    for (let steps = 0; steps < 12; steps++) {
      const world = new World()
      const pool = world.pool(1)
      const gate = Latch.makeUnsafe()
      let started = 0
      world.fork(pool.run(gate.await))
      world.fork(Stream.runDrain(pool.imap(() => {
        started++
        return Effect.never
      }, [1])))
      world.run()
      world.fork(gate.open)
      for (let step = 0; step < steps; step++) world.step()
      const atClose = started
      world.fork(Scope.close(world.scope, Exit.void))
      world.run()
      expect(started).toBe(atClose)
      starts.add(started)
      world.get(expectEmpty(pool))
    }
    expect(starts).toEqual(new Set([0, 1]))
  })
})

describe("the scope of a pool", () => {
  it.effect("closes it when the scope of make ends", () =>
    Effect.gen(function*() {
      const stage = new Stage()
      const pool = yield* Effect.scoped(Effect.tap(
        Effect.orDie(GreenPool.make({ size: 1 })),
        (pool) => Effect.andThen(pool.spawn(stage.around("job", Effect.never)), atRest)
      ))
      expect(stage.events).toEqual(["job starts", "job is interrupted"])
      expect(isInterrupted(yield* Effect.exit(pool.waitall))).toBe(true)
    }))
})

describe("closing a pool", () => {
  it.effect("ends a waitall with interruption, also while callers wait", () =>
    Effect.gen(function*() {
      const { close, pool } = yield* closable(0)
      yield* forkNow(pool.run(Effect.void))
      const waitall = yield* forkNow(pool.waitall)
      yield* close
      expect(isInterrupted(yield* Fiber.await(waitall))).toBe(true)
    }))

  it.effect("leaves the pool its name", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* GreenPool.make({ name: "api" }).pipe(Effect.provideService(Scope.Scope, scope))
      yield* Scope.close(scope, Exit.void)
      expect((yield* pool.stats).name).toBe("api")
    }))

  it.effect("refuses what the end of a span asks of the pool", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* GreenPool.make({ size: 0, tracing: true }).pipe(Effect.provideService(Scope.Scope, scope))
      let asked: Exit.Exit<void, unknown> | undefined
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          const end = span.end.bind(span)
          span.end = (time, exit) => {
            end(time, exit)
            asked = Effect.runSyncExit(pool.resize(1))
          }
          return span
        }
      })
      yield* forkNow(Effect.provideService(pool.run(Effect.void), Tracer.Tracer, tracer))
      yield* Scope.close(scope, Exit.void)
      yield* atRest
      expect(isInterrupted(asked)).toBe(true)
    }))
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
