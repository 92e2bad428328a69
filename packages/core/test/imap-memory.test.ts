import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { GreenPile } from "../src/index.ts"
import { FiberCounter } from "./support/fiber-counter.ts"
import { collectGarbage, Growth, Mortals } from "./support/heap.ts"
import { makePool } from "./support/makePool.ts"
import { upTo } from "./support/sizes.ts"
import { atRest, turns } from "./support/turns.ts"
import { mapOf, verbs } from "./support/verbs.ts"
import { World } from "./support/world.ts"

const many = 40_000

const numbers = function*(length: number) {
  for (let item = 0; item < length; item++) yield item
}

describe("the heap is flat over very many items", () => {
  it.live.each(verbs)("of %s", (verb) =>
    Effect.gen(function*() {
      const pool = yield* makePool(10)
      const growth = new Growth(many)
      const stream = mapOf(pool, verb)((item) => Effect.succeed([item]), numbers(many))
      yield* Stream.runForEach(stream, () => growth.step)
      growth.expectLessThan(8)
    }))

  it.live("of a stream that waits for each, with jobs that wait", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(100)
      const growth = new Growth(many)
      const source = Stream.mapEffect(
        Stream.fromIterable(numbers(many)),
        (item) => item % 100 === 0 ? Effect.as(Effect.yieldNow, item) : Effect.succeed(item)
      )
      const mapped = pool.imap((item) => item % 10 === 0 ? Effect.yieldNow : Effect.void, source)
      yield* Stream.runForEach(mapped, () => growth.step)
      growth.expectLessThan(8)
    }))

  it.live("of a pile that is read as it is fed", () =>
    Effect.gen(function*() {
      const pile = yield* GreenPile.make<number>(10)
      const growth = new Growth(many)
      for (let item = 0; item < many; item++) {
        yield* pile.spawn(Effect.succeed(item))
        yield* pile.next
        yield* growth.step
      }
      growth.expectLessThan(8)
    }))
})

describe("a pool that lives on", () => {
  it.live("keeps nothing of maps and piles that are over, however they ended", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const rounds = 1500
      const growth = new Growth(rounds)
      for (let round = 0; round < rounds; round++) {
        yield* Stream.runDrain(pool.imap(() => Effect.void, upTo(10)))
        yield* Stream.runDrain(Stream.take(pool.imap(() => Effect.void, upTo(10)), 2))
        yield* Effect.flip(
          Stream.runDrain(pool.imap((item) => item === 3 ? Effect.fail("failed") : Effect.void, upTo(10)))
        )
        yield* Effect.scoped(Effect.flatMap(GreenPile.make<void>(pool), (pile) => pile.spawn(Effect.never)))
        yield* growth.step
      }
      // less than a hundred bytes each
      growth.expectLessThan(400)
    }))

  it.live("keeps nothing of maps that were interrupted, at any point of their way", () =>
    Effect.gen(function*() {
      const world = new World()
      const pool = world.pool(2)
      const functions = new Mortals()
      const interrupt = (operations: number, after: number): boolean => {
        const f = functions.note((item: number) => turns(item + after % 2))
        const fiber = world.fork(Stream.runDrain(pool.imap(f, [0, 1, 2])), operations)
        for (let turn = 0; turn < after; turn++) world.step()
        const over = fiber.pollUnsafe() !== undefined
        fiber.interruptUnsafe()
        world.run()
        return over
      }
      for (let round = 0; round < 3; round++) {
        for (let operations = 3; operations <= 16; operations++) {
          for (let after = 0; !interrupt(operations, after); after++);
        }
      }
      yield* functions.expectGone(300, 5)
      expect(world.get(pool.running)).toBe(0)
    }))

  it.live("keeps nothing of piles that were closed", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const results = new Mortals()
      for (let round = 0; round < 20; round++) {
        const scope = yield* Scope.make()
        const pile = yield* Scope.provide(GreenPile.make<object>(pool), scope)
        yield* pile.spawn(Effect.sync(results.make))
        yield* pool.waitall
        yield* Scope.close(scope, Exit.void)
      }
      yield* results.expectGone(20, 3)
    }))
})

describe("behind a slow reader", () => {
  it.live.each(verbs)(
    "%s keeps a window of results and no more, and lets go of what was read",
    (verb) =>
      Effect.gen(function*() {
        const pool = yield* makePool(10)
        const results = new Mortals()
        const stream = mapOf(pool, verb)(() => Effect.sync(results.make), numbers(Infinity))
        let read = 0
        let held = 0
        yield* Stream.runForEach(Stream.take(stream, 300), () =>
          Effect.gen(function*() {
            // Others have all the time that they want.
            if (++read % 100 !== 0) return
            yield* turns(20)
            yield* collectGarbage
            held = results.alive
          }))
        // A chunk in the reader's hands and a window behind; the engine may still hold the chunks that it saw last.
        expect(held).toBeGreaterThanOrEqual(10)
        expect(held).toBeLessThanOrEqual(5 * 10)
        expect(results.made).toBeLessThanOrEqual(300 + 2 * 10)
      })
  )
})

describe("a map that is over", () => {
  it.effect.each(verbs)("leaves no fiber of %s behind, however it ended", (verb) =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const counter = new FiberCounter()
      const mapped = mapOf(pool, verb)((item: number) => item < 4 ? Effect.yieldNow : Effect.never, upTo(5))
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
    }))
})
