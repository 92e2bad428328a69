import { expect } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { FiberCounter } from "./support/fiber-counter.ts"
import { collectGarbage, Growth, Mortals } from "./support/heap.ts"
import { atRest, makePool, mapOf, testEffect, testLive, turns, upTo, verbs, World } from "./support/index.ts"

const many = 40_000

const numbers = function*(length: number) {
  for (let item = 0; item < length; item++) yield item
}

/** Very many items through a pool, and a step after each. */
const ways: Record<string, (pool: GreenPool, step: Effect.Effect<void>) => Effect.Effect<void>> = {
  "a map of a stream that waits for each, with jobs that wait": (pool, step) => {
    const wait = (item: number) => item % 100 === 0 ? Effect.as(Effect.yieldNow, item) : Effect.succeed(item)
    const source = Stream.mapEffect(Stream.fromIterable(numbers(many)), wait)
    const mapped = pool.imap((item) => item % 10 === 0 ? Effect.yieldNow : Effect.void, source)
    return Stream.runForEach(mapped, () => step)
  },
  "a pile that is read as it is fed": (pool, step) =>
    Effect.scoped(Effect.gen(function*() {
      const pile = yield* GreenPile.make<number>(pool)
      for (const item of numbers(many)) {
        yield* pile.spawn(Effect.succeed(item))
        yield* pile.next
        yield* step
      }
    }))
}
for (const verb of verbs) {
  ways[verb] = (pool, step) =>
    Stream.runForEach(mapOf(pool, verb)((item) => Effect.succeed([item]), numbers(many)), () => step)
}

testLive.each(Object.entries(ways))("the heap is flat over very many items of %s", function*([, way]) {
  const growth = new Growth(many)
  yield* way(yield* makePool(100), growth.step)
  growth.expectLessThan(8)
})

testLive("a pool that lives on keeps nothing of maps and piles that are over, however they ended", function*() {
  const pool = yield* makePool(2)
  const rounds = 1500
  const growth = new Growth(rounds)
  const map = pool.imap((item) => item === 3 ? Effect.fail("failed") : Effect.void, upTo(10))
  for (let round = 0; round < rounds; round++) {
    yield* Stream.runDrain(pool.imap(() => Effect.void, upTo(10)))
    yield* Stream.runDrain(Stream.take(pool.imap(() => Effect.void, upTo(10)), 2))
    yield* Effect.flip(Stream.runDrain(map))
    yield* Effect.scoped(Effect.flatMap(
      GreenPile.make<unknown>(pool),
      (pile) => Effect.andThen(pile.spawn(Effect.sync(() => upTo(200))), pile.spawn(Effect.never))
    ))
    yield* growth.step
  }
  // less than a hundred bytes each
  growth.expectLessThan(400)
})

testLive("a pool that lives on keeps nothing of maps that were interrupted, at any point of their way", function*() {
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
})

testLive.each(verbs)("%s behind a slow reader keeps no more than a window of results", function*(verb) {
  const pool = yield* makePool(10)
  const results = new Mortals()
  const stream = mapOf(pool, verb)(() => Effect.sync(results.make), numbers(Infinity))
  let held = 0
  // Others have all the time that they want.
  const look = Effect.andThen(turns(20), Effect.map(collectGarbage, () => void (held = results.alive)))
  const read = Stream.map(Stream.take(stream, 300), (_, index) => index)
  yield* Stream.runForEach(read, (index) => index % 100 === 99 ? look : Effect.void)
  // A chunk in the reader's hands and a window behind; the engine may still hold the chunks that it saw last.
  expect(held).toBeGreaterThanOrEqual(10)
  expect(held).toBeLessThanOrEqual(5 * 10)
  expect(results.made).toBeLessThanOrEqual(300 + 2 * 10)
})

testEffect.each(verbs)("%s makes fibers for jobs that are not over already, and leaves none behind", function*(verb) {
  const pool = yield* makePool(2)
  const counter = new FiberCounter()
  const over = mapOf(pool, verb)((item: number) => Effect.succeed(item), upTo(100))
  expect(yield* Fiber.join(yield* counter.fork(Stream.runCount(over)))).toBe(100)
  // the reader's and the worker's
  expect(counter.started).toBe(2)
  const mapped = mapOf(pool, verb)((item: number) => item < 4 ? Effect.yieldNow : Effect.never, upTo(5))
  for (const stream of [Stream.take(mapped, 4), Stream.take(mapped, 2), mapped]) {
    const fiber = yield* counter.fork(Stream.runDrain(stream))
    yield* atRest
    yield* Fiber.interrupt(fiber)
    yield* atRest
    expect(counter.alive).toBe(0)
  }
  // and those of two jobs
  expect(counter.most).toBe(4)
})
