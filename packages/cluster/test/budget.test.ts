/** The budget alone, without a clock: levels, turns, bounds, random messages beside what must hold; how it is shown. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { budgetOf as shown } from "../src/ClusterBudget.ts"
import { Budget, levelOf, type Written } from "../src/internal/budget.ts"
import type { Order, Report, Session } from "../src/internal/session.ts"
import { randomOf } from "./support/random.ts"

const options = { lease: 15_000, reclaimAfter: 2000 }

const nothing: Written = { size: undefined, isOver: false, bounds: {} }

/** Has a budget decide, with its writes done at once. Returns what leases each session has. */
const settle = (budget: Budget, now = 0) => {
  budget.settle(now)
  while (budget.mustWrite) {
    budget.wrote(budget.write())
    budget.settle(now)
  }
  return [...budget.sessions.values()].map(({ leased }) => leased)
}

const none = { claim: 0, returned: 0, wanted: 0, running: 0, waiting: 0, heard: 0 }

/** A budget of this size with sessions that want so many leases. */
const budgetOf = (size: number, wanted: Readonly<Record<string, number>>, written = nothing) => {
  const budget = new Budget(options, written, 15_000)
  let number = 0
  const report = (id: string, more: Partial<Report>, now = 0) =>
    budget.report(id, { ...none, number: ++number, ...more }, now)
  for (const [id, count] of Object.entries(wanted)) {
    budget.connect(id, size, 0)
    report(id, { wanted: count })
  }
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
    const { budget } = budgetOf(80, { a: 12 })
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
    expect([budget.leased, budget.write().bounds]).toEqual([20, { a: 30 }])
  })

  it("grants alike to all, first to those who have least, and then once as many again ahead", () => {
    const holding = (unheard: number): Written => ({ ...nothing, bounds: { unheard } })
    expect(settle(budgetOf(10, { a: 3, b: 3, c: 3 }, holding(6)).budget)).toEqual([0, 2, 1, 1])
    expect(settle(budgetOf(10, { a: 4, b: 0 }).budget)).toEqual([8, 0])
    const two = budgetOf(10, { a: 3, b: 3 })
    expect(settle(two.budget)).toEqual([5, 4])
    two.budget.leave("b", 0)
    expect(settle(two.budget)).toEqual([5])
    // What one wants beyond the size takes nothing from it.
    const a = two.report("a", { wanted: 20 })
    expect([settle(two.budget), a?.order?.keep]).toEqual([[10], undefined])
    // Nothing ahead while it would be taken back.
    two.budget.recalls++
    two.report("a", { returned: 7, wanted: 4 })
    expect(settle(two.budget)).toEqual([4])
    const { budget, report } = budgetOf(10, { a: 3, b: 1 }, holding(3))
    budget.recalls++
    expect(settle(budget)).toEqual([0, 3, 1])
    report("a", { wanted: 6 })
    report("b", { wanted: 4 })
    expect(settle(budget)).toEqual([0, 4, 3])
  })

  it("lets those who want what is left take turns of 25 ms, from when they have it, the newest last", () => {
    const { budget, report } = budgetOf(1, { a: 1, b: 1 })
    const at = (now: number) => {
      budget.tick(now)
      settle(budget, now)
      return [budget.next, ...[...budget.sessions.values()].map(({ order }) => order?.keep)]
    }
    expect(at(0)).toEqual([25, 1, 0])
    expect(at(24)).toEqual([25, 1, 0])
    // The slot is still in use.
    expect(at(25)).toEqual([15_000, 0, 1])
    report("a", { returned: 1, wanted: 1 }, 30)
    expect(at(30)).toEqual([55, 0, 1])
    budget.connect("c", 1, 40)
    report("c", { wanted: 1 }, 40)
    expect(at(55)).toEqual([3030, 1, 0, 0])
    // When there is enough for a while, nobody's turn is kept.
    for (const wanted of [0, 1]) {
      for (const id of ["a", "b", "c"]) report(id, { wanted, returned: id === "c" ? 0 : 1 }, 60)
      at(60)
    }
    expect(at(60)).toEqual([85, 0, 1, 0])
    expect(at(85)).toEqual([3030, 0, 0, 1])
    // Nor does one begin while nobody may start.
    budget.resize(0)
    at(90)
    budget.resize(1)
    report("b", { returned: 2, wanted: 1 }, 95)
    expect(at(95)).toEqual([120, 0, 0, 1])
  })

  it("lowers bounds that are too high, after a while and not each time", () => {
    // What one has that nobody has heard of stays.
    const { budget, report } = budgetOf(80, { a: 12 }, { ...nothing, bounds: { unheard: 10 } })
    expect([settle(budget), budget.next]).toEqual([[0, 24], 15_000])
    report("a", { returned: 24 }, 100)
    settle(budget, 100)
    settle(budget, 200)
    expect(budget.next).toBe(3100)
    budget.tick(3100)
    // The most that it has had since the last time counts.
    expect(budget.mustWrite).toBe(false)
    budget.settle(3200)
    budget.tick(6200)
    expect(budget.mustWrite).toBe(true)
    budget.settle(6200)
    expect(budget.next).toBe(15_000)
    const written = budget.write()
    expect(written.bounds).toEqual({ unheard: 10, a: 0 })
    budget.wrote(written)
    expect([settle(budget, 6300), budget.next]).toEqual([[0, 0], 15_000])
    budget.tick(15_000)
    expect(budget.sessions.size).toBe(1)
    // Sessions have expired: that is written, too.
    budget.tick(15_100)
    expect([settle(budget, 15_100), budget.next]).toEqual([[], 18_100])
    budget.tick(18_100)
    expect(budget.mustWrite).toBe(true)
    expect([settle(budget, 18_100), budget.next]).toEqual([[], Infinity])
  })

  it("writes lower bounds with whatever else is written", () => {
    const { budget, report } = budgetOf(9, { a: 9 })
    settle(budget)
    const all = { size: 9, isOver: false, bounds: { a: 9 } }
    expect([budget.write(), budget.write(8)]).toEqual([all, { ...all, size: 8, isOver: true }])
    report("a", { returned: 9 })
    budget.settle(0)
    expect([budget.next, budget.write().bounds, budget.write().bounds]).toEqual([3000, { a: 9 }, { a: 0 }])
    expect(budget.next).toBe(15_000)
    // One that ends meanwhile isn't written any more the next time.
    const written = budget.write()
    budget.leave("a", 0)
    budget.wrote(written)
    budget.settle(0)
    expect(budget.next).toBe(3000)
  })

  it("that a new term begins with takes back what nobody uses, and leaves what somebody uses", () => {
    const { budget, report } = budgetOf(8, {}, { size: 8, isOver: false, bounds: { a: 6, c: 1, unheard: 4 } })
    report("a", { claim: 6, wanted: 1 })
    report("c", { claim: 1, wanted: 1 })
    budget.connect("b", 8, 0)
    report("b", { wanted: 1 })
    const ordered = () => budget.settle(0).map(({ order }) => order)
    expect(ordered()).toStrictEqual([
      { number: 1, granted: 6, keep: 1, size: 8, answer: 1 },
      { number: 1, granted: 1, size: 8, answer: 0 },
      { number: 1, granted: 0, size: 8, answer: 0 }
    ])
    expect([ordered(), budget.every(() => true)]).toEqual([[], false])
    report("a", { wanted: 9 })
    expect(ordered()).toStrictEqual([
      { number: 2, granted: 6, keep: 5, size: 8, answer: 1 },
      { number: 2, granted: 1, keep: 1, size: 8, answer: 2 },
      { number: 2, granted: 0, keep: 1, size: 8, answer: 0 }
    ])
  })

  it("gives one lease where nobody waits, or says whether others may have one that they don't use", () => {
    const { budget, report } = budgetOf(4, { b: 0, c: 0 }, { ...nothing, bounds: { a: 1, unheard: 1 } })
    budget.settle(0)
    expect(budget.next).toBe(15_000)
    expect(["stranger", "a"].map((id) => budget.grantIfFree(id))).toEqual(["none", "none"])
    budget.resize(1)
    expect(budget.grantIfFree("c")).toBe("none")
    report("a", { claim: 1, wanted: 2 })
    for (const recalls of [0, 1]) {
      budget.recalls = recalls
      budget.settle(0)
      expect(budget.grantIfFree("c")).toBe("unused")
    }
    report("a", { wanted: 1, heard: 2 })
    expect(budget.grantIfFree("c")).toBe("none")
    // After a shrink none, until there are few enough, those included that may be there.
    for (const [size, answer, isOver] of [[0, "none", true], [1, "none", true], [2, "unused", false]] as const) {
      budget.resize(size)
      budget.settle(0)
      expect([budget.grantIfFree("c"), budget.write()]).toMatchObject([answer, { size, isOver, bounds: { a: 1 } }])
    }
  })

  it("ignores what comes late: old reports, reports of sessions that have ended, claims of strangers", () => {
    const { budget, report } = budgetOf(8, { a: 3 })
    settle(budget)
    report("a", { number: 5, wanted: 3, returned: 2, heard: 4 })
    for (const number of [4, 5]) {
      expect(report("a", { number, wanted: 8 })).toMatchObject({ leased: 4, wanted: 3, heard: 4 })
    }
    budget.leave("a", 0)
    budget.leave("c", 0)
    budget.disconnect("a", 1)
    expect([report("a", { wanted: 3 }, 1), budget.hasRoom("a")]).toEqual([undefined, true])
    for (const had of [{ claim: 2 }, { returned: 2 }]) expect(report("b", { ...had, wanted: 2 }, 1)).toBeUndefined()
    for (const [now, size] of [[14_999, 0], [15_000, 2]] as const) {
      budget.tick(now)
      for (const id of ["a", "c"]) budget.connect(id, 8, now)
      expect(budget.sessions.size).toBe(size)
    }
  })

  it("without a size makes no orders, and hears sessions", () => {
    const { budget, report } = budgetOf(8, {})
    expect(report("a", {})).toMatchObject({ heard: 0 })
    expect([budget.settle(0), budget.grantIfFree("a")]).toEqual([[], "none"])
    expect(budget.write(5)).toEqual({ size: 5, isOver: false, bounds: { a: 0 } })
    expect(budget.connect("b", 5, 0)).toMatchObject({ running: 0, waiting: 0 })
  })

  it("is shown as a pool, with a key for each session", () => {
    const members = [{ session: "0123456789", running: 1, waiting: 2 }]
    const clusterStats = Effect.succeed({ name: "api", size: 3, running: 1, waiting: 2, members })
    const { keys, stats } = shown({ clusterStats } as never)
    const ended = { started: 0, succeeded: 0, failed: 0, interrupted: 0, rejected: 0 }
    expect(Effect.runSync(stats)).toMatchObject({ size: 3, running: 1, free: 2, waiting: 2, borrowed: 0, ...ended })
    expect(Effect.runSync(keys)).toMatchObject([{ key: "01234567", weight: 1, running: 1, waiting: 2 }])
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
    const heard = [...budget.sessions.values()].filter(({ isHeard }) => isHeard)
    const isShort = heard.some(({ leased, order, wanted }) => leased < Math.min(wanted, size, order!.keep ?? size))
    const isFree = !budget["isOver"] && budget.leased + budget.reserved < size
    must(!isFree || !isShort || budget["mustRaise"], "a lease is free that somebody waits for")
    if (below(2) === 0) wrote()
    else if (budget.mustWrite) write()
    const leased = peers.reduce((sum, peer) => sum + peer.leased, 0)
    // Grants that are on their way count.
    most = Math.max(size, Math.min(most, budget.leased + budget.reserved))
    must(leased <= most, `${leased} leases where ${most} are allowed`)
    must(peers.every((peer) => peer.running <= peer.leased), "a job runs without a lease")
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
