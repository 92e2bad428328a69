/**
 * Shares: who is next when callers have keys or priorities.
 *
 * Between the keys it is start-time fair queueing on slot time. Each key has an account: what its jobs used, over
 * its weight. A grant charges the key's mean job time at once, the end of the job corrects that to the time that
 * the slot was really held. Next is the key that is charged least, where nobody who comes is charged less than the
 * last who was served (the present): so whoever was away for a while is next, but has saved up nothing.
 *
 * Within a key, next is whoever has the most levels: its priority and what it gained while in line. All gain at
 * the same rate, so that their order never changes and no clock is needed to keep it.
 */
import { KeyStats } from "../KeyStats.ts"
import { Heap, type HeapNode } from "./heap.ts"
import { Line, Place } from "./line.ts"

/** A place among those of a key who are in line, in the order in which they came. */
class Arrival extends Place {
  /** Counts all arrivals. */
  number = 0
}

/** What a job is to a pool with keys or priorities: a place within its key, then what its slot is charged to. */
export class Claim<T> implements HeapNode {
  readonly job: T
  readonly key: string | undefined
  /** The weight of the key, should it come into use by this job. */
  readonly weight: number
  readonly priority: number
  /** Its place among those of its key that wait; -1 outside. */
  index = -1
  /** Of its key, from when it joins the queue or gets a slot. */
  account!: Account<T>
  /** Lower is served first. */
  score = 0
  readonly arrival = new Arrival()
  private grantedAt = 0
  private estimate = 0

  constructor(job: T, key: string | undefined, weight: number, priority: number) {
    this.job = job
    this.key = key
    this.weight = weight
    this.priority = priority
  }

  charge(now: number, estimate: number): void {
    this.grantedAt = now
    this.estimate = estimate
    this.account.running++
    this.account.charged += estimate / this.account.weight
  }

  /** Gives the time that the slot was held. */
  correct(now: number): number {
    const time = Math.max(0, now - this.grantedAt)
    this.account.running--
    this.account.charged += (time - this.estimate) / this.account.weight
    return time
  }
}

const isBefore = <T>(a: Claim<T>, b: Claim<T>): boolean =>
  a.score < b.score || (a.score === b.score && a.arrival.number < b.arrival.number)

/** One key. */
class Account<T> implements HeapNode {
  /** Its place among the keys that compete, or that are in debt; -1 outside. */
  index = -1
  readonly key: string | undefined
  readonly weight: number
  /** What the key has used, or will by estimate, over its weight. */
  charged = 0
  /** What it is ranked by among those that compete: `charged`, but no less than the present was at that time. */
  start = 0
  /** When it was served last, as a number of grants. */
  served = 0
  running = 0
  /** The mean time of its jobs, of which the later count more. */
  mean: number | undefined = undefined
  readonly waiting = new Heap<Claim<T>>(isBefore)
  readonly arrivals = new Line<Arrival>()

  constructor(key: string | undefined, weight: number) {
    this.key = key
    this.weight = weight
  }

  /** When the first of those in line came, as a number of arrivals; there is one. */
  get joined(): number {
    return (this.arrivals.first as Arrival).number
  }

  /** Whether it has a job, in line or running. */
  get isOpen(): boolean {
    return this.running > 0 || this.waiting.first !== undefined
  }
}

const later = (mean: number | undefined, time: number): number => mean === undefined ? time : mean + (time - mean) / 8

/** The keys of a pool that has somebody waiting or running. */
export class Shares<T> {
  /** Those with nobody in line whose charge is beyond the present: what they have not yet paid off. */
  private readonly debtors = new Heap<Account<T>>((a, b) => a.charged < b.charged)
  private readonly competing = new Heap<Account<T>>((a, b) => {
    if (a.start !== b.start) return a.start < b.start
    return a.served < b.served || (a.served === b.served && a.joined < b.joined)
  })
  private readonly accounts = new Map<string | undefined, Account<T>>()
  /** Where those that come start: as whoever was served last, or later. */
  private present = 0
  /** What a key would have been charged by now that always had its share. */
  private fair = 0
  /** The greatest charge of a job. */
  private longest = 0
  /** The weights of the keys that have jobs, in line or running. */
  private weights = 0
  private grants = 0
  private arrivals = 0
  private mean: number | undefined = undefined
  /** Levels that a caller gains per millisecond in line. */
  private readonly boost: number

  constructor(boostPerSecond: number) {
    this.boost = boostPerSecond / 1000
  }

  /** How many keys are kept. */
  get size(): number {
    return this.accounts.size
  }

  /** Those of its key, if that is in use or in debt. */
  weightOf(key: string): number | undefined {
    return this.accounts.get(key)?.weight
  }

  /** The keys that have a job, in the queue or running. */
  get stats(): ReadonlyArray<KeyStats> {
    return [...this.accounts.values()].filter((account) => account.isOpen).map(({ key, running, waiting, weight }) =>
      new KeyStats({ ...key === undefined ? {} : { key }, weight, running, waiting: waiting.size })
    )
  }

  /** The job to be served next. */
  get first(): T | undefined {
    return this.competing.first?.waiting.first?.job
  }

  /** The claim takes a place in line; `joined` in milliseconds. */
  join(claim: Claim<T>, joined: number): void {
    const account = this.open(claim)
    claim.score = joined * this.boost - claim.priority
    claim.arrival.number = ++this.arrivals
    const isFirst = account.waiting.first === undefined
    account.waiting.push(claim)
    account.arrivals.push(claim.arrival)
    if (!isFirst) return
    account.start = Math.max(this.present, account.charged)
    this.competing.push(account)
  }

  /** The claim gives its place up. */
  leave(claim: Claim<T>): void {
    const { account } = claim
    this.drop(claim)
    // It is in line no longer than the first who is left.
    if (account.waiting.first !== undefined) this.competing.moved(account)
    this.settle(account)
  }

  /** The claim, in line or not, gets a slot. */
  grant(claim: Claim<T>, now: number): void {
    const isInLine = claim.index !== -1
    const account = isInLine ? claim.account : this.open(claim)
    account.charged = isInLine ? account.start : Math.max(this.present, account.charged)
    if (isInLine) this.drop(claim)
    this.advance(account.charged)
    account.served = ++this.grants
    claim.charge(now, account.mean ?? this.mean ?? 0)
    this.update(account)
  }

  /** The slot of the claim has come back. */
  end(claim: Claim<T>, now: number): void {
    const { account } = claim
    const time = claim.correct(now)
    account.mean = later(account.mean, time)
    this.mean = later(this.mean, time)
    this.update(account)
    // Ever new keys, each of which starts at the present, must not keep it where it is: nobody falls behind what is
    // fair by more than two jobs.
    this.longest = Math.max(this.longest, time / account.weight)
    // The sum of weights that are far apart may have lost this one.
    this.fair = Math.max(this.fair, this.present) + time / Math.max(this.weights, account.weight)
    this.advance(this.fair - 2 * this.longest)
    this.settle(account)
  }

  /** Brings the present forward, and forgets the keys that have paid off. */
  private advance(present: number): void {
    this.present = Math.max(this.present, present)
    for (let paid = this.debtors.first; paid !== undefined && paid.charged <= this.present; paid = this.debtors.first) {
      this.debtors.remove(paid)
      this.accounts.delete(paid.key)
    }
  }

  /** The key has a job, in the queue or running, from here on. */
  private open(claim: Claim<T>): Account<T> {
    const account = claim.account = this.accounts.get(claim.key) ?? new Account<T>(claim.key, claim.weight)
    if (account.isOpen) return account
    this.debtors.remove(account)
    this.accounts.set(account.key, account)
    this.weights += account.weight
    return account
  }

  /** Takes the claim out of the line. */
  private drop(claim: Claim<T>): void {
    const { account } = claim
    account.waiting.remove(claim)
    claim.arrival.leave()
    if (account.waiting.first === undefined) this.competing.remove(account)
  }

  /** Ranks the key by what it is charged now. */
  private update(account: Account<T>): void {
    if (account.waiting.first === undefined) return
    account.start = Math.max(this.present, account.charged)
    this.competing.moved(account)
  }

  /** Forgets the key if nothing of it is left. */
  private settle(account: Account<T>): void {
    if (account.isOpen) return
    this.weights -= account.weight
    if (account.charged > this.present) this.debtors.push(account)
    else this.accounts.delete(account.key)
  }
}
