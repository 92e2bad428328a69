/**
 * Interrupts a fiber at every point of its way.
 */
import type { Fiber } from "effect"
import type { GreenPool } from "../../src/index.ts"
import { expectWorking } from "./counters.ts"
import { World } from "./world.ts"

/** One run: the fiber to be interrupted, and what must hold when everything has come to rest. */
export interface Run {
  readonly victim: Fiber.Fiber<unknown, unknown>
  readonly pool: GreenPool
  /** Checks the end; `over` says that the victim had ended by itself. */
  readonly check: (over: boolean) => void
}

/**
 * For a victim that yields every 3, 4, 5, … operations, until it is through without having had to: runs the scenario
 * again and again, and interrupts the victim after no turn, after one, after two, …, until it ends before that. After
 * each run all slots of the pool must be there.
 */
export const sweep = (scenario: (world: World, operations: number) => Run): void => {
  for (let operations = 3, yields = true; yields; operations++) {
    for (let turns = 0, over = false; !over; turns++) {
      const world = new World()
      const { check, pool, victim } = scenario(world, operations)
      for (let turn = 0; turn < turns && victim.pollUnsafe() === undefined; turn++) {
        if (!world.step()) throw new Error("the victim does not end")
      }
      over = victim.pollUnsafe() !== undefined
      yields = world.hasPreempted
      victim.interruptUnsafe()
      world.run()
      try {
        if (victim.pollUnsafe() === undefined) throw new Error("the victim does not end after its interruption")
        check(over)
        world.get(expectWorking(pool))
      } catch (cause) {
        throw new Error(`interrupted after ${turns} turns, yielding every ${operations} operations`, { cause })
      }
      world.close()
    }
  }
}
