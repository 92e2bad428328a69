/**
 * Slots that outlive a call: `takeScoped` and `runStream`.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Scope, Stream } from "effect"
import type { GreenPool } from "../src/index.ts"
import { atRest, expectEmpty, expectWorking, forkNow, isInterrupted, testEffect, untilEffect } from "./support/index.ts"
import { sweep } from "./support/interruption-sweep.ts"
import { makeClosable, makePool } from "./support/makePool.ts"

/** A slot for a scope, and what closes that. */
const hold = Effect.fnUntraced(function*(pool: GreenPool) {
  const scope = yield* Scope.make()
  const slot = yield* Scope.provide(pool.takeScoped(), scope)
  return { slot, close: Scope.close(scope, Exit.void) }
})

/** A pool of size 1, and its slot. */
const setUp = Effect.flatMap(makePool(1), (pool) => Effect.map(hold(pool), (held) => ({ pool, ...held })))

testEffect("takeScoped at any depth, inside jobs of run or of itself, takes no native stack", function*() {
  const pool = yield* makePool(1)
  const nest = (depth: number): Effect.Effect<string> => {
    if (depth === 0) return Effect.succeed("bottom")
    const inner = Effect.suspend(() => nest(depth - 1))
    const within = Effect.scoped(Effect.flatMap(pool.takeScoped(), (slot) => slot.within(inner)))
    return depth % 2 === 0 ? within : pool.run(within)
  }
  expect(yield* nest(4000)).toBe("bottom")
  yield* expectEmpty(pool)
})

testEffect("a fiber that has run within is outside of the slot again, also if it has outlived a job", function*() {
  const pool = yield* makePool(1)
  const use = Effect.gen(function*() {
    yield* Effect.yieldNow
    yield* pool.run(Effect.void)
    const { close, slot } = yield* hold(pool)
    yield* slot.within(Effect.void)
    yield* Effect.forkChild(Effect.andThen(atRest, close))
    yield* pool.run(Effect.void)
  })
  for (const start of [forkNow(use), pool.run(Effect.forkDetach(use))]) {
    const fiber = yield* start
    yield* untilEffect(Effect.map(pool.waiting, (waiting) => waiting === 1))
    yield* Fiber.join(fiber)
  }
})

describe("a slot whose scope closes", () => {
  testEffect("interrupts what runs within, and comes back after that, also if it is asked for again", function*() {
    const { close, pool, slot } = yield* setUp
    const cleanUp = yield* Latch.make()
    const again = Effect.exit(slot.within(Effect.void))
    const inner = yield* forkNow(slot.within(Effect.ensuring(Effect.never, Effect.andThen(again, cleanUp.await))))
    const other = yield* forkNow(pool.run(Effect.void))
    const closing = yield* forkNow(close)
    yield* atRest
    expect([yield* pool.running, other.pollUnsafe(), closing.pollUnsafe()]).toEqual([1, undefined, undefined])
    yield* cleanUp.open
    yield* Fiber.joinAll([closing, other])
    expect(isInterrupted(yield* Fiber.await(inner))).toBe(true)
    yield* expectEmpty(pool)
    expect(isInterrupted(yield* Effect.exit(slot.within(Effect.void)))).toBe(true)
  })

  type Closer = (pool: GreenPool, close: Effect.Effect<void>) => Effect.Effect<unknown, unknown>

  testEffect.each<readonly [string, isInterrupted: boolean, by: Closer]>([
    ["its own fiber, which goes on", false, (pool, close) => Effect.andThen(close, pool.run(Effect.void))],
    ["a nested run", false, (pool, close) => pool.run(close)],
    ["a fiber that it forks", true, (_, close) => Effect.flatMap(Effect.forkChild(close), Fiber.join)],
    ["a nested spawn", true, (pool, close) => Effect.flatMap(pool.spawn(close), Fiber.join)],
    ["a map", true, (pool, close) => Stream.runDrain(pool.imap(() => close, [1]))]
  ])("may be closed from within, by %s, without waiting for itself; that is interrupted: %s", function*([, ends, by]) {
    const { close, pool, slot } = yield* setUp
    const exit = yield* Fiber.await(yield* forkNow(slot.within(by(pool, close))))
    expect(isInterrupted(exit)).toBe(ends)
    yield* atRest
    yield* expectEmpty(pool)
  })

  testEffect("knows all that is within, when a second fiber, or an inner within, has left", function*() {
    const { close, pool, slot } = yield* setUp
    const ended: Array<number> = []
    const noted = Effect.map(pool.running, (running) => ended.push(running))
    const gate = yield* Latch.make()
    yield* forkNow(slot.within(Effect.ensuring(Effect.never, noted)))
    const first = yield* forkNow(slot.within(gate.await))
    yield* forkNow(slot.within(Effect.andThen(slot.within(Effect.void), Effect.ensuring(Effect.never, noted))))
    yield* gate.open
    yield* Fiber.join(first)
    yield* close
    expect(ended).toEqual([1, 1])
    expect(Object.keys(slot)).toEqual(["within"])
    yield* expectWorking(pool)
  })

  testEffect("counts as interrupted, if its pool has closed before", function*() {
    const { close: closePool, pool } = yield* makeClosable({ size: 1 })
    const { close, slot } = yield* hold(pool)
    const gate = yield* Latch.make()
    yield* forkNow(slot.within(Effect.uninterruptible(gate.await)))
    const closing = [yield* forkNow(closePool), yield* forkNow(close)]
    yield* gate.open
    yield* Fiber.joinAll(closing)
    expect(yield* pool.stats).toMatchObject({ succeeded: 0, interrupted: 1 })
  })

  testEffect("that has closed already takes no slot for longer than the call", function*() {
    const pool = yield* makePool(1)
    const scope = yield* Scope.make()
    yield* Scope.close(scope, Exit.void)
    yield* Scope.provide(pool.takeScoped(), scope)
    yield* expectWorking(pool)
  })
})

const users: Record<string, (pool: GreenPool) => Effect.Effect<unknown>> = {
  takeScoped: (pool) => Effect.scoped(Effect.andThen(pool.takeScoped({ key: "a" }), Effect.yieldNow)),
  within: (pool) => Effect.scoped(Effect.flatMap(pool.takeScoped(), (slot) => slot.within(pool.run(Effect.yieldNow)))),
  runStream: (pool) =>
    Stream.runDrain(
      pool.runStream(Stream.ensuring(Stream.take(Stream.fromEffectRepeat(Effect.yieldNow), 2), Effect.yieldNow))
    ),
  "runStream, left early": (pool) => Stream.runHead(pool.runStream(Stream.make(1, 2))),
  "imap with a window": (pool) =>
    Stream.runDrain(pool.imap(() => Effect.yieldNow, [1, 2, 3], { window: 3, concurrency: 1, key: "b" }))
}

it.each(Object.entries(users))(
  "interruption at every step of %s conserves slots on a full pool, and inside a job of one where others wait",
  (_, use) => {
    for (const size of [1, 2]) {
      sweep((world, operations) => {
        const pool = world.pool(size)
        for (let i = 0; i < size; i++) world.fork(pool.run(Effect.yieldNow))
        const victim = world.fork(size === 1 ? use(pool) : pool.run(use(pool)), operations)
        world.fork(pool.run(Effect.yieldNow))
        return { pool, victim, check: () => {} }
      })
    }
  }
)

describe("runStream", () => {
  testEffect("runs the finalizers of a stream that is left early inside its job", function*() {
    const pool = yield* makePool(1)
    let free = Infinity
    const finalizer = pool.run(Effect.map(pool.free, (slots) => void (free = slots)))
    yield* Stream.runHead(pool.runStream(Stream.ensuring(Stream.make(1, 2), finalizer)))
    expect(free).toBe(0)
  })

  testEffect("holds a slot from the first pull to the end of its finalizers, and lends it", function*() {
    const pool = yield* makePool(1)
    let runningInFinalizer = -1
    const stream = pool.runStream(
      Stream.range(1, 2).pipe(
        Stream.rechunk(1),
        Stream.tap(() => pool.run(Effect.void)),
        Stream.ensuring(Effect.map(pool.running, (running) => runningInFinalizer = running))
      )
    )
    yield* Effect.scoped(Effect.gen(function*() {
      const pull = yield* Stream.toPull(stream)
      expect(yield* pool.running).toBe(0)
      expect(yield* pull).toEqual([1])
      // A slow reader keeps it.
      const other = yield* forkNow(pool.run(Effect.void))
      yield* atRest
      expect([yield* pool.running, other.pollUnsafe()]).toEqual([1, undefined])
      expect([yield* pull, runningInFinalizer]).toEqual([[2], -1])
      expect((yield* Effect.exit(pull))._tag).toBe("Failure")
      yield* Fiber.join(other)
      expect([runningInFinalizer, yield* pool.running]).toEqual([1, 0])
    }))
    // Again: each run is a job.
    expect(yield* Stream.runCollect(stream)).toEqual([1, 2])
    expect(yield* pool.stats).toMatchObject({ started: 7, succeeded: 7 })
  })

  testEffect("gives the slot back when the stream fails or is left, or its pool closes, and says which", function*() {
    const { close, pool } = yield* makeClosable({ size: 1 })
    const seen: Array<Exit.Exit<unknown, unknown>> = []
    const watch = Stream.onExit((exit: Exit.Exit<unknown, unknown>) =>
      Effect.andThen(atRest, Effect.sync(() => seen.push(exit)))
    )
    const failing = Stream.concat(Stream.make(1), Stream.fail("broken"))
    expect(yield* Effect.exit(Stream.runDrain(pool.runStream(watch(failing))))).toEqual(Exit.fail("broken"))
    yield* Stream.runHead(pool.runStream(watch(Stream.make(1, 2))))
    yield* Effect.exit(Stream.runForEach(pool.runStream(watch(Stream.make(1, 2))), () => Effect.fail("reader")))
    expect([seen[0], seen[1]?._tag, seen[2]]).toEqual([Exit.fail("broken"), "Success", Exit.fail("reader")])
    for (const end of [Fiber.interrupt, () => close]) {
      const reader = yield* forkNow(Stream.runDrain(pool.runStream(watch(Stream.never))))
      yield* atRest
      yield* end(reader)
      expect(isInterrupted(seen.at(-1))).toBe(true)
      expect(isInterrupted(yield* Fiber.await(reader))).toBe(true)
    }
    expect(seen).toHaveLength(5)
    expect(yield* pool.stats).toMatchObject({ running: 0, succeeded: 1, failed: 2, interrupted: 2 })
  })
})
