import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Claim, Shares } from "../src/internal/shares.ts"
import { Random } from "./model/random.ts"
import { SharesByDefinition } from "./support/shares-by-definition.ts"

/** Slots, and jobs that end by themselves when their time has come. */
class Town {
  readonly shares = new Shares<number>(0)
  now = 0
  /** Slot time by key. */
  readonly used = new Map<string, number>()
  readonly #weight: (key: string) => number
  readonly #jobs: Array<{ readonly key: string; readonly length: number; readonly claim: Claim<number> }> = []
  #running: Array<{ readonly at: number; readonly job: number }> = []
  #free: number

  constructor(size: number, weight: (key: string) => number = () => 1) {
    this.#free = size
    this.#weight = weight
  }

  enter(key: string, length: number): void {
    const job = this.#jobs.length
    this.#jobs.push({ key, length, claim: new Claim(job, key, this.#weight(key), 0) })
    if (this.#free === 0) return this.shares.join(this.#jobs[job]!.claim, this.now)
    this.#free--
    this.#grant(job)
  }

  /** Goes on to the end of the next job, and gives its key. */
  step(): string {
    this.#running.sort((a, b) => a.at - b.at)
    const { at, job } = this.#running.shift()!
    const { claim, key, length } = this.#jobs[job]!
    this.now = at
    this.used.set(key, (this.used.get(key) ?? 0) + length)
    this.shares.end(claim, at)
    const next = this.shares.first
    if (next === undefined) this.#free++
    else this.#grant(next)
    return key
  }

  #grant(job: number): void {
    const { claim, length } = this.#jobs[job]!
    this.shares.grant(claim, this.now)
    this.#running.push({ at: this.now + length, job })
  }
}

const virtualTimeOf = ({ shares }: Town): number => (shares as unknown as { readonly virtualTime: number }).virtualTime

describe.each([1, 3, 10])("keys that always have callers in the queue for %i slots", (size) => {
  const tenants = fc.array(
    fc.record({ weight: fc.constantFrom(0.5, 1, 2, 3, 5), length: fc.constantFrom(1, 3, 10) }),
    { minLength: 2, maxLength: 6 }
  )

  it("share slot time as their weights are, whatever the lengths of their jobs", () => {
    fc.assert(
      fc.property(tenants, fc.nat(), (tenants, seed) => {
        const random = new Random(seed)
        const keys = [...tenants.keys()].map(String)
        const town = new Town(size, (key) => tenants[Number(key)]!.weight)
        // around its mean, from none to twice as long
        const enter = (key: string) => town.enter(key, tenants[Number(key)]!.length * random.below(201) / 100)
        const total = tenants.reduce((sum, { weight }) => sum + weight, 0)
        // a key of nearly all the weight needs as many callers as there are slots
        for (let i = 0; i < 2 * size + 2; i++) keys.forEach(enter)
        // until each key should have had as many jobs as make one of them small
        const slotTime = Math.max(...tenants.map(({ length, weight }) => 200 * length * total / weight))
        let isBack = false
        for (let virtualTime = 0; town.now * size < slotTime; virtualTime = virtualTimeOf(town)) {
          enter(town.step())
          isBack ||= virtualTimeOf(town) < virtualTime
        }
        expect(isBack).toBe(false)
        const time = [...town.used.values()].reduce((sum, used) => sum + used)
        for (const [index, { weight }] of tenants.entries()) {
          const share = (town.used.get(String(index)) ?? 0) / time
          expect(Math.abs(share / (weight / total) - 1)).toBeLessThan(0.05)
        }
      }),
      { seed: size, numRuns: 8 }
    )
  })
})

it("keys, weights and priorities are served as they are defined, callers that leave and new keys among them", () => {
  const weights = [0.5, 1, 2, 4]
  for (let seed = 0; seed < 300; seed++) {
    const random = new Random(seed)
    const boost = random.below(2)
    const [shares, defined] = [new Shares<number>(boost), new SharesByDefinition(boost)]
    const claims: Array<Claim<number>> = []
    const [waiting, running] = [new Set<number>(), new Set<number>()]
    const oneOf = (ids: Set<number>) => [...ids][random.below(ids.size)]!
    const slots = 1 + random.below(4)
    const unit = 2 ** -random.below(6)
    let now = 0
    const grant = (id: number) => {
      running.add(id)
      shares.grant(claims[id]!, now)
    }
    const steps = {
      enter: () => {
        const id = claims.length
        const key = [undefined, "a", "b", "c", `new ${id}`][random.below(5)]
        const weight = key === undefined ? 1 : weights[key.charCodeAt(0) % 4]!
        const priority = random.below(3)
        claims.push(new Claim(id, key, weight, priority))
        const waits = waiting.size > 0 || running.size === slots
        defined.enter(id, key, weight, priority, now, waits)
        if (!waits) return grant(id)
        waiting.add(id)
        shares.join(claims[id]!, now)
      },
      leave: () => {
        if (waiting.size === 0) return
        const id = oneOf(waiting)
        waiting.delete(id)
        defined.leave(id)
        shares.leave(claims[id]!)
      },
      end: () => {
        if (running.size === 0) return
        const ended = oneOf(running)
        running.delete(ended)
        defined.end(ended, now)
        shares.end(claims[ended]!, now)
        const id = shares.first
        if (id === undefined) return
        waiting.delete(id)
        defined.grant(id, now)
        grant(id)
      }
    }
    for (let step = 0; step < 200; step++) {
      now += random.below(20) * unit
      steps[(["enter", "enter", "end", "end", "leave"] as const)[random.below(waiting.size > 8 ? 5 : 4)]!]()
      expect(shares.first).toBe(defined.first)
      expect(shares.size).toBe(defined.keys.size)
    }
    const inUse = [...defined.keys].filter(([, { running, waiting }]) => running.length + waiting.length > 0)
    const stats = inUse.map(([key, { running, waiting, weight }]) => {
      const own = { weight, running: running.length, waiting: waiting.length }
      return [key, key === undefined ? own : { key, ...own }] as const
    })
    expect(new Map(shares.stats.map((stats) => [stats.key, { ...stats }]))).toStrictEqual(new Map(stats))
  }
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
    for (let count = 0; count < 2000; count++) {
      town.enter(`new ${count}`, 10)
      if (count >= 4) town.step()
    }
    expect(town.shares.size).toBeLessThan(50)
  })
})
