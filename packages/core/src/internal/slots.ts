/**
 * Slots and lending: which jobs hold a slot of the pool, which have borrowed one, and which wait for one.
 *
 * A slot is a permit of the semaphore. A job that finds none free borrows the slot of the innermost job around it whose
 * slot is not lent; else it waits in the pool's queue and, at the same time, among the waiting jobs inside each job
 * around it, and takes whichever slot comes first.
 *
 * A step is synchronous and runs nothing of the user's: the clock and the weight of a key are asked before it, spans end
 * and fibers go on after it.
 */
import { type Clock, type Exit, Formatter } from "effect"
import type { JobOptions } from "../Admission.ts"
import type { Adaptation } from "./adaptation.ts"
import { Heap } from "./heap.ts"
import type { Line } from "./line.ts"
import type { Meter } from "./meter.ts"
import { Semaphore, Waiter } from "./semaphore.ts"
import { Claim, Shares } from "./shares.ts"
import { Tally } from "./tally.ts"
import { toMillis, toSeconds } from "./time.ts"
import type { Wait } from "./wait.ts"

/** Nested jobs that start or end inside each other's steps take native stack: so many levels of it at the most. */
const MaxNesting = 64

/**
 * What the context of a fiber says about the job that the fiber belongs to. A fiber that outlives its job keeps this
 * alone, and nothing of the pool.
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

const cameBefore = (one: Job, another: Job): boolean => one.came < another.came

/**
 * One job of a pool, from the moment it asks for a slot until its fiber has ended.
 *
 * While it waits it is a place in the pool's queue; while it holds a slot, its own or a borrowed one, it is a place in
 * its group.
 */
export abstract class Job extends Waiter {
  readonly slots: Slots
  /** Those that end together: the pool's own jobs, those of one map, those of one pile. */
  readonly group: Line<Job>
  readonly ref: JobRef
  /** The level of nesting: one more than that of the job around it, as long as jobs are around that. */
  readonly depth: number
  state: "new" | "waiting" | "holding" | "ended" = "new"
  /** The job whose slot this one has borrowed. */
  lender: Job | undefined = undefined
  /** The job that has borrowed the slot of this one: one at a time. */
  borrower: Job | undefined = undefined
  /**
   * The jobs directly inside this one that wait, or have waiting ones inside them, by which came first. While there are
   * any, the slot is lent.
   */
  waitingInside: Heap<Job> | undefined = undefined
  /** Its place among those of the job around it; -1 outside. */
  index = -1
  /** When it came into the queue; of a job around waiting ones, when the first of those did. Counts arrivals. */
  came = 0
  /** Called when it has ended, in the step that ends it. */
  watchers: Array<() => void> | undefined = undefined
  readonly options: JobOptions | undefined
  /** What it is among the keys: from its way into the queue until its slot comes back. */
  claim: Claim<Job> | undefined = undefined
  /** Its wait, where something bounds it or shows it. */
  wait: Wait | undefined = undefined
  /** Since when it is in the queue or, where jobs are measured, holds its slot: nanoseconds of monotonic time. */
  since = 0n

  constructor(slots: Slots, group: Line<Job>, enclosing: Job | undefined, options?: JobOptions) {
    super()
    this.slots = slots
    this.group = group
    this.options = options
    this.ref = new JobRef(this, enclosing?.ref)
    this.depth = enclosing === undefined ? 0 : enclosing.enclosing === undefined ? 1 : enclosing.depth + 1
  }

  /** The innermost job around this one that has not ended. */
  get enclosing(): Job | undefined {
    const job = innermost(this.ref.around)
    this.ref.around = job?.ref
    return job
  }

  /** Whether the job has to yield once, so that no depth of nesting overflows the native stack. */
  get mustYield(): boolean {
    return this.depth % MaxNesting === MaxNesting - 1
  }

  /** Whether its pool, or what else it is part of, refuses the job. */
  abstract get isRefused(): boolean
  /** The job has a slot or a place in the queue. Called in the step that gives it. */
  onEnter(): void {}
  /** A slot has come to a job that waited. Called in the step that gives it. */
  abstract onGrant(): void
  /** The job waited, and will not get a slot: its wait says why, or the pool has closed. It is out of the queue. */
  abstract onRefuse(): void
  /** Interrupts the job, which holds a slot. */
  abstract interrupt(fiberId: number): void
  /** Whether the fiber runs the job. */
  abstract isRunBy(fiber: object): boolean

  onPermit(): void {
    this.slots.onPermit(this)
  }
}

/** What ranks those in the queue, when some have keys or priorities. */
export interface Ranking {
  readonly clock: Clock.Clock
  /** The weight of a key. */
  readonly weight: (key: string) => number
  /** Levels of priority that a caller gains per second in the queue. */
  readonly priorityBoost: number
}

const isRanked = (options: JobOptions | undefined): boolean =>
  options !== undefined && (options.key !== undefined || options.priority !== undefined)

// Invariants, between steps:
// - a job is "holding" exactly while it is in its group, and "waiting" exactly while it is in the queue;
// - semaphore.taken counts the holding jobs without a lender, `borrowed` those with one;
// - lender and borrower mirror each other, both hold, and the borrower is inside the lender;
// - a job with waiting ones inside it, however far, is lent: no job that only waits for them leaves its slot idle.
export class Slots {
  readonly semaphore: Semaphore
  borrowed = 0
  started = 0
  readonly tally = new Tally()
  /** The keys, from the first job that has one, or a priority, until the pool is idle. */
  shares: Shares<Job> | undefined = undefined
  /** Measures the jobs, where that is asked for. */
  meter: Meter | undefined = undefined
  /** Finds the size, where that is asked for. */
  adaptation: Adaptation | undefined = undefined
  /** Called after changes, while somebody wants to know of them. */
  onChange: (() => void) | undefined = undefined
  private readonly ranking: Ranking
  /** When the pool was made: priorities count times in the queue from there. */
  private readonly began: bigint
  /** The time of the present step, where something is measured by it. */
  private now = 0n
  private arrivals = 0
  /** Called whenever a job has ended or left the queue. */
  private readonly onLeave: () => void

  constructor(size: number, ranking: Ranking, onLeave: () => void) {
    this.semaphore = new Semaphore(size)
    this.ranking = ranking
    this.began = this.time
    this.onLeave = onLeave
  }

  /**
   * Asks the user's functions what a step needs to know of the job. They may act on the pool, so that only what is asked
   * after this holds in the step. Throws what the weight throws, and where the priority isn't a number.
   */
  prepare(job: Job): void {
    const { options } = job
    if (this.shares !== undefined || isRanked(options)) {
      const { key, priority = 0 } = options ?? {}
      if (!Number.isFinite(priority)) {
        throw new RangeError(`Invalid priority ${Formatter.format(priority)}: it is a finite number`)
      }
      const weight = key === undefined ? 1 : this.shares?.weightOf(key) ?? this.ranking.weight(key)
      job.claim = new Claim(job, key, weight, priority)
      this.now = this.time
    } else if (this.meter !== undefined) {
      this.now = this.time
    }
  }

  /** Gives the job, which is prepared, a free slot of the pool, if there is one. */
  takeIfAvailable(job: Job): boolean {
    if (!this.semaphore.takeIfAvailable()) return false
    const claim = this.claimOf(job)
    if (claim !== undefined) this.shares?.grant(claim, toMillis(this.now))
    this.granted(job)
    return true
  }

  /** Gives the job a free slot of the pool, or lends it the innermost slot around it, if either can be. */
  takeOrBorrow(job: Job): boolean {
    if (this.takeIfAvailable(job)) return true
    for (let around = job.enclosing; around !== undefined; around = around.enclosing) {
      if (around.borrower === undefined) {
        this.lend(around, job)
        return true
      }
      // Those around it are lent as well.
      if (around.waitingInside?.first !== undefined) return false
    }
    return false
  }

  /** Joins the queue, at the time of the step. Only for a job that could neither take nor borrow. */
  join(job: Job): void {
    // First: it may be the one that brings the keys, for those in the queue already.
    const claim = this.claimOf(job)
    job.state = "waiting"
    job.since = this.now
    this.semaphore.wait(job)
    if (claim !== undefined) this.shares?.join(claim, toMillis(job.since - this.began))
    this.seek(job)
    this.onChange?.()
  }

  /** Reads the clock for a step in which a job joins the queue. */
  prepareToWait(): void {
    this.now = this.time
  }

  /** Takes a waiting job out of the queue. */
  cancel(job: Job): void {
    this.semaphore.leave(job)
    this.dismissed(job)
  }

  /** Takes all waiting jobs out of the queue, from its head. */
  refuseAll(): void {
    for (;;) {
      const job = this.semaphore.dismiss() as Job | undefined
      if (job === undefined) return
      this.dismissed(job)
      job.onRefuse()
    }
  }

  resize(size: number): void {
    this.startStep()
    this.semaphore.resize(size)
    this.onChange?.()
  }

  /** A job that held a slot is over: the slot goes where it is needed next. */
  end(job: Job, exit: Exit.Exit<unknown, unknown>): void {
    this.startStep()
    // The clock may have ended it.
    if (job.state !== "holding") return
    const { free, taken } = this.semaphore
    this.tally.end(exit)
    this.meter?.end(toSeconds(this.now - job.since), exit)
    const { borrower, claim, lender } = job
    job.state = "ended"
    job.leave()
    this.retire(job)
    job.borrower = job.lender = job.claim = undefined
    if (borrower !== undefined) {
      // The borrower outlives its lender and keeps what it has: the slot, or the loan.
      borrower.lender = lender
      borrower.claim = claim
      if (lender !== undefined) lender.borrower = borrower
      this.borrowed--
    } else if (lender !== undefined) {
      lender.borrower = undefined
      this.borrowed--
      this.lendOn(lender)
    } else {
      if (claim !== undefined) this.shares?.end(claim, toMillis(this.now))
      this.semaphore.release()
    }
    if (job.watchers !== undefined) { for (const watcher of job.watchers) watcher() }
    this.left()
    if (this.adaptation !== undefined) this.adaptation.ended(exit, taken, free)
  }

  /** A slot of the pool has come to a job in the queue. */
  onPermit(job: Job): void {
    if (job.claim !== undefined) this.shares?.grant(job.claim, toMillis(this.now))
    this.granted(job)
    job.onGrant()
  }

  /** The job that has waited longest. */
  get oldest(): Job | undefined {
    return this.semaphore.oldest as Job | undefined
  }

  /** Whether no slot is held and no job waits. */
  get isIdle(): boolean {
    return this.semaphore.taken === 0 && this.semaphore.waiting === 0
  }

  private granted(job: Job): void {
    const { meter } = this
    if (meter !== undefined) {
      meter.start(job.state === "waiting" ? toSeconds(this.now - job.since) : 0)
      job.since = this.now
    }
    if (job.state === "waiting") this.stopWaiting(job)
    job.state = "holding"
    job.group.push(job)
    this.started++
    this.onChange?.()
  }

  private dismissed(job: Job): void {
    if (job.claim !== undefined) this.shares?.leave(job.claim)
    job.claim = undefined
    this.stopWaiting(job)
    job.state = "ended"
    this.retire(job)
    this.left()
  }

  private stopWaiting(job: Job): void {
    this.unseek(job)
    job.wait?.stopTimer()
  }

  private left(): void {
    if (this.shares !== undefined && this.isIdle) this.shares = this.semaphore.next = undefined
    this.onLeave()
    this.onChange?.()
  }

  private lend(lender: Job, job: Job): void {
    // What it holds is charged to the key that the slot was granted to.
    job.claim = undefined
    lender.borrower = job
    job.lender = lender
    this.borrowed++
    this.granted(job)
  }

  /** Lends the slot of a job that has it back to the first of those that wait inside it. */
  private lendOn(lender: Job): void {
    let job = lender.waitingInside?.first
    while (job !== undefined && job.state === "holding") job = job.waitingInside?.first
    if (job === undefined) return
    this.semaphore.leave(job)
    if (job.claim !== undefined) this.shares?.leave(job.claim)
    this.lend(lender, job)
    job.onGrant()
  }

  /** The job waits from now on inside all those around it. */
  private seek(job: Job): void {
    job.came = ++this.arrivals
    for (let inner = job, around = inner.enclosing; around !== undefined; inner = around, around = inner.enclosing) {
      const waiting = around.waitingInside ??= new Heap<Job>(cameBefore)
      const isFirst = waiting.first === undefined
      waiting.push(inner)
      // It came after all that wait there already.
      if (!isFirst) return
      around.came = job.came
    }
  }

  /** The job waits no longer inside those around it. */
  private unseek(job: Job): void {
    let inner = job
    let around = inner.enclosing
    for (; around !== undefined; inner = around, around = inner.enclosing) {
      around.waitingInside?.remove(inner)
      if (around.waitingInside?.first !== undefined) break
    }
    // From there on outwards, another may have come first now.
    for (; around !== undefined; around = around.enclosing) {
      const came = around.waitingInside?.first?.came
      if (came === undefined || came === around.came) return
      around.came = came
      around.enclosing?.waitingInside?.moved(around)
    }
  }

  /** What waits inside a job that has ended waits inside the one around it; fibers that outlive it keep neither. */
  private retire(job: Job): void {
    const inside = job.waitingInside
    job.ref.job = undefined
    if (inside?.first === undefined) return
    job.waitingInside = undefined
    const around = job.enclosing?.waitingInside
    around?.remove(job)
    for (const inner of inside.toArray()) around?.push(inner)
  }

  /** What the job, which gets a slot or joins the queue, is among the keys, if there are any or it brings one. */
  private claimOf(job: Job): Claim<Job> | undefined {
    if (this.shares === undefined) {
      if (!isRanked(job.options)) return job.claim = undefined
      this.share()
    }
    return job.claim ??= new Claim(job, undefined, 1, 0)
  }

  /** Has the keys rule over which job is next. */
  private share(): void {
    const shares = this.shares = new Shares<Job>(this.ranking.priorityBoost)
    for (const job of this.semaphore.toArray() as Array<Job>) {
      job.claim = new Claim(job, undefined, 1, 0)
      shares.join(job.claim, toMillis(job.since - this.began))
    }
    this.semaphore.next = () => shares.first
  }

  private startStep(): void {
    if (this.shares !== undefined || this.meter !== undefined) this.now = this.time
  }

  /** Nanoseconds of monotonic time. */
  private get time(): bigint {
    return this.ranking.clock.monotonicTimeNanosUnsafe()
  }
}
