/**
 * Shares: which job is next when callers have keys or priorities.
 *
 * Between keys it is start-time fair queueing (Goyal, Vin and Cheng, 1996) on slot time. Each key is a flow. Its finish
 * tag is the slot time that its jobs have used, divided by its weight. A grant adds the flow's mean job time right away,
 * and the end of the job corrects that to the time that the slot was really held. While jobs of it wait, the flow is
 * backlogged, and its start tag is its finish tag, but at least the virtual time: the start tag of the flow that was
 * served last. The flow with the lowest start tag is next. So a flow that was away for a while is next soon, but has
 * saved up nothing.
 *
 * Within a key, the next job is the one with the most levels: its priority and what it has gained in the queue. All jobs
 * gain levels at the same rate, so their order never changes, and no clock is needed to keep it.
 */
import { KeyStats } from "../KeyStats.ts"
import { Heap, type HeapNode } from "./heap.ts"

/**
 * What a job is to a pool with keys or priorities: its position within its key, then what its slot is charged to.
 */
export class Claim<T> implements HeapNode {
  readonly job: T
  readonly key: string | undefined
  /** The weight of the key, should it come into use by this job. */
  readonly weight: number
  readonly priority: number
  /** Its position in the heap of its flow's waiting jobs; -1 outside. */
  index = -1
  /** The flow of its key, once it has joined the queue or got a slot. */
  flow!: Flow<T>
  private grantedAt = 0
  private estimate = 0

  constructor(job: T, key: string | undefined, weight: number, priority: number) {
    this.job = job
    this.key = key
    this.weight = weight
    this.priority = priority
  }

  /** The job gets its slot, and is charged an estimate. */
  charge(now: number, estimate: number): void {
    this.grantedAt = now
    this.estimate = estimate
    this.flow.running++
    this.flow.finishTag += estimate / this.flow.weight
  }

  /** Corrects the estimate to the time that the slot was held, and returns that time. */
  correct(now: number): number {
    const time = now - this.grantedAt
    this.flow.running--
    this.flow.finishTag += (time - this.estimate) / this.flow.weight
    return time
  }
}

/** One key. */
class Flow<T> implements HeapNode {
  /** Its position in the heap of backlogged flows or of debtors; -1 outside. */
  index = -1
  readonly key: string | undefined
  readonly weight: number
  /** The slot time that the key has used, or will by estimate, divided by its weight. */
  finishTag = 0
  /** While it is backlogged: the finish tag, but at least what the virtual time was when it was set. */
  startTag = 0
  /**
   * When it was served last, as a number of grants. Until it has been: when it came, as a number of arrivals, but
   * negative, which is before all of those.
   */
  served: number
  running = 0
  /** The moving average of its job times. */
  mean: number | undefined = undefined
  readonly waiting = new Heap<Claim<T>>()

  constructor(key: string | undefined, weight: number, served: number) {
    this.served = served
    this.key = key
    this.weight = weight
  }

  /** Whether it has a job, in the queue or running. */
  get isOpen(): boolean {
    return this.running > 0 || this.waiting.first !== undefined
  }
}

/** The exponentially weighted moving average after one more time. */
const ewma = (mean: number | undefined, time: number): number => mean === undefined ? time : mean + (time - mean) / 8

/** The keys of a pool that isn't idle. */
export class Shares<T> {
  /** Flows without a job whose finish tag is still above the virtual time. */
  private readonly debtors = new Heap<Flow<T>>()
  private readonly backlogged = new Heap<Flow<T>>()
  private readonly flows = new Map<string | undefined, Flow<T>>()
  /** The start tag of the flow that was served last, or more. */
  private virtualTime = 0
  /** The finish tag that a flow would have by now if it had always had its share. */
  private fair = 0
  /** The longest time of a job, divided by its weight. */
  private longest = 0
  /** The sum of the weights of all open flows. */
  private weights = 0
  private grants = 0
  private arrivals = 0
  private mean: number | undefined = undefined
  /** Levels that a caller gains per millisecond in the queue. */
  private readonly boost: number

  constructor(boostPerSecond: number) {
    this.boost = boostPerSecond / 1000
  }

  /** How many flows are kept. */
  get size(): number {
    return this.flows.size
  }

  /** The weight of a key whose flow is kept. */
  weightOf(key: string): number | undefined {
    return this.flows.get(key)?.weight
  }

  /** The keys that have a job, in the queue or running. */
  get stats(): ReadonlyArray<KeyStats> {
    return [...this.flows.values()].filter((flow) => flow.isOpen).map(({ key, running, waiting, weight }) =>
      new KeyStats({ key, weight, running, waiting: waiting.size })
    )
  }

  /** The job to be served next. */
  get first(): T | undefined {
    return this.backlogged.first?.waiting.first?.job
  }

  /** The job of the claim joins the queue, at `joined` milliseconds. */
  join(claim: Claim<T>, joined: number): void {
    const flow = this.open(claim)
    const isFirst = flow.waiting.first === undefined
    flow.waiting.push(claim, joined * this.boost - claim.priority, ++this.arrivals)
    if (!isFirst) return
    flow.startTag = Math.max(this.virtualTime, flow.finishTag)
    this.backlogged.push(flow, flow.startTag, flow.served)
  }

  /** The job of the claim leaves the queue without a slot. */
  leave(claim: Claim<T>): void {
    this.drop(claim)
    this.forgetIfPaid(claim.flow)
  }

  /** The job of the claim gets a slot, from the queue or directly. */
  grant(claim: Claim<T>, now: number): void {
    const isWaiting = claim.index !== -1
    const flow = isWaiting ? claim.flow : this.open(claim)
    flow.finishTag = isWaiting ? flow.startTag : Math.max(this.virtualTime, flow.finishTag)
    this.drop(claim)
    this.advance(flow.finishTag)
    flow.served = ++this.grants
    claim.charge(now, flow.mean ?? this.mean ?? 0)
    this.update(flow)
  }

  /** The slot of the claim has been returned. */
  end(claim: Claim<T>, now: number): void {
    const { flow } = claim
    const time = claim.correct(now)
    flow.mean = ewma(flow.mean, time)
    this.mean = ewma(this.mean, time)
    this.update(flow)
    // New keys start at the virtual time. A stream of ever new ones must not keep it from advancing: no flow falls
    // behind its share by more than two jobs.
    this.longest = Math.max(this.longest, time / flow.weight)
    // In a sum of weights that are far apart, this one may have been rounded away.
    this.fair = Math.max(this.fair, this.virtualTime) + time / Math.max(this.weights, flow.weight)
    this.advance(this.fair - 2 * this.longest)
    this.forgetIfPaid(flow)
  }

  /** Advances the virtual time, and forgets the debtors that it has passed. */
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

  /** The flow of the claim, open from here on. */
  private open(claim: Claim<T>): Flow<T> {
    const flow = claim.flow = this.flows.get(claim.key) ??
      new Flow<T>(claim.key, claim.weight, this.arrivals - Number.MAX_SAFE_INTEGER)
    if (flow.isOpen) return flow
    this.debtors.remove(flow)
    this.flows.set(flow.key, flow)
    this.weights += flow.weight
    return flow
  }

  /** Takes the claim out of its flow's waiting jobs, if it is there. */
  private drop(claim: Claim<T>): void {
    const { flow } = claim
    flow.waiting.remove(claim)
    if (flow.waiting.first === undefined) this.backlogged.remove(flow)
  }

  /** Ranks the flow anew, if it is backlogged, after its finish tag has changed. */
  private update(flow: Flow<T>): void {
    flow.startTag = Math.max(this.virtualTime, flow.finishTag)
    this.backlogged.move(flow, flow.startTag, flow.served)
  }

  /** Forgets the flow if it has neither a job nor a debt. */
  private forgetIfPaid(flow: Flow<T>): void {
    if (flow.isOpen) return
    this.weights -= flow.weight
    if (flow.finishTag > this.virtualTime) this.debtors.push(flow, flow.finishTag)
    else this.flows.delete(flow.key)
  }
}
