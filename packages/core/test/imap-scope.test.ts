/**
 * Maps whose scope is closed by somebody else than their reader: a job, the source, or another fiber at any moment.
 */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Scope, Stream } from "effect"
import { toInternal } from "../src/GreenPool.ts"
import { CountedAsyncIterable, countedSources } from "./support/counted-sources.ts"
import { expectEmpty, isInterrupted, mapOf, upTo, verbs, World } from "./support/index.ts"

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

/** Reads once, and then is away. */
const once = (pull: Effect.Effect<unknown, unknown>) => Effect.andThen(pull, Effect.never)

describe.each(verbs)("%s", (verb) => {
  it.each([true, false])("whose scope a job closes interrupts the reader, job interruptible: %s", (isInterruptible) => {
    const { close, expectOver, pool, read, world } = setUp()
    const job = isInterruptible ? close : Effect.uninterruptible(close)
    const reader = read(mapOf(pool, verb)(() => job, [0]))
    world.run()
    expect(isInterrupted(reader.pollUnsafe())).toBe(true)
    expectOver()
  })

  it.each([undefined, once])("whose scope its own source closes interrupts that, and does not wait for it", (next) => {
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
  })

  it.each(countedSources)("of $kind whose scope closes at any point leaves nothing behind", ({ make }) => {
    for (let after = 0, over = false; !over; after++) {
      const { close, expectOver, pool, read, world } = setUp()
      // It ends before the last job does.
      const { counts, source } = make(5)
      const reader = read(mapOf(pool, verb)((item) => item < 4 ? Effect.succeed(item) : Effect.never, source), 3)
      for (let step = 0; step < after; step++) over ||= !world.step()
      world.get(close)
      expect(isInterrupted(reader.pollUnsafe())).toBe(true)
      expect(counts.closed + counts.ends).toBe(counts.opened)
      expectOver()
    }
  })
})

it.each([true, false])("an async iterable is closed whenever its map is, its reader interrupted: %s", (interrupts) => {
  for (let operations = 3; operations < 20; operations++) {
    for (const after of upTo(30)) {
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
})

it("a pool that closes awaits a job that has closed its own map's scope and goes on", () => {
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
