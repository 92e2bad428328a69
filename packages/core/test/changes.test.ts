import { describe, expect, it } from "@effect/vitest"
import { Effect, Equal, Exit, Fiber, Option, Scope, Stream } from "effect"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPool, type PoolFull, type PoolStats } from "../src/index.ts"
import { atRest, expectConsistent, forkNow, makeClosable, makePool, Stage, until, World } from "./support/index.ts"
import { testEffect, testLive } from "./support/test-effect.ts"

/** Reads in the background; gives what has been read so far, and the fiber. */
const read = Effect.fnUntraced(function*(pool: GreenPool<PoolFull>) {
  const states: Array<PoolStats> = []
  const fiber = yield* forkNow(Stream.runForEach(pool.changes, (stats) => Effect.sync(() => states.push(stats))))
  yield* atRest
  return { states, fiber }
})

/** A pool of a runtime that is built synchronously. */
const makeSynchronously = (size: number) =>
  Effect.map(Effect.scope, (scope) => Effect.runSync(Scope.provide(GreenPool.make({ size }), scope)))

const isListening = (pool: GreenPool<PoolFull>) => toInternal(pool).ledger.onChange !== undefined

describe("changes", () => {
  testEffect("starts with the present, each time it is run, also of a key in the context", function*() {
    const pool = yield* makePool(7)
    expect(yield* Stream.runHead(pool.changes)).toMatchObject({ value: { size: 7, running: 0 } })
    yield* forkNow(pool.run(Effect.never))
    const first = yield* Stream.runHead(Stream.provideService(GreenPool.changes, GreenPool, pool))
    expect(first).toEqual(Option.some(yield* pool.stats))
    expect(first).toMatchObject({ value: { running: 1 } })
  })

  testEffect("gives one state for all that happens in a turn, and none when nothing is left of it", function*() {
    const pool = yield* makePool(10)
    const { states } = yield* read(pool)
    for (let i = 0; i < 100; i++) yield* pool.run(Effect.void)
    yield* atRest
    expect(states.map(({ succeeded }) => succeeded)).toEqual([0, 100])
    yield* pool.resize(20)
    yield* pool.resize(10)
    yield* atRest
    expect(states).toHaveLength(2)
  })

  testLive.each([
    { origin: "a program", make: makePool(3) },
    { origin: "a run that knows no turns", make: makeSynchronously(3) }
  ])("of a pool made in $origin gives at most one state per turn of the event loop", function*({ make }) {
    const pool = yield* make
    let turn = 0
    let ticking = setImmediate(function tick() {
      turn++
      ticking = setImmediate(tick)
    })
    const follow = Effect.fnUntraced(function*(then: (stats: PoolStats) => Effect.Effect<unknown, unknown>) {
      const turns: Array<number> = []
      const note = (stats: PoolStats) => Effect.suspend(() => (turns.push(turn), then(stats)))
      yield* forkNow(Stream.runForEach(pool.changes, note))
      return turns
    })
    const promise = Effect.promise(() => Promise.resolve())
    const readers = [
      yield* follow(() => Effect.void),
      // one that comes back in the middle of a turn
      yield* follow(() => promise),
      // one that changes what it reads of
      yield* follow(({ size }) => pool.resize(7 - size))
    ]
    yield* Stream.runDrain(pool.imapUnordered((i) => i % 3 === 0 ? promise : Effect.yieldNow, Stream.range(0, 299)))
    clearImmediate(ticking)
    for (const turns of readers) {
      expect(turns.length).toBeGreaterThan(10)
      expect(new Set(turns).size).toBe(turns.length)
    }
  })

  testEffect("lets a slow reader skip to the newest state, and asks the pool for nothing meanwhile", function*() {
    const pool = yield* makePool(1)
    const seen: Array<number> = []
    const stage = new Stage()
    yield* forkNow(Stream.runForEach(pool.changes, ({ started }) => {
      seen.push(started)
      return stage.gate(`state ${seen.length}`).await
    }))
    for (let i = 0; i < 50; i++) {
      yield* pool.run(Effect.yieldNow)
      yield* atRest
    }
    expect([...seen, isListening(pool)]).toEqual([0, false])
    yield* stage.finish("state 1")
    yield* atRest
    expect([...seen, isListening(pool)]).toEqual([0, 50, false])
    yield* pool.run(Effect.void)
    // It comes back behind one that knows the newest state.
    yield* read(pool)
    yield* stage.finish("state 2")
    yield* atRest
    expect([...seen, isListening(pool)]).toEqual([0, 50, 51, true])
  })

  testEffect("tells all readers, whenever they come and go, and asks for nothing when there is none", function*() {
    const pool = yield* makePool(1)
    expect(isListening(pool)).toBe(false)
    const one = yield* read(pool)
    const other = yield* read(pool)
    yield* pool.resize(2)
    yield* atRest
    yield* Fiber.interrupt(one.fiber)
    expect(isListening(pool)).toBe(true)
    yield* pool.resize(3)
    yield* atRest
    const late = yield* read(pool)
    yield* pool.resize(4)
    yield* atRest
    const sizes = [one, other, late].map(({ states }) => states.map(({ size }) => size))
    expect(sizes).toEqual([[1, 2], [1, 2, 3, 4], [3, 4]])
    yield* Fiber.interruptAll([other.fiber, late.fiber])
    expect(isListening(pool)).toBe(false)
  })
})

/** Things that happen to a full pool of size 1 with a caller in the queue. */
const happenings: Record<string, (pool: GreenPool<PoolFull>, stage: Stage) => Effect.Effect<unknown, unknown>> = {
  "a job that starts": (pool) => Effect.andThen(pool.resize(3), forkNow(pool.run(Effect.never))),
  "a caller in the queue": (pool) => forkNow(pool.run(Effect.never)),
  "an end": (_, stage) => stage.finish("running"),
  "a caller that leaves the queue": (_, stage) => stage.finish("waiting"),
  "a caller that is rejected": (pool) => Effect.flip(pool.run(Effect.void, { maxWait: 0 })),
  "a resize": (pool) => pool.resize(0),
  "a loan": (_, stage) => stage.finish("borrowing"),
  "a borrower that is left with the slot": (_, stage) =>
    Effect.andThen(stage.finish("borrowing"), Effect.andThen(atRest, stage.finish("lending")))
}

testEffect.each(Object.entries(happenings))("changes tells of %s, soon and rightly", function*([, happening]) {
  const pool = yield* makePool(3)
  const stage = new Stage()
  // three jobs that hold a slot each
  yield* forkNow(pool.run(stage.job("running")))
  yield* forkNow(pool.run(Effect.never))
  const borrower = Effect.andThen(stage.job("borrowing"), pool.run(Effect.never))
  const lend = Effect.forkDetach(borrower, { startImmediately: true })
  yield* forkNow(pool.run(Effect.andThen(lend, stage.job("lending"))))
  const waiting = yield* forkNow(pool.run(Effect.never))
  yield* forkNow(Effect.andThen(stage.job("waiting"), Fiber.interrupt(waiting)))
  const { states } = yield* read(pool)
  const count = states.length
  yield* happening(pool, stage)
  yield* until(() => states.length > count)
  yield* atRest
  expect(states.at(-1)).toEqual(yield* pool.stats)
  states.forEach(expectConsistent)
})

describe("changes of a pool that closes", () => {
  testEffect("ends with the last state, once, and starts with it from then on", function*() {
    for (const callers of [0, 1, 3]) {
      const { close, pool } = yield* makeClosable({ size: 2 })
      for (let i = 0; i < callers; i++) yield* forkNow(pool.run(Effect.ensuring(Effect.never, Effect.yieldNow)))
      const { fiber, states } = yield* read(pool)
      yield* close
      yield* Fiber.join(fiber)
      const last = yield* pool.stats
      expect(last).toMatchObject({ running: 0, waiting: 0, interrupted: Math.min(2, callers) })
      expect(states.filter((state) => Equal.equals(state, last))).toEqual([last])
      expect(states.at(-1)).toEqual(last)
      expect(yield* Stream.runCollect(pool.changes)).toEqual([last])
    }
  })

  testEffect("from inside ends when the job has ended that closed it", function*() {
    const { close, pool } = yield* makeClosable({ size: 1 })
    const stage = new Stage()
    yield* forkNow(pool.run(Effect.uninterruptible(Effect.andThen(close, stage.job("closer")))))
    const { fiber, states } = yield* read(pool)
    expect([states.at(-1)?.running, fiber.pollUnsafe()]).toEqual([1, undefined])
    yield* stage.finish("closer")
    yield* Fiber.join(fiber)
    expect(states.at(-1)).toEqual(yield* pool.stats)
    expect(states.at(-1)?.running).toBe(0)
  })
})

it("a reader of changes that is interrupted at any moment is forgotten", () => {
  for (let steps = 0, over = false; !over; steps++) {
    const world = new World()
    const pool = world.pool(1)
    const reader = world.fork(Stream.runDrain(Stream.take(pool.changes, 4)), 3)
    const jobs = world.fork(Effect.andThen(pool.run(Effect.yieldNow), pool.run(Effect.yieldNow)), 3)
    for (let step = 0; step < steps; step++) over ||= !world.step()
    reader.interruptUnsafe()
    world.run()
    expect(reader.pollUnsafe()).toBeDefined()
    expect(jobs.pollUnsafe()).toEqual(Exit.void)
    expect(isListening(pool)).toBe(false)
    world.close()
  }
})
