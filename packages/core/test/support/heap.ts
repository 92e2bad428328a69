/**
 * The heap, when it holds nothing but what is in use. Needs `node --expose-gc`.
 */
import { expect } from "@effect/vitest"
import { Effect } from "effect"
import { turns } from "./turns.ts"

/** Collects garbage. Weak references are cleared only after a turn of the event loop. */
export const collectGarbage: Effect.Effect<void> = Effect.andThen(
  turns(3),
  Effect.sync(() => {
    if (globalThis.gc === undefined) throw new Error("these tests need node --expose-gc")
    globalThis.gc()
  })
)

/** The bytes in use, when there is no more garbage to collect. */
export const heap: Effect.Effect<number> = Effect.gen(function*() {
  for (let before = Infinity;;) {
    yield* collectGarbage
    const { heapUsed } = process.memoryUsage()
    if (before - heapUsed < 10_000) return heapUsed
    before = heapUsed
  }
})

/** Many steps, between which the heap must not grow: it is looked at after the first part of them, and at the end. */
export class Growth {
  readonly #steps: number
  readonly #first: number
  #count = 0
  #before = 0
  #after = 0

  constructor(steps: number, first = steps / 4) {
    this.#steps = steps
    this.#first = first
  }

  /** One more step has been taken. */
  readonly step: Effect.Effect<void> = Effect.suspend(() => {
    this.#count++
    if (this.#count === this.#first) return Effect.map(heap, (bytes) => void (this.#before = bytes))
    if (this.#count === this.#steps) return Effect.map(heap, (bytes) => void (this.#after = bytes))
    return Effect.void
  })

  /** Expects that all steps were taken, and that none has left more bytes behind than this. */
  expectLessThan(bytes: number): void {
    expect(this.#count).toBe(this.#steps)
    const each = (this.#after - this.#before) / (this.#steps - this.#first)
    expect(each).toBeLessThan(bytes)
  }
}

/** Objects that are made and then let go. */
export class Mortals {
  readonly #made: Array<WeakRef<object>> = []

  /** Notes the object, and gives it. */
  readonly note = <A extends object>(object: A): A => {
    this.#made.push(new WeakRef(object))
    return object
  }

  /** One of some size. */
  readonly make = (): object => this.note({ payload: new Uint8Array(1000) })

  get made(): number {
    return this.#made.length
  }

  get alive(): number {
    return this.#made.filter((one) => one.deref() !== undefined).length
  }

  /** Expects that so many were made and that all are gone, but for a few that the engine may still hold. */
  readonly expectGone = (count: number, few = 2): Effect.Effect<void> =>
    Effect.gen({ self: this }, function*() {
      yield* turns(40)
      for (let i = 0; i < 4 && this.alive > few; i++) yield* collectGarbage
      expect(this.made).toBeGreaterThanOrEqual(count)
      expect(this.alive).toBeLessThanOrEqual(few)
    })
}
