/**
 * Slots and lending: who holds a slot of the pool, who has borrowed one, and who waits for which.
 *
 * A slot is a permit of the semaphore. A job that finds none free borrows the slot of the job around it,
 * if that is not lent already; else it waits in the pool's line and, at the same time, among the seekers of
 * the job around it, and takes whichever comes first. Everything here is synchronous and O(1).
 */
import { type Clock, Exit } from "effect"
import type { JobOptions, PoolFull } from "../Admission.ts"
import type { Call } from "./alarm.ts"
import { Line, Place } from "./line.ts"
import type { Meter } from "./meter.ts"
import { Semaphore, Waiter } from "./semaphore.ts"
import { type Claim, Shares } from "./shares.ts"
import type { SlowWait } from "./slow-wait.ts"
import { Tally } from "./tally.ts"
import { toMillis, toSeconds } from "./time.ts"
import type { EndSpan } from "./trace.ts"

/** A place among those who wait for one job's slot. */
class Seeker extends Place {
  readonly job: Job
  /** Counts those who came, in order. */
  readonly number: number

  constructor(job: Job, number: number) {
    super()
    this.job = job
    this.number = number
  }
}

const cameBefore = (one: Seeker, another: Seeker): boolean => one.number < another.number

/** What there is to the admission of a job, if anything, beside a slot. */
export class Terms {
  /** What the caller asked for. */
  readonly options: JobOptions | undefined
  /** What the job is among the keys: from its way into the line until its slot comes back. */
  claim: Claim | undefined = undefined
  /** Ends the wait in time. */
  call: Call | undefined = undefined
  /** Why it was turned away. */
  refusal: PoolFull | undefined = undefined
  /** Ends the span of the wait. */
  endSpan: EndSpan | undefined = undefined

  constructor(options?: JobOptions) {
    this.options = options
  }

  /** The wait is over, and all that it changes has changed: what a tracer does about it finds the pool at rest. */
  endWait(exit: Exit.Exit<void, PoolFull>): void {
    const { endSpan } = this
    this.endSpan = undefined
    endSpan?.(exit)
  }
}

/** Nested jobs that start or end inside each other's steps take native stack: so many levels of it at the most. */
const MaxNesting = 64

/**
 * One job of a pool, from the moment it asks for a slot until its fiber has ended.
 *
 * While it waits it is a place in the pool's line; while it holds a slot, its own or a borrowed one, it is a
 * place in its group.
 */
export abstract class Job extends Waiter {
  readonly slots: Slots
  /** Those who end together: the pool's own jobs, those of one map, those of one pile. */
  readonly group: Line<Job>
  /** The job around this one; after that has ended, look at it through `running`. */
  enclosing: Job | undefined
  /** The level of nesting: one more than that of the job around it, as long as jobs are around that. */
  readonly depth: number
  state: "new" | "waiting" | "holding" | "ended" = "new"
  /** Whose slot this job has borrowed. */
  lender: Job | undefined = undefined
  /** Who has borrowed the slot of this job: one at a time. */
  borrower: Job | undefined = undefined
  /** Who waits for the slot of this job. */
  seekers: Line<Seeker> | undefined = undefined
  /** The place of this job among the seekers of the job around it. */
  seeker: Seeker | undefined = undefined
  watchers: Array<() => void> | undefined = undefined
  /** What there is to its admission beside a slot. */
  terms: Terms | undefined
  /** Since when it is in line, or, where jobs are measured, holds its slot: nanoseconds of monotonic time. */
  since = 0n

  constructor(slots: Slots, group: Line<Job>, enclosing: Job | undefined, options?: JobOptions) {
    super()
    this.slots = slots
    this.group = group
    this.enclosing = enclosing
    this.terms = options === undefined ? undefined : new Terms(options)
    this.depth = enclosing === undefined ? 0 : running(enclosing.enclosing) === undefined ? 1 : enclosing.depth + 1
  }

  /** Whether the job has to yield once, so that no depth of nesting overflows the native stack. */
  get mustYield(): boolean {
    return this.depth % MaxNesting === MaxNesting - 1
  }

  /** A slot has come to a job that waited. Called in the step that gives it. */
  abstract onGrant(): void
  /** The job waited, and will not get a slot: its terms say why, or the pool has closed. It is out of the line. */
  abstract onRefuse(): void
  /** Interrupts the job, which holds a slot. */
  abstract interrupt(fiberId: number): void

  onPermit(): void {
    this.slots.onPermit(this)
  }
}

/** The innermost job, from `job` outwards, that has not ended. */
export const running = (job: Job | undefined): Job | undefined => {
  while (job !== undefined && job.state === "ended") job = job.enclosing
  return job
}

/** What ranks those in line, when some have keys or priorities. */
export interface Ranking {
  readonly clock: Clock.Clock
  /** The weight of a key. */
  readonly weight: (key: string) => number
  /** Levels of priority that a caller gains per second in line. */
  readonly priorityBoost: number
}

const isRanked = (options: JobOptions | undefined): boolean =>
  options !== undefined && (options.key !== undefined || options.priority !== undefined)

/** The terms of the job, which has some now. */
export const termsOf = (job: Job): Terms => job.terms ??= new Terms()

// Invariants, between calls:
// - a job is "holding" exactly while it is in its group, and "waiting" exactly while it is in the line;
// - semaphore.taken counts the holding jobs without a lender, `borrowed` those with one;
// - lender and borrower mirror each other, and both hold;
// - whoever seeks a job's slot finds it lent, and those who seek the same slot are in the order in which they came.
export class Slots {
  readonly semaphore: Semaphore
  borrowed = 0
  started = 0
  readonly tally = new Tally()
  /** How many have come to wait for the slot of a job. */
  private sought = 0
  /** The keys, from the first job that has one, or a priority, until the pool is idle. */
  shares: Shares | undefined = undefined
  /** Measures the jobs, where that is asked for. */
  meter: Meter | undefined = undefined
  /** Watches the line, where that is asked for. */
  slowWait: SlowWait | undefined = undefined
  /** Called after changes, while somebody wants to know of them. */
  onChange: (() => void) | undefined = undefined
  private readonly ranking: Ranking
  /** When the pool was made: priorities count times in line from there. */
  private readonly began: bigint
  /** Called whenever a job has ended or left the line. */
  readonly onLeave: () => void

  constructor(size: number, ranking: Ranking, onLeave: () => void) {
    this.semaphore = new Semaphore(size)
    this.ranking = ranking
    this.began = this.now
    this.onLeave = onLeave
  }

  /** Gives the job a free slot of the pool, if there is one. Throws, with nothing done, what its weight throws. */
  takeIfAvailable(job: Job): boolean {
    if (this.shares !== undefined || job.terms !== undefined) this.claim(job)
    if (!this.semaphore.takeIfAvailable()) return false
    this.granted(job)
    if (this.shares !== undefined) this.charge(job)
    return true
  }

  /** Gives the job a free slot of the pool, or lends it that of the job around it, if either can be. */
  takeOrBorrow(job: Job): boolean {
    if (this.takeIfAvailable(job)) return true
    const around = job.enclosing = running(job.enclosing)
    if (around === undefined || around.borrower !== undefined) return false
    this.lend(around, job)
    return true
  }

  /** Joins the line. Only for one who could neither take nor borrow. */
  wait(job: Job): void {
    const around = job.enclosing
    if (around !== undefined) {
      around.seekers ??= new Line()
      around.seekers.push(job.seeker = new Seeker(job, this.sought++))
    }
    job.state = "waiting"
    job.since = this.now
    this.semaphore.wait(job)
    if (job.terms?.claim !== undefined) this.shares?.join(job.terms.claim, toMillis(job.since - this.began))
    this.slowWait?.start()
    this.onChange?.()
  }

  /** The job holds a slot or has borrowed one afterwards, or it waits. */
  enter(job: Job): void {
    if (!this.takeOrBorrow(job)) this.wait(job)
  }

  /** Takes a waiting job out of the line. */
  cancel(job: Job): void {
    this.semaphore.leave(job)
    this.dismissed(job)
  }

  /** Takes everybody out of the line, from its head. */
  refuseAll(): void {
    for (;;) {
      const job = this.semaphore.dismiss() as Job | undefined
      if (job === undefined) return
      this.dismissed(job)
      job.onRefuse()
    }
  }

  /** A job that held a slot is over: the slot goes where it is needed next. */
  end(job: Job, exit: Exit.Exit<unknown, unknown>): void {
    this.tally.end(exit)
    this.meter?.end(toSeconds(this.now - job.since), exit)
    job.state = "ended"
    job.leave()
    const { borrower, lender } = job
    const around = job.enclosing = running(job.enclosing)
    job.borrower = job.lender = undefined
    if (borrower !== undefined) {
      // The borrower outlives its lender and keeps what it has: the slot, or the loan.
      borrower.lender = lender
      if (job.terms?.claim !== undefined) termsOf(borrower).claim = job.terms.claim
      if (lender !== undefined) lender.borrower = borrower
      this.borrowed--
    } else if (lender !== undefined) {
      lender.borrower = undefined
      this.borrowed--
      this.lendOn(lender)
    } else {
      if (job.terms?.claim !== undefined) this.shares?.end(job.terms.claim, toMillis(this.now))
      this.semaphore.release()
    }
    if (job.seekers !== undefined && around !== undefined && !job.seekers.isEmpty) {
      around.seekers ??= new Line()
      around.seekers.merge(job.seekers, cameBefore)
      this.lendOn(around)
    }
    job.seekers = undefined
    if (job.watchers !== undefined) { for (const watcher of job.watchers) watcher() }
    this.left()
  }

  /** A slot of the pool has come to a job in line. */
  onPermit(job: Job): void {
    if (job.terms !== undefined) this.charge(job)
    this.granted(job)
    // First: a tracer may bring slots to others.
    job.onGrant()
    job.terms?.endWait(Exit.void)
  }

  private granted(job: Job): void {
    if (this.meter !== undefined) this.measure(job, this.meter)
    job.seeker?.leave()
    job.seeker = undefined
    job.state = "holding"
    job.group.push(job)
    this.started++
    this.onChange?.()
  }

  /** The wait of the job, if it did wait, is over, and its run begins. */
  private measure(job: Job, meter: Meter): void {
    const { now } = this
    meter.start(job.state === "waiting" ? toSeconds(now - job.since) : 0)
    job.since = now
  }

  private dismissed(job: Job): void {
    const { terms } = job
    if (terms !== undefined) this.withdraw(terms)
    job.seeker?.leave()
    job.seeker = undefined
    job.state = "ended"
    terms?.endWait(terms.refusal === undefined ? Exit.interrupt() : Exit.fail(terms.refusal))
    this.left()
  }

  private left(): void {
    if (this.shares !== undefined && this.isIdle) this.shares = this.semaphore.next = undefined
    this.onLeave()
    this.onChange?.()
  }

  /** Who of those in line came first. */
  get oldest(): Job | undefined {
    return this.semaphore.oldest as Job | undefined
  }

  /** Whether no slot is held and nobody waits. */
  get isIdle(): boolean {
    return this.semaphore.taken === 0 && this.semaphore.waiting === 0
  }

  private lend(lender: Job, job: Job): void {
    // what it holds is charged to whom the slot was granted to
    if (job.terms !== undefined) job.terms.claim = undefined
    lender.borrower = job
    job.lender = lender
    this.borrowed++
    this.granted(job)
  }

  /** Says what the job is among the keys, if there are any or it brings one. */
  private claim(job: Job): void {
    if (this.shares === undefined && isRanked(job.terms?.options)) this.share()
    if (this.shares !== undefined) termsOf(job).claim = this.shares.claim(job)
  }

  /** Has the keys rule over who is next. */
  private share(): void {
    const shares = this.shares = new Shares(this.ranking.weight, this.ranking.priorityBoost)
    for (const job of this.semaphore.toArray() as Array<Job>) {
      const claim = termsOf(job).claim = shares.claim(job)
      shares.join(claim, toMillis(job.since - this.began))
    }
    this.semaphore.next = () => shares.first
  }

  /** A slot has come to the job. */
  private charge(job: Job): void {
    const terms = job.terms
    if (terms?.claim !== undefined) this.shares?.grant(terms.claim, toMillis(this.now))
    terms?.call?.cancel()
  }

  /** The job leaves the line without a slot of the pool. */
  private withdraw(terms: Terms): void {
    if (terms.claim !== undefined) this.shares?.leave(terms.claim)
    terms.claim = undefined
    terms.call?.cancel()
  }

  /** Nanoseconds of monotonic time. */
  private get now(): bigint {
    return this.ranking.clock.monotonicTimeNanosUnsafe()
  }

  private lendOn(lender: Job): void {
    if (lender.borrower !== undefined) return
    const seeker = lender.seekers?.shift()
    if (seeker === undefined) return
    this.semaphore.leave(seeker.job)
    const { terms } = seeker.job
    if (terms !== undefined) this.withdraw(terms)
    this.lend(lender, seeker.job)
    seeker.job.onGrant()
    terms?.endWait(Exit.void)
  }
}
