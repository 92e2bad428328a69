import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { GreenPile, GreenPool } from "../src/index.ts"
import { FiberCounter } from "./support/fiber-counter.ts"
import { collected, heldMegabytes } from "./support/held-memory.ts"
import { makePool } from "./support/makePool.ts"
import { atRest, turns } from "./support/turns.ts"
import { mapOf, verbs } from "./support/verbs.ts"
import { World } from "./support/world.ts"

const many = 300_000

/** What a run of 150,000 items and more may add to the heap. A window is small; ten bytes kept of each item are more. */
const allowedMegabytes = 1

/** Notes how much the heap holds a quarter of the way, and at the end; gives the growth between. */
class Growth {
  readonly length: number
  #count = 0
  #base = 0
  #last = 0

  constructor(length: number) {
    this.length = length
  }

  readonly step = (): void => {
    this.#count++
    if (this.#count === this.length / 4) this.#base = heldMegabytes()
    if (this.#count === this.length) this.#last = heldMegabytes()
  }

  /** In megabytes; fails unless all steps were taken. */
  get megabytes(): number {
    expect(this.#count).toBe(this.length)
    return this.#last - this.#base
  }
}

const alive = (references: ReadonlyArray<WeakRef<WeakKey>>): number =>
  references.filter((reference) => reference.deref() !== undefined).length

/** The engine may still hold the last few objects that it has seen. A leak would hold one for each of many rounds. */
const heldByTheEngine = 5

const numbers = function*(length: number) {
  for (let item = 0; item < length; item++) yield item
}

describe("the heap is flat over 300,000 items", () => {
  it.live.each(verbs)("of %s", (verb) =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 10 })
      const growth = new Growth(many)
      const stream = mapOf(pool, verb)((item) => Effect.succeed([item]), numbers(many))
      yield* Stream.runForEach(stream, () => Effect.sync(growth.step))
      expect(growth.megabytes).toBeLessThan(allowedMegabytes)
    }))

  it.live("of a stream that waits for each, with jobs that wait", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 100 })
      const growth = new Growth(150_000)
      const source = Stream.mapEffect(
        Stream.fromIterable(numbers(growth.length)),
        (item) => item % 100 === 0 ? Effect.as(Effect.yieldNow, item) : Effect.succeed(item)
      )
      const mapped = pool.imap((item) => item % 10 === 0 ? Effect.yieldNow : Effect.void, source)
      yield* Stream.runForEach(mapped, () => Effect.sync(growth.step))
      expect(growth.megabytes).toBeLessThan(allowedMegabytes)
    }))

  it.live("of a pile that is read as it is fed", () =>
    Effect.gen(function*() {
      const pile = yield* GreenPile.make<number>(10)
      const growth = new Growth(150_000)
      for (let item = 0; item < growth.length; item++) {
        yield* pile.spawn(Effect.succeed(item))
        yield* pile.next
        growth.step()
      }
      expect(growth.megabytes).toBeLessThan(allowedMegabytes)
    }))
})

describe("a pool that lives on", () => {
  it.live("keeps nothing of maps and piles that are over, however they ended", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 2 })
      const growth = new Growth(8000)
      for (let round = 0; round < growth.length; round++) {
        const items = Array.from({ length: 10 }, (_, item) => item)
        yield* Stream.runDrain(pool.imap(() => Effect.void, items))
        yield* Stream.runDrain(Stream.take(pool.imap(() => Effect.void, items), 2))
        yield* Effect.flip(
          Stream.runDrain(pool.imap((item) => item === 3 ? Effect.fail("failed") : Effect.void, items))
        )
        yield* Effect.scoped(Effect.flatMap(GreenPile.make<void>(pool), (pile) => pile.spawn(Effect.never)))
        growth.step()
      }
      expect(growth.megabytes).toBeLessThan(allowedMegabytes)
    }))

  it.live("keeps nothing of maps that were interrupted, at any point of their way", () =>
    Effect.gen(function*() {
      const world = new World()
      const pool = world.pool(2)
      const functions: Array<WeakRef<(item: number) => Effect.Effect<void>>> = []
      const interrupt = (operations: number, after: number): boolean => {
        const f = (item: number) => turns(item + after % 2)
        functions.push(new WeakRef(f))
        const fiber = world.fork(Stream.runDrain(pool.imap(f, [0, 1, 2])), operations)
        for (let turn = 0; turn < after; turn++) world.step()
        const over = fiber.pollUnsafe() !== undefined
        fiber.interruptUnsafe()
        world.run()
        return over
      }
      for (let round = 0; round < 10; round++) {
        for (let operations = 3; operations <= 16; operations++) {
          for (let after = 0; !interrupt(operations, after); after++);
        }
      }
      yield* collected
      expect(functions.length).toBeGreaterThan(1000)
      expect(alive(functions)).toBeLessThan(heldByTheEngine)
      expect(world.get(pool.running)).toBe(0)
    }))

  it.live("keeps nothing of piles that were closed", () =>
    Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 2 })
      const results: Array<WeakRef<object>> = []
      for (let round = 0; round < 100; round++) {
        const scope = yield* Scope.make()
        const pile = yield* Effect.provideService(GreenPile.make<object>(pool), Scope.Scope, scope)
        yield* pile.spawn(Effect.sync(() => {
          const result = { round }
          results.push(new WeakRef(result))
          return result
        }))
        yield* pool.waitall
        yield* Scope.close(scope, Exit.void)
      }
      yield* collected
      expect(results.length).toBe(100)
      expect(alive(results)).toBeLessThan(heldByTheEngine)
    }))
})

describe("behind a slow reader", () => {
  it.live.each(verbs)(
    "%s keeps a window of results and no more, and lets go of what was read",
    (verb) =>
      Effect.gen(function*() {
        const pool = yield* GreenPool.make({ size: 10 })
        const results: Array<WeakRef<object>> = []
        const job = (item: number) =>
          Effect.sync(() => {
            const result = { item }
            results.push(new WeakRef(result))
            return result
          })
        const stream = mapOf(pool, verb)(job, numbers(Infinity))
        let read = 0
        let held = 0
        yield* Stream.runForEach(Stream.take(stream, 1000), () =>
          Effect.gen(function*() {
            // Others have all the time that they want.
            if (++read % 100 !== 0) return
            yield* turns(20)
            yield* collected
            held = alive(results)
          }))
        // A chunk in the reader's hands and a window behind; the engine may still hold the chunks that it saw last.
        expect(held).toBeGreaterThanOrEqual(10)
        expect(held).toBeLessThanOrEqual(5 * 10)
        expect(results.length).toBeLessThanOrEqual(1000 + 2 * 10)
      })
  )
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
