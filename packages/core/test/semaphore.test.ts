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

/** A semaphore with this many taken beyond what it has, and a queue. */
const scene = (permits: number, ...line: ReadonlyArray<string>) => {
  const semaphore = new Semaphore(permits)
  for (let i = 0; i < permits; i++) semaphore.takeIfAvailable()
  const granted: Array<string> = []
  const waiters = line.map((name) => new Named(name, granted))
  for (const waiter of waiters) semaphore.wait(waiter)
  return { semaphore, granted, waiters }
}

describe.each([0, 1, 2, 3, 10, 1000])("a semaphore of %i permits", (permits) => {
  it("gives exactly as many as it has", () => {
    const semaphore = new Semaphore(permits)
    for (let i = 0; i < permits; i++) expect(semaphore.takeIfAvailable()).toBe(true)
    expect(semaphore.takeIfAvailable()).toBe(false)
    expect([semaphore.permits, semaphore.taken, semaphore.free, semaphore.waiting]).toEqual([permits, permits, 0, 0])
  })

  it("grants nothing when it shrinks, and nothing on release until it fits", () => {
    const { granted, semaphore } = scene(permits + 2, "a")
    semaphore.resize(permits)
    expect(semaphore.free).toBe(-2)
    semaphore.release()
    semaphore.release()
    expect(granted).toEqual([])
    expect(semaphore.free).toBe(0)
    semaphore.resize(permits + 1)
    expect(granted).toEqual(["a"])
  })
})

describe("a semaphore", () => {
  it("gives a released permit to the head of the queue in the same step", () => {
    const { granted, semaphore } = scene(1, "a", "b")
    semaphore.release()
    expect(granted).toEqual(["a"])
    expect(semaphore.takeIfAvailable()).toBe(false)
    expect([semaphore.taken, semaphore.waiting]).toEqual([1, 1])
  })

  it("frees the permit when nobody is in the queue", () => {
    const { semaphore } = scene(1)
    semaphore.release()
    expect(semaphore.takeIfAvailable()).toBe(true)
  })

  it("grants exactly as many as fit when it grows, in order", () => {
    const { granted, semaphore } = scene(1, "a", "b", "c", "d")
    semaphore.resize(3)
    expect(granted).toEqual(["a", "b"])
    expect([semaphore.taken, semaphore.waiting, semaphore.free]).toEqual([3, 2, 0])
    semaphore.resize(10)
    expect(granted).toEqual(["a", "b", "c", "d"])
    expect(semaphore.free).toBe(5)
  })

  it("never grants by the difference alone after a shrink and a growth", () => {
    const { granted, semaphore } = scene(5, "a", "b")
    semaphore.resize(1)
    semaphore.resize(3)
    expect(granted).toEqual([])
    expect(semaphore.free).toBe(-2)
    semaphore.resize(6)
    expect(granted).toEqual(["a"])
  })

  it("passes over one who has left", () => {
    const { granted, semaphore, waiters: [a] } = scene(1, "a", "b")
    if (a !== undefined) semaphore.leave(a)
    expect(semaphore.waiting).toBe(1)
    semaphore.release()
    expect(granted).toEqual(["b"])
  })

  it("dismisses the head of the queue without a permit", () => {
    const { granted, semaphore } = scene(1, "a", "b")
    expect([semaphore.dismiss(), semaphore.dismiss(), semaphore.dismiss()].map((one) => (one as Named)?.name))
      .toEqual(["a", "b", undefined])
    expect(granted).toEqual([])
    expect([semaphore.taken, semaphore.waiting]).toEqual([1, 0])
  })

  it("grants to one who gives it back in the same step", () => {
    const semaphore = new Semaphore(1)
    semaphore.takeIfAvailable()
    let count = 0
    class Brief extends Waiter {
      onPermit(): void {
        count++
        if (count < 10) {
          semaphore.wait(new Brief())
          semaphore.release()
        }
      }
    }
    semaphore.wait(new Brief())
    semaphore.release()
    expect(count).toBe(10)
    expect([semaphore.taken, semaphore.waiting]).toEqual([1, 0])
  })
})
