import { describe, expect } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Latch, Scope, Stream } from "effect"
import { GreenPile, type GreenPool, type Slot } from "../src/index.ts"
import { Growth, Mortals } from "./support/heap.ts"
import { expectWorking, forkNow, isInterrupted, makePool, testLive, turns, upTo } from "./support/index.ts"
import { mapOf, verbs } from "./support/verbs.ts"

const detach = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkDetach(effect, { startImmediately: true })

/** Does something in a fiber of its own, whose end leaves nothing on the stack. */
const apart = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<unknown> =>
  Effect.flatMap(Effect.forkDetach(effect), Fiber.await)

/** Objects, made one after the other. */
const twenty = function*(mortals: Mortals) {
  for (let i = 0; i < 20; i++) yield mortals.make()
}

describe("a pool that goes on living keeps nothing of a job that was", () => {
  const Payload = Context.Reference<object | undefined>("test/Payload", { defaultValue: () => undefined })

  /** Ways in which a job can come and go; each is given something big to hold on to. */
  const ends: Record<string, (pool: GreenPool, keep: object) => Effect.Effect<unknown, unknown>> = {
    "run and ended": (pool, keep) => pool.run(Effect.sync(() => [keep])),
    "run and failed": (pool, keep) => pool.run(Effect.fail(keep)),
    "spawned and ended": (pool, keep) => Effect.flatMap(pool.spawn(Effect.sync(() => [keep])), Fiber.await),
    "spawned and failed": (pool, keep) => Effect.flatMap(pool.spawn(Effect.fail(keep)), Fiber.await),
    "spawned and interrupted": (pool, keep) =>
      Effect.flatMap(
        pool.spawn(Effect.andThen(Effect.never, Effect.sync(() => keep))),
        (fiber) => Effect.andThen(Effect.yieldNow, Fiber.interrupt(fiber))
      ),
    "spawned and interrupted before its start": (pool, keep) =>
      Effect.flatMap(pool.spawn(Effect.sync(() => keep)), Fiber.interrupt),
    "nested and ended": (pool, keep) =>
      pool.run(pool.run(Effect.flatMap(pool.spawn(Effect.sync(() => keep)), Fiber.join))),
    "cancelled in the queue or in waitall": Effect.fnUntraced(function*(pool, keep) {
      const holder = yield* pool.spawn(Effect.never)
      const kept = Effect.sync(() => keep)
      for (const call of [pool.run(kept), pool.spawn(kept), Effect.andThen(pool.waitall, kept)]) {
        yield* Fiber.interrupt(yield* forkNow<unknown, never, never>(call))
      }
      yield* Fiber.interrupt(holder)
    })
  }

  testLive.each(Object.entries(ends))("%s", function*([, end]) {
    const pool = yield* makePool(1)
    const payloads = new Mortals()
    for (let i = 0; i < 20; i++) {
      yield* apart(Effect.suspend(() => {
        const keep = payloads.make()
        return Effect.provideService(end(pool, keep), Payload, keep)
      }))
    }
    yield* Effect.forkDetach(Effect.void)
    yield* payloads.expectGone(20)
    yield* expectWorking(pool)
  })
})

testLive("a job that runs keeps nothing of the fiber that waited to spawn it", function*() {
  const pool = yield* makePool(20)
  const spawners = new Mortals()
  const holders = yield* Effect.forEach(upTo(20), () => pool.spawn(Effect.never))
  for (let i = 0; i < 20; i++) spawners.note(yield* detach(pool.spawn(Effect.never)))
  yield* Fiber.interruptAll(holders)
  yield* spawners.expectGone(20)
  expect(yield* pool.running).toBe(20)
})

testLive("a slot that is over keeps nothing of the jobs that it was lent to, or borrowed from", function*() {
  const pool = yield* makePool(1)
  const effects = new Mortals()
  const slots: Array<Slot> = []
  const use = Effect.suspend(() => {
    const around = effects.note(Effect.map(Effect.scoped(pool.takeScoped()), (slot) => slots.push(slot)))
    const borrower = effects.note(Effect.andThen(Effect.yieldNow, Effect.void))
    const within = Effect.scoped(Effect.flatMap(pool.takeScoped(), (slot) => {
      slots.push(slot)
      return slot.within(detach(pool.run(borrower)))
    }))
    return Effect.andThen(pool.run(around), within)
  })
  for (let i = 0; i < 20; i++) yield* Effect.andThen(apart(use), pool.waitall)
  yield* effects.expectGone(40)
  expect(slots).toHaveLength(40)
})

describe("fibers that outlive their jobs", () => {
  /** Orphans, and objects that they must not keep. */
  class Remains extends Mortals {
    readonly #orphans: Array<Fiber.Fiber<unknown>> = []

    /** A job that leaves a fiber behind, which never ends, and gives an object. */
    readonly job = Effect.map(detach(Effect.never), (orphan) => {
      this.#orphans.push(orphan)
      return this.make()
    })

    readonly expectNone = (count: number): Effect.Effect<void> =>
      Effect.gen({ self: this }, function*() {
        yield* this.expectGone(count)
        expect(this.#orphans).toHaveLength(20)
        yield* Fiber.interruptAll(this.#orphans)
      })
  }

  testLive.each<[string, (pool: GreenPool, job: Effect.Effect<object>) => Effect.Effect<unknown>]>([
    ["a job of run", (pool, job) => pool.run(job)],
    ["a job of spawn", (pool, job) => pool.spawn(job)],
    ["a job of spawnN", (pool, job) => pool.spawnN(job)],
    ["a pile that was read", (pool, job) =>
      Effect.scoped(
        Effect.flatMap(
          GreenPile.make<object>(pool),
          (pile) => Effect.andThen(pile.spawn(job), Effect.asVoid(pile.next))
        )
      )]
  ])("keep no result of %s", function*([, use]) {
    const pool = yield* makePool(2)
    const remains = new Remains()
    for (let i = 0; i < 20; i++) yield* apart(Effect.andThen(use(pool, remains.job), pool.waitall))
    yield* remains.expectNone(20)
  })

  testLive.each(verbs)("keep no item and no result of %s", function*(verb) {
    const pool = yield* makePool(2)
    const remains = new Remains()
    const job = () => Effect.andThen(Effect.yieldNow, remains.job)
    yield* apart(Stream.runDrain(mapOf(pool, verb)(job, twenty(remains))))
    yield* remains.expectNone(40)
  })
})

describe("the heap does not grow with", () => {
  /** What each job of a chain does, on a pool of some size. It may leave three references behind, of eight bytes. */
  testLive.each<[string, size: number, link: (pool: GreenPool, next: Effect.Effect<void>) => Effect.Effect<unknown>]>([
    ["spawn their successors", 2, (pool, next) => pool.spawnN(next)],
    ["spawn their successors and work on", 100, (pool, next) => Effect.andThen(pool.spawnN(next), turns(3))],
    ["outlive those that lend to them", 1, (pool, next) => Effect.andThen(Effect.yieldNow, detach(pool.run(next)))]
  ])("jobs that %s, in a fiber that outlives the first", function*([, size, link]) {
    const pool = yield* makePool(size)
    let left = 10_000
    const growth = new Growth(left)
    const job: Effect.Effect<void> = Effect.suspend(() =>
      Effect.andThen(growth.step, --left === 0 ? Effect.void : Effect.asVoid(link(pool, job)))
    )
    const orphan = yield* pool.run(Effect.tap(detach(Effect.never), () => job))
    yield* pool.waitall
    growth.expectLessThan(30)
    yield* Fiber.interrupt(orphan)
  })

  testLive("callers that are interrupted in waitall, of a pool that is never idle", function*() {
    const pool = yield* makePool(1)
    yield* pool.spawn(Effect.never)
    const growth = new Growth(10_000)
    for (let i = 0; i < 10_000; i++) {
      yield* Fiber.interrupt(yield* detach(pool.waitall))
      yield* growth.step
    }
    growth.expectLessThan(30)
  })
})

describe("a result that waits to be read keeps", () => {
  testLive("no effect of a pile", function*() {
    const pile = yield* GreenPile.make<void>(1)
    const effects = new Mortals()
    for (let i = 0; i < 20; i++) yield* pile.spawn(effects.note(Effect.sync(() => {})))
    yield* effects.expectGone(20)
    for (let i = 0; i < 20; i++) yield* pile.next
  })

  testLive.each(verbs)("no item of %s", function*(verb) {
    const pool = yield* makePool(1)
    const items = new Mortals()
    const read = yield* Latch.make()
    const stream = mapOf(pool, verb)(() => Effect.yieldNow, twenty(items), { window: 20 })
    const reader = yield* Effect.forkChild(Stream.runForEach(stream, () => read.await))
    yield* items.expectGone(20)
    yield* read.open
    yield* Fiber.join(reader)
  })

  testLive.each(verbs)("nothing of %s that was left, while its reader keeps the pull", function*(verb) {
    const pool = yield* makePool(20)
    const results = new Mortals()
    const scope = yield* Scope.make()
    const job = () => Effect.andThen(Effect.yieldNow, Effect.sync(results.make))
    const pull = yield* Scope.provide(Stream.toPull(mapOf(pool, verb)(job, upTo(40))), scope)
    yield* apart(pull)
    yield* turns(3)
    yield* Scope.close(scope, Exit.void)
    yield* results.expectGone(40)
    expect(isInterrupted(yield* Effect.exit(pull))).toBe(true)
  })
})
