/**
 * The pool as the contract describes it, and nothing else: plain, sequential, slow.
 *
 * One rule serves everybody (`serve`): free slots go to the queue from its head; then, again from its head, whoever is
 * inside running jobs borrows the slot of the innermost of them that nobody has borrowed. With keys, free slots go to
 * the key that was served least recently, where the time stands still. All else is bookkeeping.
 */
import { block, Raise, type Runtime, type Steps } from "./fibers.ts"
import type { Ask, Rules } from "./program.ts"

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
  readonly ask: Ask
  /** The key that the slot which it holds was given to. */
  charged: Key | undefined = undefined
  /** When it has waited long enough. */
  deadline = Infinity
  /** Why it was rejected. */
  refusal: Raise | undefined = undefined
  state: "new" | "waiting" | "running" | "over" = "new"
  lender: Job | undefined = undefined
  borrower: Job | undefined = undefined
  /** Whether its body runs beside the slot: then no fiber belongs to the job. */
  isBeside = false
  /** A slot has come to a job that waited. */
  onGrant: () => void = () => {}
  /** The pool has closed, or the time is up, while the job waited. */
  onRefuse: () => void = () => {}
  /** Interrupts the job while it runs. */
  onStop: () => void = () => {}
  /** Called when the job is over. */
  readonly whenOver: Array<() => void> = []

  constructor(kind: string, actor: string, outer: Job | undefined, ask: Ask = {}) {
    this.kind = kind
    this.actor = actor
    this.outer = outer
    this.ask = ask
  }

  get isOver(): boolean {
    return this.state === "over"
  }

  /** The innermost job around this one that is not over. */
  get around(): Job | undefined {
    return innermost(this.outer)
  }

  /** The innermost job around this one whose slot nobody has borrowed. */
  get lendable(): Job | undefined {
    let job = this.around
    while (job?.borrower !== undefined) job = job.around
    return job
  }
}

/** A key, as long as jobs of it wait or hold slots. */
interface Key {
  /** When it was served last; 0: never. */
  served: number
  readonly came: number
}

/** The innermost job, from this one outwards, that is not over. */
export const innermost = (job: Job | undefined): Job | undefined =>
  job === undefined || job.state !== "over" ? job : innermost(job.outer)

/** The counters of a pool. */
export const counters = [
  ...["size", "running", "free", "waiting", "borrowed"] as const,
  ...["started", "succeeded", "failed", "interrupted", "rejected"] as const
] as const

type Counters = Readonly<Record<(typeof counters)[number], number>>

export class Pool {
  readonly name: string
  size: number
  allowance = Infinity
  closed = false
  draining = false
  rejected = 0
  now = 0
  readonly rules: Rules
  /** Whether keys and priorities count: from the first caller with one until the pool is idle. */
  ranked = false
  readonly keys = new Map<string | undefined, Key>()
  events = 0
  readonly line: Array<Job> = []
  readonly jobs = new Set<Job>()
  readonly ended: Record<Outcome, number> = { succeeded: 0, failed: 0, interrupted: 0 }
  started = 0
  /** Everybody in `waitall`: called at the first idle moment, or when the pool closes. */
  readonly idlers = new Set<() => void>()
  /** Maps and piles: called after a resize and when the pool closes. */
  readonly onResize = new Set<() => void>()
  readonly onClose = new Set<() => void>()
  readonly onDrain = new Set<() => void>()
  /** Called when the time for draining is up. */
  readonly onTime = new Map<() => void, number>()
  /** The size of an adaptive pool after each end of a job: what it is is the controller's business. */
  sizeAfter: (end: number) => number | undefined = () => undefined
  private ends = 0
  /** Called with each job in the order in which slots are given. */
  readonly onStart: (job: Job) => void

  constructor(name: string, size: number, rules: Rules, onStart: (job: Job) => void) {
    this.name = name
    this.size = size
    this.rules = rules
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
    const { borrowed, ended, line, rejected, running, size, started } = this
    return { size, running, free: size - running, waiting: line.length, borrowed, started, rejected, ...ended }
  }

  /** Whether nobody inside this job, or outside if there is none, is let in. */
  refuses(outer: Job | undefined): boolean {
    return this.closed || (this.draining && innermost(outer) === undefined)
  }

  /** The job runs afterwards, or waits. */
  enter(job: Job): void {
    this.rank(job)
    job.state = "waiting"
    this.line.push(job)
    if (this.ranked) this.compete(job)
    this.serve()
  }

  /** As `enter`, but raises a refusal if the job would have to wait and must not. `ifAvailable`: whether a slot is free. */
  tryToEnter(job: Job, ifAvailable: boolean): boolean {
    this.rank(job)
    if (ifAvailable && !this.isFree) return false
    if (!this.isFree && job.lendable === undefined) {
      const isOutside = job.around === undefined
      const maxWait = job.ask.maxWait ?? (isOutside ? this.rules.maxWait : Infinity)
      if (maxWait === 0) throw this.reject("WaitTimeout")
      if (isOutside && this.line.length >= this.rules.maxWaiting) throw this.reject("QueueFull")
      job.deadline = this.now + maxWait
    }
    this.enter(job)
    return !ifAvailable || job.state === "running"
  }

  get isFree(): boolean {
    return this.running < this.size && this.running < this.allowance
  }

  /** Time goes by. */
  tick(milliseconds: number): void {
    this.now += milliseconds
    for (const job of this.line.filter(({ deadline }) => deadline <= this.now)) {
      this.leave(job)
      job.refusal = this.reject("WaitTimeout")
      job.onRefuse()
    }
    for (const [call, at] of Array.from(this.onTime)) if (at <= this.now) call()
  }

  private reject(reason: string): Raise {
    this.rejected++
    return new Raise(`fail ${reason}`)
  }

  private rank({ ask }: Job): void {
    if (this.ranked || (ask.key === undefined && ask.priority === undefined)) return
    this.ranked = true
    for (const job of this.line) this.compete(job)
  }

  private compete(job: Job): void {
    const { key } = job.ask
    if (!this.keys.has(key)) this.keys.set(key, { served: 0, came: ++this.events })
  }

  /** A key with nobody in the queue and no slot is forgotten; an idle pool has none. */
  private forget(): void {
    for (const [name, key] of this.keys) {
      const isWaiting = this.line.some(({ ask }) => ask.key === name)
      if (!isWaiting && ![...this.jobs].some(({ charged }) => charged === key)) this.keys.delete(name)
    }
    if (this.idle) this.ranked = false
  }

  /** Who gets the next slot. */
  private get next(): Job {
    if (!this.ranked) return this.line[0]!
    return this.line.reduce((one, other) => {
      const [key, otherKey] = [this.keys.get(one.ask.key)!, this.keys.get(other.ask.key)!]
      if (key === otherKey) return (other.ask.priority ?? 0) > (one.ask.priority ?? 0) ? other : one
      const isSooner = otherKey.served === key.served && otherKey.came < key.came
      return otherKey.served < key.served || isSooner ? other : one
    })
  }

  /** A waiting job goes away. */
  leave(job: Job): void {
    this.line.splice(this.line.indexOf(job), 1)
    job.state = "over"
    this.forget()
    this.serve()
  }

  /** A running job is over. Its borrower keeps the slot, or the loan. */
  end(job: Job, outcome: Outcome): void {
    const { borrower, lender } = job
    job.state = "over"
    job.borrower = job.lender = undefined
    this.jobs.delete(job)
    this.ended[outcome]++
    if (borrower !== undefined) {
      borrower.lender = lender
      borrower.charged = job.charged
    }
    job.charged = undefined
    this.forget()
    if (lender !== undefined) lender.borrower = borrower
    this.serve()
    for (const call of job.whenOver) call()
    const size = this.sizeAfter(this.ends++)
    if (size !== undefined && size !== this.size) this.resize(size)
  }

  resize(size: number): void {
    this.size = size
    this.serve()
    for (const call of this.onResize) call()
  }

  allow(slots: number): void {
    this.allowance = slots
    this.serve()
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
    while (this.isFree && this.line.length > 0) {
      const job = this.next
      if (this.ranked) {
        job.charged = this.keys.get(job.ask.key)!
        job.charged.served = ++this.events
      }
      this.grant(job)
    }
    for (const job of Array.from(this.line)) {
      const lender = job.lendable
      if (lender === undefined) continue
      lender.borrower = job
      job.lender = lender
      this.grant(job)
      this.forget()
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
  const running = jobs.filter((job) => job.state === "running")
  for (const job of running.toReversed()) {
    runtime.soon(() => {
      if (job.state === "running") job.onStop()
    })
  }
  const awaited = new Set(running)
  for (let job = innermost(caller); job !== undefined; job = job.around) awaited.delete(job)
  yield* block<void>((wake) => {
    if (awaited.size === 0) wake()
    for (const job of awaited) {
      job.whenOver.push(() => {
        awaited.delete(job)
        if (awaited.size === 0) wake()
      })
    }
  })
}
