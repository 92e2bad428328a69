/**
 * Fibers that yield before their very first operation, as a scheduler may have them do: what has to happen to them
 * meanwhile is not lost.
 */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, type Scheduler, Scope, Stream } from "effect"
import { GreenPile } from "../src/index.ts"
import { expectEmpty, expectWorking } from "./support/counters.ts"
import { World } from "./support/world.ts"

class HesitantWorld extends World {
  readonly #begun = new Set<Fiber.Fiber<unknown, unknown>>()

  override shouldYield(fiber: Parameters<Scheduler.Scheduler["shouldYield"]>[0]): boolean {
    if (this.#begun.has(fiber)) return false
    this.#begun.add(fiber)
    return true
  }
}

/** Has the fiber that it is told yield before its next operation, and no other at all. */
class PickyWorld extends World {
  picked: Fiber.Fiber<unknown, unknown> | undefined = undefined

  override shouldYield(fiber: Parameters<Scheduler.Scheduler["shouldYield"]>[0]): boolean {
    if (fiber !== this.picked) return false
    this.picked = undefined
    return true
  }
}

it("a job that starts in the step that makes its fiber may close its pile in its first step", () => {
  const world = new PickyWorld()
  const pool = world.pool(1)
  const scope = Scope.makeUnsafe()
  const pile = world.get(
    Effect.provideService(GreenPile.make<void>(pool), Scope.Scope, scope).pipe(Effect.orDie)
  )
  const gate = Deferred.makeUnsafe<void>()
  world.fork(pool.run(Deferred.await(gate)))
  const spawner = world.fork(pile.spawn(Effect.andThen(Scope.close(scope, Exit.void), Effect.yieldNow)))
  world.run()
  world.picked = spawner
  Deferred.doneUnsafe(gate, Exit.void)
  world.run()
  expect(world.picked).toBe(undefined)
  expect(spawner.pollUnsafe()).toEqual(Exit.void)
  world.get(expectEmpty(pool))
  world.get(expectWorking(pool))
})

describe("on a scheduler that has each fiber yield before its first operation", () => {
  it.each([1, 2, 3])("spawned jobs start, once, on a pool of size %i", (size) => {
    const world = new HesitantWorld()
    const pool = world.pool(size)
    const started: Array<number> = []
    const job = (n: number) =>
      Effect.sync(() => {
        started.push(n)
        return n
      })
    const fiber = world.fork(
      Effect.flatMap(Effect.forEach([0, 1, 2], (n) => pool.spawn(job(n))), Fiber.joinAll)
    )
    world.run()
    expect(fiber.pollUnsafe()).toEqual(Exit.succeed([0, 1, 2]))
    expect(started).toEqual([0, 1, 2])
    expect(world.get(pool.running)).toBe(0)
  })

  it("a resize at any moment reaches the window of a map", () => {
    for (let steps = 0; steps < 40; steps++) {
      const world = new HesitantWorld()
      const pool = world.pool(1)
      world.fork(Stream.runDrain(pool.imap(() => Effect.never, [0, 1, 2, 3])))
      for (let i = 0; i < steps; i++) world.step()
      world.fork(pool.resize(2))
      world.step()
      world.fork(pool.resize(3))
      world.run()
      expect({ steps, running: world.get(pool.running) }).toEqual({ steps, running: 3 })
    }
  })
})
