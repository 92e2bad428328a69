import { describe, expect, it } from "@effect/vitest"
import { Exit } from "effect"
import * as fc from "fast-check"
import type { JobOptions } from "../src/index.ts"
import { Ledger } from "../src/internal/ledger.ts"
import { LinkedList } from "../src/internal/linked-list.ts"
import { Semaphore } from "../src/internal/semaphore.ts"
import { Claim, Shares } from "../src/internal/shares.ts"
import { Job, Slots } from "../src/internal/slots.ts"
import { Random } from "./model/random.ts"
import { VirtualClock } from "./support/virtual-clock.ts"

/** A job that takes a certain time. */
class Timed extends Job {
  readonly length: number
  private readonly town: Town

  constructor(town: Town, length: number, options: JobOptions, enclosing?: Job) {
    super(town.slots, town.jobs, enclosing, options)
    this.town = town
    this.length = length
  }

  onWaitEnd(): void {
    this.town.begin(this)
  }

  interrupt(): void {}

  get isRefused(): boolean {
    return false
  }

  isRunBy(): boolean {
    return false
  }
}

/** Slots, and jobs that end by themselves when their time has come. */
class Town {
  readonly clock = new VirtualClock()
  readonly jobs = new LinkedList<Job>()
  readonly slots: Slots
  /** Milliseconds of slot time, by key. */
  readonly used = new Map<string | undefined, number>()
  readonly served: Array<Timed> = []
  onEnd: (job: Timed) => void = () => {}
  #running: Array<{ readonly at: number; readonly job: Timed }> = []

  constructor(size: number, weight: (key: string) => number = () => 1, priorityBoost = 1) {
    const semaphore = new Semaphore<Job>(size)
    this.slots = new Slots(
      semaphore,
      new Ledger("town", semaphore),
      { clock: this.clock, weight, priorityBoost },
      () => {}
    )
  }

  enter(length: number, options: JobOptions): Timed {
    const job = new Timed(this, length, options)
    this.slots.askUser(job)
    this.slots.readClock()
    if (!this.slots.takeOrBorrow(job)) this.slots.join(job)
    if (job.state === "holding") this.begin(job)
    return job
  }

  begin(job: Timed): void {
    this.served.push(job)
    this.#running.push({ at: this.clock.now + job.length, job })
  }

  /** Goes on to the end of the next job. False when none runs. */
  step(): boolean {
    this.#running.sort((a, b) => a.at - b.at)
    const next = this.#running.shift()
    if (next === undefined) return false
    const { at, job } = next
    this.clock.now = at
    const { key } = job.options ?? {}
    this.used.set(key, (this.used.get(key) ?? 0) + job.length)
    this.slots.end(job, Exit.void)
    this.onEnd(job)
    return true
  }

  finish(): void {
    while (this.step()) {
      // until nothing runs
    }
  }
}

/** What the shares keep to themselves. */
const insideOf = (town: Town) =>
  town.slots.shares as unknown as { readonly virtualTime: number; readonly flows: ReadonlyMap<string, unknown> }

const isIdle = (town: Town) => town.slots.semaphore.isIdle && town.slots.shares === undefined && town.jobs.isEmpty

describe.each([1, 3, 10])("the keys of a pool of size %i that always have somebody in the queue", (size) => {
  const tenants = fc.array(
    fc.record({ weight: fc.constantFrom(0.5, 1, 2, 3, 5), length: fc.constantFrom(1, 3, 10) }),
    { minLength: 2, maxLength: 6 }
  )

  it("share slot time as their weights are, whatever the lengths of their jobs", () => {
    fc.assert(
      fc.property(tenants, fc.nat(), (tenants, seed) => {
        const random = new Random(seed)
        const weights: ReadonlyArray<number> = tenants.map(({ weight }) => weight)
        const town = new Town(size, (key) => weights[Number(key)]!)
        const ask = (key: string) => {
          const { length } = tenants[Number(key)]!
          // around its mean, from none to twice as long
          town.enter(length * random.below(201) / 100, { key })
        }
        town.onEnd = (job) => ask(job.options!.key!)
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        const keys = tenants.map((_, index) => String(index))
        // a key of nearly all the weight needs as many callers as there are slots
        for (let i = 0; i < 2 * size + 2; i++) for (const key of keys) ask(key)
        // until each key should have had as many jobs as make one of them small
        const slotTime = Math.max(...tenants.map(({ length, weight }) => 200 * length * total / weight))
        let virtualTime = 0
        while (town.clock.now * size < slotTime) {
          town.step()
          expect(insideOf(town).virtualTime).toBeGreaterThanOrEqual(virtualTime)
          virtualTime = insideOf(town).virtualTime
        }
        const time = [...town.used.values()].reduce((sum, used) => sum + used)
        for (const [index, key] of keys.entries()) {
          const share = (town.used.get(key) ?? 0) / time
          expect(share / (weights[index]! / total)).toBeGreaterThan(0.95)
          expect(share / (weights[index]! / total)).toBeLessThan(1.05)
        }
        town.onEnd = () => {}
        town.finish()
        expect(isIdle(town)).toBe(true)
      }),
      { seed: size, numRuns: 8 }
    )
  })
})

describe("a key that has used more than its share", () => {
  it("is served soon among new keys, also when the pool has got far while a heavy key held a slot", () => {
    const shares = new Shares<string>(0)
    let now = 0
    const heavy = new Claim("heavy", "heavy", 9, 0)
    shares.grant(heavy, now)
    // One after the other, "light" uses its slot, and the virtual time runs ahead of what the weights would allow.
    for (let job = 0; job < 100; job++) {
      const claim = new Claim("light", "light", 1, 0)
      shares.grant(claim, now)
      shares.end(claim, now += 10)
    }
    shares.end(heavy, now)
    shares.join(new Claim("light", "light", 1, 0), now)
    let served = 0
    for (;; served++) {
      const claim = new Claim("new", `new ${served}`, 1, 0)
      shares.join(claim, now)
      if (shares.first === "light") break
      shares.grant(claim, now)
      shares.end(claim, now += 10)
    }
    expect(served).toBeLessThan(50)
  })

  it("is forgotten in the end, however many new keys go on coming", () => {
    const town = new Town(2)
    let count = 0
    const another = () => town.enter(10, { key: `new ${++count}` })
    for (let i = 0; i < 4; i++) another()
    town.onEnd = another
    for (let step = 0; step < 2000; step++) town.step()
    expect(town.slots.shares?.size).toBeLessThan(50)
  })
})
