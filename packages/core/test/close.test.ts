import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Logger, Scope, Stream } from "effect"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { isInterrupted } from "./support/exits.ts"
import { atRest, expectEmpty, forkNow, makeClosable, Stage, testEffect, testLive, World } from "./support/index.ts"
import { logged, makeLog } from "./support/logged.ts"

/** A pool and what closes it, jobs by name, and a pile of the pool. */
const setUp = Effect.fnUntraced(function*(size: number) {
  const { close, pool } = yield* makeClosable({ size })
  const pile = yield* Effect.orDie(GreenPile.make<unknown>(pool))
  return { close, pool, pile, stage: new Stage() }
})

type Call = (pool: GreenPool, pile: GreenPile<unknown>, job: Effect.Effect<unknown>) => Effect.Effect<unknown, unknown>

/** What starts a job, or waits for jobs. */
const calls: Record<string, Call> = {
  run: (pool, _, job) => pool.run(job),
  spawn: (pool, _, job) => pool.spawn(job),
  spawnN: (pool, _, job) => pool.spawnN(job),
  imap: (pool, _, job) => Stream.runDrain(pool.imap(() => job, [1, 2, 3])),
  imapUnordered: (pool, _, job) => Stream.runDrain(pool.imapUnordered(() => job, [1, 2, 3])),
  imapExit: (pool, _, job) => Stream.runDrain(pool.imapExit(() => job, [1, 2, 3])),
  starmap: (pool, _, job) => Stream.runDrain(pool.starmap((_: number) => job, [[1], [2]])),
  "the spawn of a pile": (_, pile, job) => pile.spawn(job),
  waitall: (pool) => pool.waitall,
  "the next of a pile": (_, pile) => pile.next
}

/** What else a closed pool refuses. */
const others: Record<string, Call> = {
  runIfAvailable: (pool, _, job) => pool.runIfAvailable(job),
  spawnIfAvailable: (pool, _, job) => pool.spawnIfAvailable(job),
  takeScoped: (pool) => Effect.scoped(pool.takeScoped()),
  runStream: (pool, _, job) => Stream.runDrain(pool.runStream(Stream.fromEffect(job))),
  "imap of an empty source": (pool, _, job) => Stream.runDrain(pool.imap(() => job, [])),
  resize: (pool) => pool.resize(3),
  "resize to a bad size": (pool) => pool.resize(-1),
  "the results of a pile": (_, pile) => Stream.runDrain(pile.results),
  "the exits of a pile": (_, pile) => Stream.runDrain(pile.exits)
}

describe("closing a pool", () => {
  testEffect.each([
    { size: 0, region: "an interruptible", within: Effect.interruptible },
    { size: 1, region: "an interruptible", within: Effect.interruptible },
    { size: 1, region: "an uninterruptible", within: Effect.uninterruptible }
  ])("interrupts all waiting in $region region at size $size, starts none, logs nothing", function*({ size, within }) {
    const { close, pile, pool, stage } = yield* setUp(size)
    const log = makeLog()
    yield* forkNow(pool.spawn(Effect.never))
    const jobs = Object.values(calls).map((call) => within(call(pool, pile, stage.job("job"))))
    const waiters = yield* Effect.forEach(jobs, (job) => forkNow(Effect.provide(job, log.layer)))
    yield* atRest
    expect(yield* pool.waiting).toBe(9 - size)
    yield* close
    for (const waiter of waiters) expect(isInterrupted(yield* Fiber.await(waiter))).toBe(true)
    expect([stage.started, log.entries]).toEqual([[], []])
    yield* expectEmpty(pool)
  })

  testLive.each<[string, (pool: GreenPool, inner: Effect.Effect<void>) => Effect.Effect<void>]>([
    ["run", (pool, inner) => pool.run(inner)],
    ["spawn", (pool, inner) => Effect.flatMap(pool.spawn(inner), Fiber.join)]
  ])("is linear in what it interrupts, however deep it is nested in %s", function*([, nest]) {
    const { close, pool } = yield* setUp(1)
    const bottom = yield* Latch.make()
    const nested = (depth: number): Effect.Effect<void> =>
      depth === 0 ? Effect.andThen(bottom.open, Effect.never) : nest(pool, Effect.suspend(() => nested(depth - 1)))
    const caller = yield* Effect.forkChild(nested(15_000))
    yield* bottom.await
    yield* close
    expect(isInterrupted(yield* Fiber.await(caller))).toBe(true)
    yield* expectEmpty(pool)
    expect((yield* pool.stats).interrupted).toBe(15_000)
  })
})

testEffect.each(Object.entries({ ...calls, ...others }))(
  "%s ends with interruption in the finalizers of a pool that closes, and then always: only that is logged, once",
  function*([, call]) {
    const { close, pile, pool, stage } = yield* setUp(2)
    const refused = call(pool, pile, stage.job("job"))
    let inFinalizer: Exit.Exit<unknown, unknown> | undefined
    const finalizer = Effect.map(Effect.exit(refused), (exit) => inFinalizer = exit)
    const log = makeLog()
    yield* pool.spawn(Effect.ensuring(Effect.never, Effect.provide(finalizer, log.layer)))
    yield* pile.spawn(Effect.void)
    yield* atRest
    yield* close
    expect([isInterrupted(inFinalizer), log.entries]).toEqual([true, []])
    yield* expectEmpty(pool)
    const before = yield* pool.stats
    const entries = yield* logged(Effect.gen(function*() {
      for (const effect of [refused, Effect.uninterruptible(refused)]) {
        const fiber = yield* Effect.forkDetach(Effect.annotateLogs(effect, "caller", "test"))
        expect(isInterrupted(yield* Fiber.await(fiber))).toBe(true)
      }
    }))
    expect(entries).toEqual([expect.objectContaining({
      level: "Warn",
      message: [expect.stringContaining("Pool \"default\" was used after it had closed")],
      annotations: { caller: "test", pool: "default" }
    })])
    expect(stage.started).toEqual([])
    expect(yield* pool.stats).toEqual(before)
  }
)

testEffect("a pool that has closed interrupts its caller also where the logger throws", function*() {
  const { close, pool } = yield* makeClosable({})
  yield* close
  const logger = Logger.make(() => {
    throw new Error("no log")
  })
  const call = Effect.provideService(pool.run(Effect.void), Logger.CurrentLoggers, new Set([logger]))
  expect(isInterrupted(yield* Fiber.await(yield* Effect.forkDetach(call)))).toBe(true)
})

it("a resize changes no size once the pool has closed", () => {
  const sizes = new Set<number>()
  for (let operations = 3; operations <= 12; operations++) {
    for (let steps = 0; steps < 12; steps++) {
      const world = new World()
      const pool = world.pool(1)
      const resize = world.fork(Effect.orDie(pool.resize(2)), operations)
      for (let step = 0; step < steps; step++) world.step()
      world.fork(Scope.close(world.scope, Exit.void))
      const size = Effect.runSync(pool.size)
      world.run()
      expect(Effect.runSync(pool.size)).toBe(size)
      expect(resize.pollUnsafe()?._tag).toBe(size === 2 ? "Success" : "Failure")
      sizes.add(size)
    }
  }
  expect(sizes).toEqual(new Set([1, 2]))
})
