/**
 * Slots and lending: which jobs hold a slot of the pool, which have borrowed one, and which wait for one.
 *
 * A slot is a permit of the semaphore. A job that finds none free borrows the slot of the innermost job around it whose
 * slot is not lent; else it waits in the pool's queue and, at the same time, among the waiting jobs inside each job
 * around it, and takes whichever slot comes first.
 *
 * A step is synchronous and runs nothing of the user's: the clock and the weight of a key are asked before it, spans end
 * and fibers continue after it.
 */
import { type Clock, type Exit, Formatter } from "effect"
import type { JobOptions } from "../Admission.ts"
import { Heap } from "./heap.ts"
import type { Ledger } from "./ledger.ts"
import type { LinkedList } from "./linked-list.ts"
import { type Semaphore, Waiter } from "./semaphore.ts"
import { Claim, Shares } from "./shares.ts"
import { monotonicMillis } from "./time.ts"
import type { Wait } from "./wait.ts"

/** Nested jobs that start or end inside each other's steps take native stack: at most this many levels of it. */
const MaxNesting = 64

/**
 * What the context of a fiber says about the job that the fiber belongs to. A fiber that outlives its job keeps only
 * this, not the job.
 */
export class JobRef {
  /** Until it has ended. */
  job: Job | undefined
  /** The job around that one. */
  around: JobRef | undefined

  constructor(job: Job, around: JobRef | undefined) {
    this.job = job
    this.around = around
  }
}

/** The innermost job, from `ref` outwards, that has not ended. */
export const innermost = (ref: JobRef | undefined): Job | undefined => {
  while (ref !== undefined && ref.job === undefined) ref = ref.around
  return ref?.job
}

/**
 * One job of a pool, from the moment it asks for a slot until its fiber has ended.
 *
 * While it waits it is a node of the pool's queue; while it holds a slot, its own or a borrowed one, it is a node of the
 * list of its peers.
 */
export abstract class Job extends Waiter {
  readonly slots: Slots
  /** The jobs that end together with it: the pool's own, those of one map, or those of one pile. */
  readonly peers: LinkedList<Job>
  readonly ref: JobRef
  /** The level of nesting: one more than that of the job around it, and 1 again once the jobs further out have ended. */
  readonly depth: number
  state: "new" | "waiting" | "holding" | "ended" = "new"
  /** The job whose slot this one has borrowed. */
  lender: Job | undefined = undefined
  /** The job that has borrowed the slot of this one: one at a time. */
  borrower: Job | undefined = undefined
  /**
   * The jobs directly inside this one that wait, or have waiting ones inside them; the one that came first is on top.
   * While there are any, the slot is lent.
   */
  waitingInside: Heap<Job> | undefined = undefined
  /** Its position in the enclosing job's `waitingInside`; -1 outside. */
  index = -1
  /** When it joined the queue, as a number; for a job around waiting ones, when the first of those did. */
  firstArrival = 0
  /** Called in the step that ends it, once it has held a slot. */
  private endListeners: Array<() => void> | undefined = undefined
  readonly options: JobOptions | undefined
  /** Its claim on a key's share, from `askUser` on. */
  claim: Claim<Job> | undefined = undefined
  /** Its wait, if something bounds it or shows it. */
  wait: Wait | undefined = undefined
  /** When it joined the queue or, where jobs are measured, when it got its slot: milliseconds of monotonic time. */
  since = 0

  constructor(slots: Slots, peers: LinkedList<Job>, enclosing: Job | undefined, options?: JobOptions) {
    super()
    this.slots = slots
    this.peers = peers
    this.options = options
    this.ref = new JobRef(this, enclosing?.ref)
    this.depth = enclosing === undefined ? 0 : enclosing.enclosing === undefined ? 1 : enclosing.depth + 1
  }

  /** The innermost job around this one that has not ended. */
  get enclosing(): Job | undefined {
    const { around } = this.ref
    if (around === undefined || around.job !== undefined) return around?.job
    const job = innermost(around)
    this.ref.around = job?.ref
    return job
  }

  /** Whether the job has to yield once, so that no depth of nesting overflows the native stack. */
  get mustYield(): boolean {
    return this.depth % MaxNesting === MaxNesting - 1
  }

  /** Whether its pool, or the map or pile that it is part of, refuses the job. */
  abstract get isRefused(): boolean
  /** The job has got a slot or joined the queue. Called in that step, but not for the items of maps. */
  onEnter(): void {}
  /**
   * The wait of the job has ended: it holds a slot; or it has left the queue without one, and `wait.rejection` says why,
   * or else its pool or pile has closed. Called in that step, but not where its caller was interrupted or its map has
   * ended.
   */
  abstract onWaitEnd(): void
  /** Interrupts the job, which holds a slot. */
  abstract interrupt(fiberId: number): void
  /** Whether the fiber runs the job. */
  abstract isRunBy(fiber: object): boolean

  onPermit(): void {
    this.slots.onPermit(this)
  }

  /** Calls `listener` in the step that ends the job, which holds a slot. One that leaves the queue calls none. */
  whenEnded(listener: () => void): void {
    ;(this.endListeners ??= []).push(listener)
  }

  /** The job, which held a slot, has ended. Called in that step. */
  onEnd(): void {
    if (this.endListeners === undefined) return
    for (const listener of this.endListeners) listener()
  }
}

/** What ranks waiting jobs, when some have keys or priorities. */
export interface Ranking {
  readonly clock: Clock.Clock
  /** The weight of a key. */
  readonly weight: (key: string) => number
  /** Levels of priority that a caller gains per second in the queue. */
  readonly priorityBoost: number
}

const isRanked = (options: JobOptions | undefined): boolean =>
  options !== undefined && (options.key !== undefined || options.priority !== undefined)

/** The claim of a job that has neither key nor priority. */
const withoutKey = (job: Job): Claim<Job> => new Claim(job, undefined, 1, 0)

// Invariants, between steps:
// - a job is "holding" exactly while it is in the list of its peers, and "waiting" exactly while it is in the queue;
// - semaphore.taken counts the holding jobs without a lender, ledger.borrowed those with one;
// - lender and borrower mirror each other, both hold, and the borrower is inside the lender;
// - the slot of a job with waiting ones inside it, at any depth, is lent: no job waits for them with its slot idle.
export class Slots {
  readonly semaphore: Semaphore<Job>
  /** The keys, from the first job that has a key or a priority until the pool is idle. */
  shares: Shares<Job> | undefined = undefined
  private readonly ledger: Ledger
  private readonly ranking: Ranking
  /** The time of the current step, if something is measured by it. */
  private now = 0
  private arrivals = 0
  /** Called whenever a job has joined or left the queue or has ended, in that step. Must not throw. */
  onDemand: (() => void) | undefined = undefined
  /** Called whenever a job has ended or left the queue. */
  private readonly onLeave: () => void

  constructor(semaphore: Semaphore<Job>, ledger: Ledger, ranking: Ranking, onLeave: () => void) {
    this.semaphore = semaphore
    this.ledger = ledger
    this.ranking = ranking
    this.onLeave = onLeave
  }

  /**
   * Calls the user's code that a step needs to know of the job, if any, and returns whether it did: that code may act on
   * the pool, so what was checked before may no longer hold. Throws what the weight throws, and if the priority isn't a
   * finite number.
   */
  askUser(job: Job): boolean {
    const { options } = job
    if (this.shares !== undefined || isRanked(options)) {
      const { key, priority = 0 } = options ?? {}
      if (!Number.isFinite(priority)) {
        throw new RangeError(`Invalid priority ${Formatter.format(priority)}: it must be a finite number`)
      }
      const weight = key === undefined ? 1 : this.shares?.weightOf(key) ?? this.ranking.weight(key)
      job.claim = new Claim(job, key, weight, priority)
    } else if (!this.ledger.isMeasured) {
      return false
    }
    this.now = this.time
    return true
  }

  /** Gives the job a free slot of the pool, if there is one. After `askUser`. */
  takeIfAvailable(job: Job): boolean {
    if (!this.semaphore.takeIfAvailable()) return false
    this.stakeClaim(job)
    this.shares?.grant(job.claim!, this.now)
    this.grant(job)
    return true
  }

  /** Gives the job a free slot of the pool, or else lends it the innermost slot around it that isn't lent. */
  takeOrBorrow(job: Job): boolean {
    if (this.takeIfAvailable(job)) return true
    const lender = this.lenderFor(job)
    if (lender === undefined) return false
    this.lend(lender, job)
    return true
  }

  /** The innermost job around this one whose slot isn't lent. */
  private lenderFor(job: Job): Job | undefined {
    for (let around = job.enclosing; around !== undefined; around = around.enclosing) {
      if (around.borrower === undefined) return around
      // The slots further out are lent as well.
      if (around.waitingInside?.first !== undefined) return undefined
    }
    return undefined
  }

  /** Joins the queue, at the time of the step. Only for a job that could neither take nor borrow a slot. */
  join(job: Job): void {
    // First: it may bring the keys, which then rank the jobs that are in the queue.
    this.stakeClaim(job)
    job.state = "waiting"
    job.since = this.now
    this.semaphore.wait(job)
    this.shares?.join(job.claim!, job.since)
    this.waitInside(job)
    this.onDemand?.()
    this.ledger.changed()
  }

  /** A waiting job is inside another job from here on, or outside of any. It keeps its position, or borrows there. */
  move(job: Job, around: JobRef | undefined): void {
    this.startStep()
    // The clock may have taken it out of the queue.
    if (job.state !== "waiting") return
    this.stopWaitingInside(job)
    job.ref.around = around
    const lender = this.lenderFor(job)
    this.waitInside(job)
    if (lender === undefined) return
    this.lendToWaiting(lender, job)
    this.onDemand?.()
  }

  /** Reads the clock for a step in which a job joins the queue. */
  readClock(): void {
    this.now = this.time
  }

  /** Takes a waiting job out of the queue: it ends without a slot. */
  cancel(job: Job): void {
    this.semaphore.leave(job)
    this.shares?.leave(job.claim!)
    this.endWait(job)
    job.state = "ended"
    this.afterLeave()
  }

  /** Takes all waiting jobs out of the queue, from its head. */
  dismissAll(): void {
    for (let job = this.semaphore.first; job !== undefined; job = this.semaphore.first) {
      this.cancel(job)
      job.onWaitEnd()
    }
  }

  resize(size: number): void {
    this.startStep()
    this.semaphore.resize(size)
    this.ledger.changed()
  }

  /** Changes how many of the slots may be in use. */
  allow(slots: number): void {
    this.startStep()
    this.semaphore.allow(slots)
  }

  /** A job that held a slot has ended, and the slot goes where it is needed next. */
  end(job: Job, exit: Exit.Exit<unknown, unknown>): void {
    this.startStep()
    // The clock may have ended it by now.
    if (job.state !== "holding") return
    const { free, taken } = this.semaphore
    this.ledger.end(exit, job.since, this.now)
    const { borrower, claim, lender } = job
    job.state = "ended"
    job.leave()
    this.retire(job)
    job.borrower = job.lender = undefined
    if (borrower !== undefined) {
      // The borrower outlives its lender and keeps what it has: the slot, or the loan.
      borrower.lender = lender
      borrower.claim = claim
      if (lender !== undefined) lender.borrower = borrower
      this.ledger.borrowed--
    } else if (lender !== undefined) {
      lender.borrower = undefined
      this.ledger.borrowed--
      this.lendOn(lender)
    } else {
      if (claim !== undefined) this.shares?.end(claim, this.now)
      this.semaphore.release()
    }
    job.onEnd()
    this.afterLeave()
    // After the step: `classify` is the user's.
    this.ledger.adaptation?.ended(exit, taken, free)
  }

  /** A job in the queue gets a slot of the pool. */
  onPermit(job: Job): void {
    this.shares?.grant(job.claim!, this.now)
    this.grant(job)
    job.onWaitEnd()
  }

  /** The job has a slot from here on, its own or a borrowed one: every grant ends here. */
  private grant(job: Job): void {
    const { now } = this
    const since = job.state === "waiting" ? job.since : now
    if (job.state === "waiting") this.endWait(job)
    job.state = "holding"
    job.since = now
    job.peers.push(job)
    this.ledger.start(since, now)
  }

  /** The job waits no longer, whether it got a slot or not: every wait ends here. */
  private endWait(job: Job): void {
    this.stopWaitingInside(job)
    job.wait?.stopTimer()
  }

  /** A job has ended or left the queue. */
  private afterLeave(): void {
    if (this.semaphore.isIdle) this.shares = this.semaphore.next = undefined
    this.onLeave()
    this.onDemand?.()
    this.ledger.changed()
  }

  private lend(lender: Job, job: Job): void {
    // The slot stays charged to the key that it was granted to.
    job.claim = undefined
    lender.borrower = job
    job.lender = lender
    this.ledger.borrowed++
    this.grant(job)
  }

  /** Lends the slot, which its job has back, to the one that came first inside that job, whatever its key or priority. */
  private lendOn(lender: Job): void {
    let job = lender.waitingInside?.first
    while (job !== undefined && job.state === "holding") job = job.waitingInside?.first
    if (job !== undefined) this.lendToWaiting(lender, job)
  }

  private lendToWaiting(lender: Job, job: Job): void {
    this.semaphore.leave(job)
    this.shares?.leave(job.claim!)
    this.lend(lender, job)
    job.onWaitEnd()
  }

  /** From here on the job waits inside all jobs around it. */
  private waitInside(job: Job): void {
    job.firstArrival = ++this.arrivals
    for (let inner = job, around = inner.enclosing; around !== undefined; inner = around, around = inner.enclosing) {
      const waiting = around.waitingInside ??= new Heap<Job>()
      const isFirst = waiting.first === undefined
      waiting.push(inner, job.firstArrival)
      // It came after the jobs that wait there already.
      if (!isFirst) return
      around.firstArrival = job.firstArrival
    }
  }

  /** The job no longer waits inside the jobs around it. */
  private stopWaitingInside(job: Job): void {
    let inner = job
    let around = inner.enclosing
    for (; around !== undefined; inner = around, around = inner.enclosing) {
      around.waitingInside?.remove(inner)
      if (around.waitingInside?.first !== undefined) break
    }
    // From there on outwards, where jobs are left that wait inside, the first arrival may be another one now.
    for (; around !== undefined; around = around.enclosing) {
      const { firstArrival } = around.waitingInside!.first!
      if (firstArrival === around.firstArrival) return
      around.firstArrival = firstArrival
      around.enclosing?.waitingInside!.move(around, firstArrival)
    }
  }

  /** What waits inside a job that has ended, now waits inside the one around it. Fibers that outlive it keep neither. */
  private retire(job: Job): void {
    const inside = job.waitingInside
    // Looked up now, so that the ref keeps none of those that have ended around the job.
    const { enclosing } = job
    job.ref.job = undefined
    if (inside?.first === undefined) return
    job.waitingInside = undefined
    const around = enclosing?.waitingInside
    around?.remove(job)
    for (const inner of inside.toArray()) around?.push(inner, inner.firstArrival)
  }

  /** The job gets a slot or joins the queue. It has a claim exactly if the pool has keys by now, maybe its own. */
  private stakeClaim(job: Job): void {
    if (this.shares === undefined && isRanked(job.options)) this.share()
    job.claim = this.shares === undefined ? undefined : job.claim ?? withoutKey(job)
  }

  /** From here on, keys and priorities decide which job is next. */
  private share(): void {
    const shares = this.shares = new Shares<Job>(this.ranking.priorityBoost)
    for (const job of this.semaphore.toArray()) {
      job.claim = withoutKey(job)
      shares.join(job.claim, job.since)
    }
    this.semaphore.next = () => shares.first
  }

  private startStep(): void {
    if (this.shares !== undefined || this.ledger.isMeasured) this.now = this.time
  }

  /** Milliseconds of monotonic time. */
  private get time(): number {
    return monotonicMillis(this.ranking.clock)
  }
}
