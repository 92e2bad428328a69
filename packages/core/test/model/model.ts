/**
 * The pool as the contract describes it, and nothing else: plain, sequential, slow.
 *
 * One rule serves everybody (`serve`): free slots go to the line from its head; then, again from its head, whoever is
 * inside a running job whose slot nobody has borrowed borrows that. All else is bookkeeping.
 */

import { block, type Runtime, type Steps } from "./fibers.ts"

/** How a job ended. */
export type Outcome = "succeeded" | "failed" | "interrupted"

export const outcomeOf = (exit: string): Outcome =>
  exit === "interrupted" ? "interrupted" : exit.startsWith("succeed") ? "succeeded" : "failed"

/** One job, from the moment it asks for a slot. */
export class Job {
  /** The verb that started it, and what it does. */
  readonly kind: string
  readonly actor: string
  readonly outer: Job | undefined
  state: "new" | "waiting" | "running" | "over" = "new"
  lender: Job | undefined = undefined
  borrower: Job | undefined = undefined
  /** A slot has come to a job that waited. */
  onGrant: () => void = () => {}
  /** The pool has closed while the job waited. */
  onRefuse: () => void = () => {}
  /** Interrupts the job while it runs. */
  onStop: () => void = () => {}
  /** Called when the job is over. */
  readonly whenOver: Array<() => void> = []

  constructor(kind: string, actor: string, outer: Job | undefined) {
    this.kind = kind
    this.actor = actor
    this.outer = outer
  }

  get isOver(): boolean {
    return this.state === "over"
  }

  /** The innermost job around this one that is not over. */
  get around(): Job | undefined {
    return innermost(this.outer)
  }
}

/** The innermost job, from this one outwards, that is not over. */
export const innermost = (job: Job | undefined): Job | undefined =>
  job === undefined || job.state !== "over" ? job : innermost(job.outer)

/** The counters of a pool. */
export interface Counters {
  readonly size: number
  readonly running: number
  readonly free: number
  readonly waiting: number
  readonly borrowed: number
  readonly started: number
  readonly succeeded: number
  readonly failed: number
  readonly interrupted: number
}

export class Pool {
  readonly name: string
  size: number
  closed = false
  readonly line: Array<Job> = []
  readonly jobs = new Set<Job>()
  readonly ended: Record<Outcome, number> = { succeeded: 0, failed: 0, interrupted: 0 }
  started = 0
  /** Everybody in `waitall`: called at the first idle moment, or when the pool closes. */
  readonly idlers = new Set<() => void>()
  /** Maps and piles: called after a resize and when the pool closes. */
  readonly onResize = new Set<() => void>()
  readonly onClose = new Set<() => void>()
  /** Called with each job in the order in which slots are given. */
  readonly onStart: (job: Job) => void

  constructor(name: string, size: number, onStart: (job: Job) => void) {
    this.name = name
    this.size = size
    this.onStart = onStart
  }

  /** Jobs that hold a slot of the pool. */
  get running(): number {
    return this.jobs.size - this.borrowed
  }

  get borrowed(): number {
    return [...this.jobs].filter((job) => job.lender !== undefined).length
  }

  get idle(): boolean {
    return this.running === 0 && this.line.length === 0
  }

  get counters(): Counters {
    const { borrowed, ended, line, running, size, started } = this
    return { size, running, free: size - running, waiting: line.length, borrowed, started, ...ended }
  }

  /** The job runs afterwards, or waits. */
  enter(job: Job): void {
    job.state = "waiting"
    this.line.push(job)
    this.serve()
  }

  /** A waiting job goes away. */
  leave(job: Job): void {
    this.line.splice(this.line.indexOf(job), 1)
    job.state = "over"
    this.serve()
  }

  /** A running job is over. Its borrower keeps the slot, or the loan. */
  end(job: Job, outcome: Outcome): void {
    const { borrower, lender } = job
    job.state = "over"
    job.borrower = job.lender = undefined
    this.jobs.delete(job)
    this.ended[outcome]++
    if (borrower !== undefined) borrower.lender = lender
    if (lender !== undefined) lender.borrower = borrower
    this.serve()
    for (const call of job.whenOver) call()
  }

  resize(size: number): void {
    this.size = size
    this.serve()
    for (const call of this.onResize) call()
  }

  /** Refuses everybody who waits, and says who runs. */
  close(): Array<Job> {
    this.closed = true
    for (const job of this.line.splice(0)) {
      job.state = "over"
      job.onRefuse()
    }
    for (const call of Array.from(this.idlers)) call()
    for (const call of Array.from(this.onClose)) call()
    return [...this.jobs]
  }

  private serve(): void {
    while (this.running < this.size && this.line.length > 0) this.grant(this.line[0]!)
    for (const job of Array.from(this.line)) {
      const lender = job.around
      if (lender === undefined || lender.borrower !== undefined) continue
      lender.borrower = job
      job.lender = lender
      this.grant(job)
    }
    if (this.idle) { for (const call of Array.from(this.idlers)) call() }
  }

  private grant(job: Job): void {
    this.line.splice(this.line.indexOf(job), 1)
    job.state = "running"
    this.jobs.add(job)
    this.started++
    this.onStart(job)
    job.onGrant()
  }
}

/** Interrupts these jobs, in any order, and waits for their end, except for that of those around the caller. */
export function* stopAll(runtime: Runtime, jobs: ReadonlyArray<Job>, caller: Job | undefined): Steps<void> {
  const around = new Set<Job>()
  for (let job = innermost(caller); job !== undefined; job = job.around) around.add(job)
  const running = jobs.filter((job) => job.state === "running")
  for (const job of [...running].toReversed()) {
    runtime.soon(() => {
      if (job.state === "running") job.onStop()
    })
  }
  const awaited = running.filter((job) => !around.has(job))
  let left = awaited.length
  yield* block<void>((wake) => {
    if (left === 0) wake()
    for (const job of awaited) {
      job.whenOver.push(() => {
        if (--left === 0) wake()
      })
    }
  })
}
