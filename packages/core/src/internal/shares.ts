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
import { LinkedList, Node } from "./linked-list.ts"

/** A place among those of a key who are in line, in the order in which they came. */
class Arrival extends Node {
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
  flow!: Flow<T>
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
    this.flow.running++
    this.flow.finishTag += estimate / this.flow.weight
  }

  /** Gives the time that the slot was held. */
  correct(now: number): number {
    const time = Math.max(0, now - this.grantedAt)
    this.flow.running--
    this.flow.finishTag += (time - this.estimate) / this.flow.weight
    return time
  }
}

const isBefore = <T>(a: Claim<T>, b: Claim<T>): boolean =>
  a.score < b.score || (a.score === b.score && a.arrival.number < b.arrival.number)

/** One key. */
class Flow<T> implements HeapNode {
  /** Its place among the keys that compete, or that are in debt; -1 outside. */
  index = -1
  readonly key: string | undefined
  readonly weight: number
  /** What the key has used, or will by estimate, over its weight. */
  finishTag = 0
  /** What it is ranked by among those that compete: `charged`, but no less than the present was at that time. */
  startTag = 0
  /** When it was served last, as a number of grants. */
  served = 0
  running = 0
  /** The mean time of its jobs, of which the later count more. */
  mean: number | undefined = undefined
  readonly waiting = new Heap<Claim<T>>(isBefore)
  readonly arrivals = new LinkedList<Arrival>()

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

const ewma = (mean: number | undefined, time: number): number => mean === undefined ? time : mean + (time - mean) / 8

/** The keys of a pool that has somebody waiting or running. */
export class Shares<T> {
  /** Those with nobody in line whose charge is beyond the present: what they have not yet paid off. */
  private readonly debtors = new Heap<Flow<T>>((a, b) => a.finishTag < b.finishTag)
  private readonly backlogged = new Heap<Flow<T>>((a, b) => {
    if (a.startTag !== b.startTag) return a.startTag < b.startTag
    return a.served < b.served || (a.served === b.served && a.joined < b.joined)
  })
  private readonly flows = new Map<string | undefined, Flow<T>>()
  /** Where those that come start: as whoever was served last, or later. */
  private virtualTime = 0
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
    return this.flows.size
  }

  /** Those of its key, if that is in use or in debt. */
  weightOf(key: string): number | undefined {
    return this.flows.get(key)?.weight
  }

  /** The keys that have a job, in the queue or running. */
  get stats(): ReadonlyArray<KeyStats> {
    return [...this.flows.values()].filter((flow) => flow.isOpen).map(({ key, running, waiting, weight }) =>
      new KeyStats({ ...key === undefined ? {} : { key }, weight, running, waiting: waiting.size })
    )
  }

  /** The job to be served next. */
  get first(): T | undefined {
    return this.backlogged.first?.waiting.first?.job
  }

  /** The claim takes a place in line; `joined` in milliseconds. */
  join(claim: Claim<T>, joined: number): void {
    const flow = this.open(claim)
    claim.score = joined * this.boost - claim.priority
    claim.arrival.number = ++this.arrivals
    const isFirst = flow.waiting.first === undefined
    flow.waiting.push(claim)
    flow.arrivals.push(claim.arrival)
    if (!isFirst) return
    flow.startTag = Math.max(this.virtualTime, flow.finishTag)
    this.backlogged.push(flow)
  }

  /** The claim gives its place up. */
  leave(claim: Claim<T>): void {
    const { flow } = claim
    this.drop(claim)
    // It is in line no longer than the first who is left.
    if (flow.waiting.first !== undefined) this.backlogged.moved(flow)
    this.settle(flow)
  }

  /** The claim, in line or not, gets a slot. */
  grant(claim: Claim<T>, now: number): void {
    const isInLine = claim.index !== -1
    const flow = isInLine ? claim.flow : this.open(claim)
    flow.finishTag = isInLine ? flow.startTag : Math.max(this.virtualTime, flow.finishTag)
    if (isInLine) this.drop(claim)
    this.advance(flow.finishTag)
    flow.served = ++this.grants
    claim.charge(now, flow.mean ?? this.mean ?? 0)
    this.update(flow)
  }

  /** The slot of the claim has come back. */
  end(claim: Claim<T>, now: number): void {
    const { flow } = claim
    const time = claim.correct(now)
    flow.mean = ewma(flow.mean, time)
    this.mean = ewma(this.mean, time)
    this.update(flow)
    // Ever new keys, each of which starts at the present, must not keep it where it is: nobody falls behind what is
    // fair by more than two jobs.
    this.longest = Math.max(this.longest, time / flow.weight)
    // The sum of weights that are far apart may have lost this one.
    this.fair = Math.max(this.fair, this.virtualTime) + time / Math.max(this.weights, flow.weight)
    this.advance(this.fair - 2 * this.longest)
    this.settle(flow)
  }

  /** Brings the present forward, and forgets the keys that have paid off. */
  private advance(virtualTime: number): void {
    this.virtualTime = Math.max(this.virtualTime, virtualTime)
    for (
      let paid = this.debtors.first;
      paid !== undefined && paid.finishTag <= this.virtualTime;
      paid = this.debtors.first
    ) {
      this.debtors.remove(paid)
      this.flows.delete(paid.key)
    }
  }

  /** The key has a job, in the queue or running, from here on. */
  private open(claim: Claim<T>): Flow<T> {
    const flow = claim.flow = this.flows.get(claim.key) ?? new Flow<T>(claim.key, claim.weight)
    if (flow.isOpen) return flow
    this.debtors.remove(flow)
    this.flows.set(flow.key, flow)
    this.weights += flow.weight
    return flow
  }

  /** Takes the claim out of the line. */
  private drop(claim: Claim<T>): void {
    const { flow } = claim
    flow.waiting.remove(claim)
    claim.arrival.leave()
    if (flow.waiting.first === undefined) this.backlogged.remove(flow)
  }

  /** Ranks the key by what it is charged now. */
  private update(flow: Flow<T>): void {
    if (flow.waiting.first === undefined) return
    flow.startTag = Math.max(this.virtualTime, flow.finishTag)
    this.backlogged.moved(flow)
  }

  /** Forgets the key if nothing of it is left. */
  private settle(flow: Flow<T>): void {
    if (flow.isOpen) return
    this.weights -= flow.weight
    if (flow.finishTag > this.virtualTime) this.debtors.push(flow)
    else this.flows.delete(flow.key)
  }
}
