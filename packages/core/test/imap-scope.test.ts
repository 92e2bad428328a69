/**
 * Maps whose scope is closed by somebody else than their reader: a job, the source, or another fiber at any moment.
 */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Scope, Stream } from "effect"
import { toInternal } from "../src/GreenPool.ts"
import type { GreenPool } from "../src/index.ts"
import { CountedAsyncIterable, countedSources } from "./support/counted-sources.ts"
import { expectEmpty } from "./support/counters.ts"
import { isInterrupted } from "./support/exits.ts"
import { forkNow } from "./support/forkNow.ts"
import { makeClosable, makePool } from "./support/makePool.ts"
import { upTo } from "./support/sizes.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"
import { mapOf, verbs } from "./support/verbs.ts"
import { World } from "./support/world.ts"

/** A map that is read in a scope that is not the reader's. */
const setUp = () => {
  const world = new World()
  const pool = world.pool(2)
  const scope = Scope.makeUnsafe()
  return {
    world,
    pool,
    close: Scope.close(scope, Exit.void),
    /** Reads on and on, or as `next` says. */
    read: (
      stream: Stream.Stream<unknown, unknown>,
      operations?: number,
      next: (pull: Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown> = Effect.forever
    ) => world.fork(Effect.flatMap(Effect.provideService(Stream.toPull(stream), Scope.Scope, scope), next), operations),
    expectOver: () => {
      world.get(expectEmpty(pool))
      expect(toInternal(pool).groups.size).toBe(0)
    }
  }
}

describe.each(verbs)("%s", (verb) => {
  it("whose scope one of its jobs closes interrupts the reader that waits for results, however the job goes on", () => {
    for (const within of [Effect.interruptible, Effect.uninterruptible]) {
      const { close, expectOver, pool, read, world } = setUp()
      const reader = read(mapOf(pool, verb)((item) => within(Effect.as(close, item)), [0]))
      world.run()
      expect(isInterrupted(reader.pollUnsafe())).toBe(true)
      expectOver()
    }
  })

  it("whose scope closes before its results are there does not end as if there were none", () => {
    const { close, expectOver, pool, read, world } = setUp()
    const reader = read(mapOf(pool, verb)(() => Effect.never, [0]))
    world.run()
    world.get(close)
    world.run()
    expect(isInterrupted(reader.pollUnsafe())).toBe(true)
    expectOver()
  })

  it("whose scope its own source closes does not wait for that source, and interrupts it", () => {
    // whether the reader waits for results, or has left off reading
    for (const next of [undefined, (pull: Effect.Effect<unknown, unknown>) => Effect.andThen(pull, Effect.never)]) {
      const { close, expectOver, pool, read, world } = setUp()
      let asked = 0
      const item = Effect.suspend(() => {
        if (asked++ === 0) return Effect.succeed(0)
        const left = Effect.sync(() => asked--)
        return Effect.andThen(Effect.yieldNow, Effect.ensuring(Effect.andThen(close, Effect.never), left))
      })
      read(mapOf(pool, verb)(Effect.succeed, Stream.fromEffectRepeat(item)), undefined, next)
      world.run()
      expect(asked).toBe(1)
      expectOver()
    }
  })

  it.each(countedSources)("of $kind whose scope closes at any point leaves nothing behind", ({ make }) => {
    for (let after = 0, over = false; !over; after++) {
      const { close, expectOver, pool, read, world } = setUp()
      const { counts, source } = make()
      const reader = read(mapOf(pool, verb)((item) => item < 4 ? Effect.succeed(item) : Effect.never, source), 3)
      for (let step = 0; step < after; step++) over ||= !world.step()
      world.get(close)
      expect(isInterrupted(reader.pollUnsafe())).toBe(true)
      expect(counts.closed).toBe(counts.opened)
      expectOver()
    }
  })
})

it("an async iterable whose map is closed, or its reader interrupted, at any point is closed", () => {
  for (let operations = 3; operations < 20; operations++) {
    for (const after of upTo(30)) {
      for (const interrupts of [true, false]) {
        const { close, pool, read, world } = setUp()
        const source = new CountedAsyncIterable()
        const reader = read(pool.imap(Effect.succeed, source), operations)
        for (let step = 0; step < after; step++) world.step()
        if (interrupts) reader.interruptUnsafe()
        world.fork(close)
        world.run()
        expect(source.closed).toBe(source.opened)
      }
    }
  }
})

it("a job that closes its own map's scope and goes on is awaited when the pool closes", () => {
  const { close, expectOver, pool, read, world } = setUp()
  const gate = Deferred.makeUnsafe<void>()
  read(pool.imap(() => Effect.uninterruptible(Effect.andThen(close, Deferred.await(gate))), [0]))
  world.run()
  const closing = world.fork(Scope.close(world.scope, Exit.void))
  world.run()
  expect(closing.pollUnsafe()).toBeUndefined()
  Deferred.doneUnsafe(gate, Exit.void)
  world.run()
  expect(closing.pollUnsafe()?._tag).toBe("Success")
  expectOver()
})

it.effect("a map that is left early interrupts the stream that it reads, in the midst of an item", () =>
  Effect.gen(function*() {
    const pool = yield* makePool(2)
    const stage = new Stage()
    const source = Stream.concat(Stream.make("first"), Stream.fromEffect(stage.job("second")))
    yield* Stream.runDrain(Stream.take(pool.imap(Effect.succeed, source), 1))
    expect(stage.events).toEqual(["second starts", "second is interrupted"])
  }))

describe("a map whose pool closes while its reader is away", () => {
  /** A pool of two slots with a map whose reader has left off after its first results. */
  const closedFor = <A>(map: (pool: GreenPool, close: Effect.Effect<void>) => Stream.Stream<A>) =>
    Effect.gen(function*() {
      const { close, pool } = yield* makeClosable({ size: 2 })
      yield* forkNow(Stream.runForEach(map(pool, close), () => Effect.never))
      yield* atRest
      return { pool, close }
    })

  it.effect("starts no item that its source gives afterwards", () =>
    Effect.gen(function*() {
      const stage = new Stage()
      const second = Effect.uninterruptible(Effect.as(stage.gate("source").await, "second"))
      const source = Stream.concat(Stream.make("first"), Stream.fromEffect(second))
      const { close } = yield* closedFor((pool) => pool.imap((item: string) => stage.around(item, Effect.void), source))
      yield* close
      yield* stage.finish("source")
      yield* atRest
      expect(stage.started).toEqual(["first"])
    }))

  it.effect("interrupts an item that closes it in its first step", () =>
    Effect.gen(function*() {
      const stage = new Stage()
      const { pool } = yield* closedFor((pool, close) =>
        pool.imap((item: number) =>
          item < 2
            ? Effect.void
            : Effect.andThen(Effect.forkDetach(close, { startImmediately: true }), stage.job("closer")), [0, 1, 2])
      )
      // At its next operation, as any job that closes its pool.
      expect(stage.events).toEqual([])
      expect(yield* pool.stats).toMatchObject({ running: 0, succeeded: 2, interrupted: 1 })
    }))
})
