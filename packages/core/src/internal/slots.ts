/**
 * Slots and lending: who holds a slot of the pool, who has borrowed one, and who waits for which.
 *
 * A slot is a permit of the semaphore. A job that finds none free borrows the slot of the job around it,
 * if that is not lent already; else it waits in the pool's line and, at the same time, among the seekers of
 * the job around it, and takes whichever comes first. Everything here is synchronous and O(1).
 */
import { Cause, type Exit } from "effect"
import { Line, Place } from "./line.ts"
import { Semaphore, Waiter } from "./semaphore.ts"

/** A place among those who wait for one job's slot. */
class Seeker extends Place {
  readonly job: Job

  constructor(job: Job) {
    super()
    this.job = job
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

  constructor(slots: Slots, group: Line<Job>, enclosing: Job | undefined) {
    super()
    this.slots = slots
    this.group = group
    this.enclosing = enclosing
    this.depth = enclosing === undefined ? 0 : running(enclosing.enclosing) === undefined ? 1 : enclosing.depth + 1
  }

  /** Whether the job has to yield once, so that no depth of nesting overflows the native stack. */
  get mustYield(): boolean {
    return this.depth % MaxNesting === MaxNesting - 1
  }

  /** A slot has come to a job that waited. Called in the step that gives it. */
  abstract onGrant(): void
  /** The pool has closed while the job waited. It is out of the line. */
  abstract onRefuse(): void
  /** Interrupts the job, which holds a slot. */
  abstract interrupt(fiberId: number): void

  onPermit(): void {
    this.slots.granted(this)
    this.onGrant()
  }
}

/** The innermost job, from `job` outwards, that has not ended. */
export const running = (job: Job | undefined): Job | undefined => {
  while (job !== undefined && job.state === "ended") job = job.enclosing
  return job
}

// Invariants, between calls:
// - a job is "holding" exactly while it is in its group, and "waiting" exactly while it is in the line;
// - semaphore.taken counts the holding jobs without a lender, `borrowed` those with one;
// - lender and borrower mirror each other, and both hold;
// - whoever seeks a job's slot finds it lent.
export class Slots {
  readonly semaphore: Semaphore
  borrowed = 0
  started = 0
  succeeded = 0
  failed = 0
  interrupted = 0
  /** Called whenever a job has ended or left the line. */
  readonly onLeave: () => void

  constructor(size: number, onLeave: () => void) {
    this.semaphore = new Semaphore(size)
    this.onLeave = onLeave
  }

  /** Gives the job a free slot of the pool, if there is one. */
  takeIfAvailable(job: Job): boolean {
    if (!this.semaphore.takeIfAvailable()) return false
    this.granted(job)
    return true
  }

  /** The job holds a slot or has borrowed one afterwards, or it waits. */
  enter(job: Job): void {
    if (this.takeIfAvailable(job)) return
    const around = job.enclosing = running(job.enclosing)
    if (around !== undefined) {
      if (around.borrower === undefined) return this.lend(around, job)
      around.seekers ??= new Line()
      around.seekers.push(job.seeker = new Seeker(job))
    }
    job.state = "waiting"
    this.semaphore.wait(job)
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
    if (exit._tag === "Success") this.succeeded++
    else if (Cause.hasInterruptsOnly(exit.cause)) this.interrupted++
    else this.failed++
    job.state = "ended"
    job.leave()
    const { borrower, lender } = job
    const around = job.enclosing = running(job.enclosing)
    job.borrower = job.lender = undefined
    if (borrower !== undefined) {
      // The borrower outlives its lender and keeps what it has: the slot, or the loan.
      borrower.lender = lender
      if (lender !== undefined) lender.borrower = borrower
      this.borrowed--
    } else if (lender !== undefined) {
      lender.borrower = undefined
      this.borrowed--
      this.lendOn(lender)
    } else {
      this.semaphore.release()
    }
    if (job.seekers !== undefined && around !== undefined && !job.seekers.isEmpty) {
      around.seekers ??= new Line()
      around.seekers.append(job.seekers)
      this.lendOn(around)
    }
    job.seekers = undefined
    if (job.watchers !== undefined) { for (const watcher of job.watchers) watcher() }
    this.onLeave()
  }

  granted(job: Job): void {
    job.seeker?.leave()
    job.seeker = undefined
    job.state = "holding"
    job.group.push(job)
    this.started++
  }

  private dismissed(job: Job): void {
    job.seeker?.leave()
    job.seeker = undefined
    job.state = "ended"
    this.onLeave()
  }

  private lend(lender: Job, job: Job): void {
    lender.borrower = job
    job.lender = lender
    this.borrowed++
    this.granted(job)
  }

  private lendOn(lender: Job): void {
    if (lender.borrower !== undefined) return
    const seeker = lender.seekers?.shift()
    if (seeker === undefined) return
    this.semaphore.leave(seeker.job)
    this.lend(lender, seeker.job)
    seeker.job.onGrant()
  }
}
