/**
 * The budget alone: no Effect, no clock. Levels, turns, bounds, and random messages beside what must hold.
 */
import { describe, expect, it } from "@effect/vitest"
import { Budget, levelOf, type Written } from "../src/internal/budget.ts"
import type { Order, Report } from "../src/internal/session.ts"

const options = { lease: 15_000, reclaimAfter: 2000 }

const nothing: Written = { size: undefined, isOver: false, bounds: {} }

/** A budget whose writes are done at once. */
const settle = (budget: Budget, now: number): void => {
  budget.settle(now)
  while (budget.mustWrite) {
    budget.wrote(budget.write())
    budget.settle(now)
  }
}

const report = (number: number, more: Partial<Report>): Report => ({
  number,
  claim: 0,
  returned: 0,
  wanted: 0,
  running: 0,
  waiting: 0,
  heard: 0,
  ...more
})

describe("levelOf", () => {
  it("is the most that each may have, and what that leaves over", () => {
    expect(levelOf([10, 10, 10], 8)).toEqual({ level: 2, left: 2 })
    expect(levelOf([1, 10, 10], 8)).toEqual({ level: 3, left: 1 })
    expect(levelOf([1, 1, 10], 8)).toEqual({ level: 6, left: 0 })
    expect(levelOf([5, 5], 1)).toEqual({ level: 0, left: 1 })
    expect(levelOf([5, 5], 0)).toEqual({ level: 0, left: 0 })
    expect(levelOf([], 3)).toEqual({ level: Infinity, left: 3 })
  })

  it("fits, and one more for each would not", () => {
    const random = randomOf(1)
    for (let i = 0; i < 1000; i++) {
      const wanted = Array.from({ length: 1 + below(random, 12) }, () => below(random, 20))
      const sum = wanted.reduce((sum, one) => sum + one, 0)
      if (sum === 0) continue
      const slots = below(random, sum)
      const { left, level } = levelOf(wanted, slots)
      const at = (level: number) => wanted.reduce((sum, one) => sum + Math.min(one, level), 0)
      if (at(level) + left !== slots || at(level + 1) <= slots) throw new Error(`${wanted} and ${slots}: ${level}`)
    }
  })
})

describe("Budget", () => {
  it("grants nothing that isn't written, in eighths of the size", () => {
    const budget = new Budget(options, nothing, 0)
    budget.connect("a", 80, 0)
    budget.report("a", report(1, { wanted: 12 }), 0)
    budget.settle(0)
    expect(budget.leased).toBe(0)
    expect(budget.mustWrite).toBe(true)
    const written = budget.write()
    expect(written).toEqual({ size: 80, isOver: false, bounds: { a: 20 } })
    budget.settle(0)
    expect(budget.leased).toBe(0)
    budget.wrote(written)
    budget.settle(0)
    expect(budget.leased).toBeGreaterThanOrEqual(12)
    expect(budget.leased).toBeLessThanOrEqual(20)
  })

  it("lowers bounds that are too high, after a while and not each time", () => {
    const budget = new Budget(options, nothing, 0)
    budget.connect("a", 8, 0)
    budget.report("a", report(1, { wanted: 8 }), 0)
    settle(budget, 0)
    expect(budget.leased).toBe(8)
    budget.report("a", report(2, { returned: 8 }), 100)
    settle(budget, 100)
    budget.tick(3200)
    // The most that it has had since the last time counts.
    expect(budget.mustWrite).toBe(false)
    budget.settle(3200)
    budget.tick(6300)
    expect(budget.mustWrite).toBe(true)
    expect(budget.write().bounds).toEqual({ a: 0 })
    budget.wrote({ size: 8, isOver: false, bounds: { a: 0 } })
    budget.settle(6300)
    budget.tick(15_000)
    // The session has expired: that is written, too.
    expect(budget.sessions.size).toBe(1)
    budget.tick(15_100)
    expect(budget.sessions.size).toBe(0)
  })

  it("ignores what comes late: old reports, reports of sessions that have ended, claims of strangers", () => {
    const budget = new Budget(options, nothing, 0)
    budget.connect("a", 8, 0)
    budget.report("a", report(2, { wanted: 3 }), 0)
    budget.report("a", report(1, { wanted: 8 }), 0)
    settle(budget, 0)
    expect(budget.leased).toBeLessThanOrEqual(6)
    expect(budget.sessions.get("a")?.wanted).toBe(3)
    budget.leave("a", 0)
    expect(budget.report("a", report(3, { wanted: 3 }), 1)).toBeUndefined()
    expect(budget.connect("a", 8, 1)).toBeUndefined()
    expect(budget.report("b", report(1, { claim: 2, wanted: 2 }), 1)).toBeUndefined()
    expect(budget.sessions.size).toBe(0)
  })

  it("counts sessions of the term before with their bounds, until they report or their leases end", () => {
    const budget = new Budget(options, { size: 8, isOver: false, bounds: { a: 3, b: 2 } }, 15_500)
    budget.connect("c", 8, 0)
    budget.report("c", report(1, { wanted: 8 }), 0)
    settle(budget, 0)
    expect(budget.leased).toBe(3)
    budget.report("a", report(1, { claim: 1, wanted: 1 }), 100)
    settle(budget, 100)
    expect([budget.leased, budget.reserved]).toEqual([6, 2])
    budget.report("c", report(2, { wanted: 8 }), 10_000)
    budget.report("a", report(2, { claim: 1, wanted: 1 }), 10_000)
    budget.tick(15_500)
    settle(budget, 15_500)
    expect([budget.leased, budget.reserved]).toEqual([8, 0])
  })

  it("holds the limit and divides fairly in the end, whatever arrives in whatever order", () => {
    for (let seed = 1; seed <= 300; seed++) simulate(seed)
  })
})

/** A session as a member has it: what it may use, and what it has been told. */
class Peer {
  readonly id: string
  wanted = 0
  running = 0
  claim = 0
  granted = 0
  returned = 0
  keep = Infinity
  heard = 0
  number = 0

  constructor(id: string) {
    this.id = id
  }

  get leased(): number {
    return this.granted - this.returned
  }

  obey(order: Order): void {
    if (order.number <= this.heard) return
    this.heard = order.number
    this.keep = order.keep ?? Infinity
    this.granted = Math.max(this.granted, order.granted)
  }

  begin(): void {
    this.claim = this.granted = this.leased
    this.returned = this.heard = this.number = 0
  }

  report(): Report {
    if (this.keep !== Infinity) {
      this.returned += Math.max(0, this.leased - Math.max(this.running, Math.min(this.keep, this.wanted)))
    }
    return {
      number: ++this.number,
      claim: this.claim,
      returned: this.returned,
      wanted: this.wanted,
      running: this.running,
      waiting: this.wanted - this.running,
      heard: this.heard
    }
  }
}

/**
 * Random load, sizes, repeated, lost and overtaking messages, and new coordinators. Leases never exceed the size, or
 * after a shrink what there was before; in the end all slots are in use, in equal shares.
 */
const simulate = (seed: number): void => {
  const random = randomOf(seed)
  const peers = Array.from({ length: 1 + below(random, 5) }, (_, index) => new Peer(String(index)))
  let size = 1 + below(random, 10)
  let now = 0
  let written: Written = nothing
  let term = 1
  let budget = new Budget(options, nothing, 0)
  let reports: Array<{ readonly peer: Peer; readonly report: Report; readonly term: number }> = []
  let orders: Array<{ readonly peer: Peer; readonly order: Order; readonly term: number }> = []
  let most = size
  const must = (holds: boolean, what: string): void => {
    if (!holds) throw new Error(`Seed ${seed}: ${what}`)
  }
  const act = (): void => {
    for (const { id, order } of budget.settle(now)) orders.push({ peer: peers[Number(id)]!, order: order!, term })
    if (budget.mustWrite && below(random, 2) === 0) write()
    const leased = peers.reduce((sum, peer) => sum + peer.leased, 0)
    // Grants that are on their way count.
    most = Math.max(size, Math.min(most, budget.leased + budget.reserved))
    must(leased <= most, `${leased} leases where ${most} are allowed`)
    must(peers.every((peer) => peer.running <= peer.leased), "a job runs without a lease")
  }
  const write = (newSize?: number): void => {
    written = budget.write(newSize)
    budget.wrote(written)
    const isBound = [...budget.sessions.values()].every(({ bound, id }) => peers[Number(id)]!.leased <= bound)
    must(isBound, "a session has more leases than are written")
  }
  const use = (peer: Peer): void => {
    const mayStart = Math.min(peer.leased, Math.max(peer.keep, peer.running))
    peer.running = Math.max(Math.min(peer.running, peer.wanted), Math.min(peer.wanted, mayStart))
  }
  const send = (peer: Peer): void => void reports.push({ peer, report: peer.report(), term })
  const deliver = (): void => {
    const isReport = below(random, 2) === 0
    const queue: Array<unknown> = isReport ? reports : orders
    if (queue.length === 0) return
    const index = below(random, queue.length)
    const repeat = below(random, 8) === 0
    if (isReport) {
      const message = reports[index]!
      if (!repeat) reports.splice(index, 1)
      if (message.term === term) budget.report(message.peer.id, message.report, now)
    } else {
      const message = orders[index]!
      if (!repeat) orders.splice(index, 1)
      if (message.term === term) message.peer.obey(message.order)
      use(message.peer)
    }
  }
  for (const peer of peers) budget.connect(peer.id, size, now)
  for (let step = 0; step < 400; step++) {
    now += below(random, 20)
    budget.tick(now)
    const peer = peers[below(random, peers.length)]!
    const what = below(random, 40)
    if (what < 6) {
      peer.wanted = below(random, 12)
      use(peer)
      send(peer)
    } else if (what < 10) {
      send(peer)
    } else if (what === 10) {
      size = below(random, 10)
      write(size)
      budget.resize(size)
    } else if (what === 11) {
      budget = new Budget(options, written, now + options.lease)
      term++
      reports = []
      orders = []
      for (const peer of peers) {
        peer.begin()
        if (budget.connect(peer.id, size, now) !== undefined) send(peer)
      }
    } else if (what === 12 && orders.length > 0) {
      orders.splice(below(random, orders.length), 1)
    } else {
      deliver()
    }
    act()
  }
  // Everything arrives, and nothing more happens.
  for (let round = 0; round < 200; round++) {
    now += 5
    budget.tick(now)
    for (const peer of peers) {
      const session = budget.report(peer.id, peer.report(), now)
      budget.settle(now)
      if (session?.order !== undefined) peer.obey(session.order)
      // Jobs end, and what must be given back is.
      peer.running = Math.min(peer.running, Math.max(0, Math.min(peer.keep, peer.wanted)))
      use(peer)
    }
    act()
    if (budget.mustWrite) write()
  }
  const wanted = peers.map((peer) => Math.min(peer.wanted, size))
  const sum = wanted.reduce((total, one) => total + one, 0)
  const running = peers.reduce((total, peer) => total + peer.running, 0)
  // While turns go round, a slot may be on its way.
  must(running >= Math.min(sum, size) - (sum > size ? peers.length : 0), `${running} jobs run, ${sum} want to`)
  if (sum <= size) return
  const { level } = levelOf(wanted, size)
  for (const [index, peer] of peers.entries()) {
    const [least, most] = [Math.min(wanted[index]!, level), Math.min(wanted[index]!, level + 1)]
    must(peer.keep >= least && peer.keep <= most, `one keeps ${peer.keep}, where the level is ${level}`)
  }
}

type Random = { state: number }

function randomOf(seed: number): Random {
  return { state: seed }
}

/** A whole number from 0 to below `bound`. */
function below(random: Random, bound: number): number {
  random.state = (Math.imul(random.state ^ (random.state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0
  const mixed = Math.imul(random.state ^ (random.state >>> 13), 0x297a2d39)
  return bound <= 0 ? 0 : ((mixed ^ (mixed >>> 16)) >>> 0) % bound
}
