/**
 * A counting semaphore with a strict line: first come, first served, a live number of permits, public
 * counters, and O(1) for every operation, however many wait.
 *
 * It speaks of permits as Effect's `Semaphore` does and differs in three ways: a released permit goes to
 * the head of the line in the same synchronous step (nobody who comes later can get in first, and nobody
 * is woken in vain), leaving the line is O(1), and everything is a plain synchronous call, so that the
 * caller can take a permit and note who holds it in one step.
 */
import { LinkedList, Node } from "./linked-list.ts"

/** Someone who may have to wait for a permit. */
export abstract class Waiter extends Node {
  /** A permit has come: called in the step that gives it, with the waiter out of the line. Must not throw. */
  abstract onPermit(): void
}

// Invariant, between calls: whoever waits, waits for want of a permit (waiting > 0 implies taken >= permits).
export class Semaphore<W extends Waiter = Waiter> {
  /** How many permits there are. */
  permits: number
  /** How many are taken; more than `permits` after a shrink, until enough came back. */
  taken = 0
  /** How many wait in line. */
  waiting = 0
  /** Says who is next where that is not the first in line: one who is in line, if anybody is. */
  next: (() => W | undefined) | undefined = undefined
  private readonly queue = new LinkedList<W>()

  constructor(permits: number) {
    this.permits = permits
  }

  /** How many could be taken now; negative after a shrink below what is taken. */
  get free(): number {
    return this.permits - this.taken
  }

  /** Whether a permit is free and nobody waits, as somebody may while several are granted one after the other. */
  get isAvailable(): boolean {
    return this.taken < this.permits && this.waiting === 0
  }

  /** Whether no permit is taken and nobody waits. */
  get isIdle(): boolean {
    return this.taken === 0 && this.waiting === 0
  }

  /** Takes a permit if one is available. */
  takeIfAvailable(): boolean {
    if (!this.isAvailable) return false
    this.taken++
    return true
  }

  /** Joins the end of the line. Only for one who has just been told that no permit is available. */
  wait(waiter: W): void {
    this.waiting++
    this.queue.push(waiter)
  }

  /** Leaves the line. Only for one who is in it. */
  leave(waiter: W): void {
    this.waiting--
    waiter.leave()
  }

  /** Takes somebody, if not told whom then the first, out of the line, without a permit. */
  dismiss(waiter: W | undefined = this.queue.first): W | undefined {
    if (waiter !== undefined) this.leave(waiter)
    return waiter
  }

  /** Who of those in line came first. */
  get oldest(): W | undefined {
    return this.queue.first
  }

  /** Those in line, in the order in which they came. */
  toArray(): Array<W> {
    return this.queue.toArray()
  }

  /** Gives a permit back; it goes to the head of the line, or to whoever else is next. */
  release(): void {
    this.taken--
    this.grant()
  }

  /** Changes the number of permits. What is taken stays taken. */
  resize(permits: number): void {
    this.permits = permits
    this.grant()
  }

  private grant(): void {
    while (this.taken < this.permits) {
      const waiter = this.dismiss(this.next?.())
      if (waiter === undefined) return
      this.taken++
      waiter.onPermit()
    }
  }
}
