/**
 * A counting semaphore with a strictly FIFO queue, a resizable number of permits, public counters, and O(1) for every
 * operation, however long the queue is.
 *
 * It speaks of permits as Effect's `Semaphore` does and differs in three ways. A released permit goes to the head of the
 * queue in the same synchronous step, so nothing that comes later gets in first and nothing is woken in vain. Leaving the
 * queue is O(1). Every operation is a plain synchronous call, so a job can take a permit and be recorded as its holder in
 * one step.
 */
import { LinkedList, Node } from "./linked-list.ts"

/** What may have to wait for a permit. */
export abstract class Waiter extends Node {
  /** A permit has come. Called in the step that grants it, after the waiter has left the queue. Must not throw. */
  abstract onPermit(): void
}

// Invariant, between calls: waiters wait only while no permit is free
// (waiting > 0 implies taken >= min(permits, allowance)).
export class Semaphore<W extends Waiter = Waiter> {
  /** How many permits exist. */
  permits: number
  /** How many of the permits may be in use. */
  private allowance = Infinity
  /** How many are taken; more than `permits` after a shrink, until enough came back. */
  taken = 0
  /** How many waiters are in the queue. */
  waiting = 0
  /** Chooses the next waiter when it isn't the first in the queue; undefined only if the queue is empty. */
  next: (() => W | undefined) | undefined = undefined
  private readonly queue = new LinkedList<W>()

  constructor(permits: number) {
    this.permits = permits
  }

  /** How many could be taken now; negative after a shrink below what is taken. */
  get free(): number {
    return this.permits - this.taken
  }

  /** Whether a permit is free for a newcomer. While several are granted one by one, waiters have the rest. */
  get isAvailable(): boolean {
    return this.isFree && this.waiting === 0
  }

  /** Whether no permit is taken and the queue is empty. */
  get isIdle(): boolean {
    return this.taken === 0 && this.waiting === 0
  }

  /** Takes a permit if one is available. */
  takeIfAvailable(): boolean {
    if (!this.isAvailable) return false
    this.taken++
    return true
  }

  /** Joins the end of the queue. Only while no permit is available. */
  wait(waiter: W): void {
    this.waiting++
    this.queue.push(waiter)
  }

  /** Leaves the queue. Only for a waiter that is in it. */
  leave(waiter: W): void {
    this.waiting--
    waiter.leave()
  }

  /** The waiter that has been in the queue longest. */
  get first(): W | undefined {
    return this.queue.first
  }

  /** The waiters, in the order in which they came. */
  toArray(): Array<W> {
    return this.queue.toArray()
  }

  /** Returns a permit, which goes to the next waiter. */
  release(): void {
    this.taken--
    this.serveQueue()
  }

  /** Changes the number of permits. Those that are taken stay taken. */
  resize(permits: number): void {
    this.permits = permits
    this.serveQueue()
  }

  /** Changes how many of the permits may be in use. Those that are taken stay taken. */
  allow(allowance: number): void {
    this.allowance = allowance
    this.serveQueue()
  }

  private get isFree(): boolean {
    return this.taken < this.permits && this.taken < this.allowance
  }

  /** Grants free permits to waiters: to the first in the queue, or as `next` chooses. */
  private serveQueue(): void {
    while (this.isFree) {
      const waiter = this.next === undefined ? this.queue.first : this.next()
      if (waiter === undefined) return
      this.leave(waiter)
      this.taken++
      waiter.onPermit()
    }
  }
}
