/** The budget alone: no Effect, no clock. Levels, turns, bounds, and random messages beside what must hold. */
import { describe, expect, it } from "@effect/vitest"
import { Budget, levelOf, type Written } from "../src/internal/budget.ts"
import type { Order, Report, Session } from "../src/internal/session.ts"
import { randomOf } from "./support/random.ts"

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

const none = { claim: 0, returned: 0, wanted: 0, running: 0, waiting: 0, heard: 0 }

/** A budget of this size with a session that wants so many leases. */
const budgetOf = (size: number, wanted: number) => {
  const budget = new Budget(options, nothing, 0)
  const report = (number: number, more: Partial<Report>, now = 0, id = "a") =>
    budget.report(id, { ...none, number, ...more }, now)
  budget.connect("a", size, 0)
  report(2, { wanted })
  return { budget, report }
}

it("the level is the most that each may have, and what that leaves over", () => {
  expect(levelOf([1, 1, 10], 8)).toEqual({ level: 6, left: 0 })
  expect(levelOf([], 3)).toEqual({ level: Infinity, left: 3 })
  const below = randomOf(1)
  for (let i = 0; i < 1000; i++) {
    const wanted = Array.from({ length: 1 + below(12) }, () => 1 + below(20))
    const at = (level: number) => wanted.reduce((sum, one) => sum + Math.min(one, level), 0)
    const slots = below(at(Infinity))
    const { left, level } = levelOf(wanted, slots)
    if (at(level) + left !== slots || at(level + 1) <= slots) throw new Error(`${wanted} and ${slots}: ${level}`)
  }
})

describe("a budget", () => {
  it("grants nothing that isn't written, in eighths of the size", () => {
    const { budget } = budgetOf(80, 12)
    budget.settle(0)
    expect([budget.leased, budget.mustWrite]).toEqual([0, true])
    budget.connect("b", 80, 0)
    // Others wait, so it gets none.
    expect(budget.grantIfFree("b")).toBe("none")
    budget.leave("b", 0)
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
    const { budget, report } = budgetOf(8, 8)
    settle(budget, 0)
    expect(budget.leased).toBe(8)
    report(3, { returned: 8 }, 100)
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
    budget.settle(15_100)
    budget.tick(18_100)
    expect(budget.mustWrite).toBe(true)
  })

  it("writes lower bounds with whatever else is written", () => {
    const { budget, report } = budgetOf(8, 8)
    settle(budget, 0)
    report(3, { returned: 8 })
    expect([budget.write().bounds, budget.write().bounds]).toEqual([{ a: 8 }, { a: 0 }])
  })

  it("that a new term begins with takes back what nobody uses, and leaves what somebody uses", () => {
    const budget = new Budget(options, { size: 8, isOver: false, bounds: { a: 6, unheard: 4 } }, 15_000)
    budget.report("a", { ...none, number: 1, claim: 6, wanted: 1 }, 0)
    const other = budget.connect("b", 8, 0)!
    budget.report("b", { ...none, number: 1, wanted: 1 }, 0)
    budget.settle(0)
    const session = budget.sessions.get("a")!
    expect([session.order?.keep, other.order?.answer]).toEqual([1, 0])
    budget.report("a", { ...none, number: 2, claim: 6, wanted: 9 }, 0)
    budget.settle(0)
    expect([session.order?.keep, other.order?.keep, other.order?.answer]).toEqual([5, 1, 0])
  })

  it("ignores what comes late: old reports, reports of sessions that have ended, claims of strangers", () => {
    const { budget, report } = budgetOf(8, 3)
    report(1, { wanted: 8 })
    settle(budget, 0)
    expect(budget.leased).toBeLessThanOrEqual(6)
    expect(budget.sessions.get("a")?.wanted).toBe(3)
    budget.leave("a", 0)
    expect(report(3, { wanted: 3 }, 1)).toBeUndefined()
    expect(budget.connect("a", 8, 1)).toBeUndefined()
    budget.leave("c", 0)
    expect(budget.connect("c", 8, 1)).toBeUndefined()
    for (const had of [{ claim: 2 }, { returned: 2 }]) expect(report(1, { ...had, wanted: 2 }, 1, "b")).toBeUndefined()
    expect(budget.sessions.size).toBe(0)
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
    const { claim, heard, returned, running, wanted } = this
    return { number: ++this.number, claim, returned, wanted, running, waiting: wanted - running, heard }
  }
}

/**
 * Random load, sizes, repeated, lost and overtaking messages, and new coordinators. Leases never exceed the size, or
 * after a shrink what there was before; in the end all slots are in use, in equal shares.
 */
const simulate = (seed: number): void => {
  const below = randomOf(seed)
  const peers = Array.from({ length: 1 + below(5) }, (_, index) => new Peer(String(index)))
  let size = 1 + below(10)
  let now = 0
  let written: Written = nothing
  let writing: Written | undefined = undefined
  let budget = new Budget(options, nothing, 0)
  let reports: Array<{ readonly peer: Peer; readonly report: Report }> = []
  let orders: Array<{ readonly peer: Peer; readonly order: Order }> = []
  let most = size
  const must = (holds: boolean, what: string): void => {
    if (!holds) throw new Error(`Seed ${seed}: ${what}`)
  }
  const act = (): void => {
    for (const { id, order } of budget.settle(now)) orders.push({ peer: peers[Number(id)]!, order: order! })
    if (below(2) === 0) wrote()
    else if (budget.mustWrite) write()
    const leased = peers.reduce((sum, peer) => sum + peer.leased, 0)
    // Grants that are on their way count.
    most = Math.max(size, Math.min(most, budget.leased + budget.reserved))
    must(leased <= most, `${leased} leases where ${most} are allowed`)
    must(peers.every((peer) => peer.running <= peer.leased), "a job runs without a lease")
    const heard = [...budget.sessions.values()].filter(({ isHeard }) => isHeard)
    const sum = (of: (session: Session) => number) => heard.reduce((total, session) => total + of(session), 0)
    if (budget["isOver"] || sum(({ wanted }) => Math.min(wanted, size)) <= size) return
    const kept = sum(({ order }) => order!.keep!)
    must(kept === Math.max(budget.leased, size - budget.reserved), `${kept} slots are divided`)
  }
  const write = (newSize?: number): void => {
    wrote()
    writing = budget.write(newSize)
  }
  const wrote = (): void => {
    if (writing === undefined) return
    budget.wrote(written = writing)
    writing = undefined
    const isBound = [...budget.sessions.values()].every(({ bound, id }) => peers[Number(id)]!.leased <= bound)
    must(isBound, "a session has more leases than are written")
  }
  const use = (peer: Peer): void => {
    const mayStart = Math.min(peer.leased, Math.max(peer.keep, peer.running))
    peer.running = Math.max(Math.min(peer.running, peer.wanted), Math.min(peer.wanted, mayStart))
  }
  const send = (peer: Peer): void => void reports.push({ peer, report: peer.report() })
  /** Takes any message out of the queue, or leaves it there to come again. */
  const take = <A>(queue: Array<A>): A | undefined => {
    const index = below(queue.length)
    return below(8) === 0 ? queue[index] : queue.splice(index, 1)[0]
  }
  const deliver = (): void => {
    if (below(2) === 0) {
      const message = take(reports)
      if (message !== undefined) budget.report(message.peer.id, message.report, now)
    } else {
      const message = take(orders)
      if (message === undefined) return
      message.peer.obey(message.order)
      use(message.peer)
    }
  }
  for (const peer of peers) budget.connect(peer.id, size, now)
  for (let step = 0; step < 400; step++) {
    now += below(20)
    budget.tick(now)
    const peer = peers[below(peers.length)]!
    const what = below(40)
    if (what < 6) {
      peer.wanted = below(12)
      use(peer)
      send(peer)
    } else if (what < 10) {
      send(peer)
    } else if (what === 10) {
      size = below(10)
      write(size)
      wrote()
      budget.resize(size)
    } else if (what === 11) {
      if (below(2) === 0) wrote()
      writing = undefined
      budget = new Budget(options, written, now + options.lease)
      reports = []
      orders = []
      for (const peer of peers) {
        peer.begin()
        if (budget.connect(peer.id, size, now) !== undefined) send(peer)
      }
    } else if (what === 12 && orders.length > 0) {
      orders.splice(below(orders.length), 1)
    } else if (what === 13) {
      budget.grantIfFree(peer.id)
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
