/**
 * What no other test sees of the semaphore: those of slots, of lending and of resize prove the rest.
 */
import { expect, it } from "vitest"
import { Semaphore, Waiter } from "../src/internal/semaphore.ts"

it("a semaphore gives no permit to a newcomer while it grants to those in the queue", () => {
  const semaphore = new Semaphore(0)
  const taken: Array<boolean> = []
  class Observer extends Waiter {
    onPermit(): void {
      taken.push(semaphore.takeIfAvailable())
    }
  }
  for (let waiter = 0; waiter < 3; waiter++) semaphore.wait(new Observer())
  semaphore.resize(4)
  expect(taken).toEqual([false, false, true])
})
