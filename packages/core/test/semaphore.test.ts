import { describe, expect, it } from "@effect/vitest"
import { Semaphore, Waiter } from "../src/internal/semaphore.ts"

class Named extends Waiter {
  readonly name: string
  readonly granted: Array<string>

  constructor(name: string, granted: Array<string>) {
    super()
    this.name = name
    this.granted = granted
  }

  onPermit(): void {
    this.granted.push(this.name)
  }
}

/** A semaphore whose permits are all taken, and a queue. */
const scene = (permits: number, ...queue: ReadonlyArray<string>) => {
  const semaphore = new Semaphore(permits)
  for (let i = 0; i < permits; i++) semaphore.takeIfAvailable()
  const granted: Array<string> = []
  const waiters = queue.map((name) => new Named(name, granted))
  for (const waiter of waiters) semaphore.wait(waiter)
  return { semaphore, granted, waiters }
}

describe("a semaphore", () => {
  it.each([0, 1, 3, 1000])("gives exactly as many permits as it has: %i", (permits) => {
    const semaphore = new Semaphore(permits)
    for (let i = 0; i < permits; i++) expect(semaphore.takeIfAvailable()).toBe(true)
    expect(semaphore.takeIfAvailable()).toBe(false)
    expect([semaphore.permits, semaphore.taken, semaphore.free, semaphore.waiting]).toEqual([permits, permits, 0, 0])
  })

  it("gives no permit to a newcomer while it grants to those in the queue", () => {
    const { semaphore, waiters } = scene(1, "a", "b", "c")
    const taken: Array<boolean> = []
    for (const waiter of waiters) waiter.onPermit = () => taken.push(semaphore.takeIfAvailable())
    semaphore.resize(4)
    expect(taken).toEqual([false, false, false])
  })

  it("gives a released permit to the head of the queue in the same step, unless the size has shrunk", () => {
    const { granted, semaphore } = scene(3, "a", "b")
    semaphore.resize(1)
    semaphore.resize(2)
    semaphore.release()
    expect([granted, semaphore.free]).toEqual([[], 0])
    semaphore.release()
    expect([granted, semaphore.free, semaphore.takeIfAvailable()]).toEqual([["a"], 0, false])
  })

  it("passes over one that has left", () => {
    const { granted, semaphore, waiters: [a] } = scene(1, "a", "b", "c", "d")
    if (a !== undefined) semaphore.leave(a)
    expect(semaphore.waiting).toBe(3)
    semaphore.release()
    expect(granted).toEqual(["b"])
    expect((semaphore.first as Named | undefined)?.name).toBe("c")
    expect([semaphore.taken, semaphore.waiting]).toEqual([1, 2])
  })

  it("grants to one that gives it back in the same step", () => {
    const semaphore = new Semaphore(1)
    semaphore.takeIfAvailable()
    let count = 0
    const waitBriefly = () => {
      const waiter = new Named("brief", [])
      waiter.onPermit = () => {
        if (++count === 10) return
        waitBriefly()
        semaphore.release()
      }
      semaphore.wait(waiter)
    }
    waitBriefly()
    semaphore.release()
    expect(count).toBe(10)
    expect([semaphore.taken, semaphore.waiting]).toEqual([1, 0])
  })
})
