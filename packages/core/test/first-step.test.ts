/**
 * Fibers that yield before their very first operations, as a scheduler may have them do: what has to happen to them
 * meanwhile is not lost.
 */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { GreenPile } from "../src/index.ts"
import { expectEmpty, expectWorking, World } from "./support/index.ts"

/** Has each fiber yield before each of its first operations. */
class HesitantWorld extends World {
  readonly #yields = new Map<Fiber.Fiber<unknown, unknown>, number>()
  readonly #most: number

  constructor(most: number) {
    super()
    this.#most = most
  }

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    const yields = this.#yields.get(fiber) ?? 0
    this.#yields.set(fiber, yields + 1)
    return yields < this.#most
  }
}

it("a job that starts in the step that makes its fiber may close its pile in its first step: it is interrupted", () => {
  const world = new World()
  const pool = world.pool(1)
  const scope = Scope.makeUnsafe()
  const pile = world.get(Scope.provide(Effect.orDie(GreenPile.make<void>(pool)), scope))
  const gate = Deferred.makeUnsafe<void>()
  world.fork(pool.run(Deferred.await(gate)))
  let isInterrupted = false
  const close = Effect.andThen(Scope.close(scope, Exit.void), Effect.never)
  const job = Effect.onInterrupt(close, () => Effect.sync(() => isInterrupted = true))
  const spawner = world.fork(pile.spawn(job))
  world.run()
  // The spawner yields before its next operation, and nobody else at all.
  let yields = 0
  world.shouldYield = (fiber) => fiber === spawner && yields++ === 0
  Deferred.doneUnsafe(gate, Exit.void)
  world.run()
  expect(yields).toBeGreaterThan(0)
  expect(spawner.pollUnsafe()).toEqual(Exit.void)
  expect(isInterrupted).toBe(true)
  world.get(expectEmpty(pool))
  world.get(expectWorking(pool))
})

describe.each([1, 6])("where each fiber yields before each of its first operations, %i of them,", (yields) => {
  it.each([1, 2, 3])("spawned jobs start, once, on a pool of size %i", (size) => {
    const world = new HesitantWorld(yields)
    const pool = world.pool(size)
    const started: Array<number> = []
    const job = (n: number) => pool.spawn(Effect.sync(() => started.push(n)))
    world.get(Effect.flatMap(Effect.forEach([0, 1, 2], job), Fiber.joinAll))
    expect(started).toEqual([0, 1, 2])
    expect(world.get(pool.running)).toBe(0)
  })

  it("resizes at any moment reach the window of a map", () => {
    for (let steps = 0; steps < 60; steps++) {
      const world = new HesitantWorld(yields)
      const pool = world.pool(1)
      world.fork(Stream.runDrain(pool.imap(() => Effect.never, [0, 1, 2, 3])))
      for (let i = 0; i < steps; i++) world.step()
      // outside of the world: at once
      Effect.runSync(pool.resize(2))
      if (steps % 2 === 0) {
        world.step()
        Effect.runSync(pool.resize(3))
      }
      world.run()
      expect({ steps, running: world.get(pool.running) }).toEqual({ steps, running: 3 - steps % 2 })
    }
  })
})
