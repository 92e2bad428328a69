/**
 * The ledger of a pool: counts what happens in it, measures it if that is asked for, and tells its listener.
 */
import type { Exit } from "effect"
import { PoolStats } from "../PoolStats.ts"
import type { Adaptation } from "./adaptation.ts"
import type { Meter, Metered } from "./meter.ts"
import { Outcomes } from "./outcomes.ts"
import type { Semaphore } from "./semaphore.ts"

// Times are milliseconds of monotonic time. They matter only where jobs are measured.
export class Ledger implements Metered {
  /** Jobs that hold a borrowed slot. */
  borrowed = 0
  /** The listener, called after each change. */
  onChange: (() => void) | undefined = undefined
  private started = 0
  private readonly outcomes = new Outcomes()
  private readonly name: string
  readonly semaphore: Semaphore
  /** Finds the size of the pool, if that is asked for. */
  adaptation: Adaptation | undefined = undefined
  private readonly meter: Meter | undefined

  constructor(name: string, semaphore: Semaphore, meter?: Meter) {
    this.name = name
    this.semaphore = semaphore
    this.meter = meter
  }

  /** The pool has opened. */
  open(): void {
    this.meter?.open(this)
  }

  /** Whether jobs are measured, so that the times of steps matter. */
  get isMeasured(): boolean {
    return this.meter !== undefined
  }

  /** A job has got a slot after waiting from `since` to `now`, which are equal if it didn't wait. */
  start(since: number, now: number): void {
    this.started++
    this.meter?.start((now - since) / 1000)
    this.changed()
  }

  /** A job that got its slot at `since` has ended. `changed` follows once the slot has been passed on. */
  end(exit: Exit.Exit<unknown, unknown>, since: number, now: number): void {
    this.outcomes.end(exit)
    this.meter?.end((now - since) / 1000, exit)
  }

  /** A caller has been rejected. */
  reject(): void {
    this.outcomes.rejected++
    this.meter?.reject()
    this.changed()
  }

  /** Something in the pool has changed. */
  changed(): void {
    this.onChange?.()
  }

  /** The pool has closed. */
  close(): void {
    this.meter?.close(this)
  }

  /** Returns all figures of this moment. */
  snapshot(): PoolStats {
    const { adaptation, borrowed, name, semaphore, started, outcomes } = this
    return new PoolStats({
      name,
      size: semaphore.permits,
      running: semaphore.taken,
      free: semaphore.free,
      waiting: semaphore.waiting,
      borrowed,
      started,
      succeeded: outcomes.succeeded,
      failed: outcomes.failed,
      interrupted: outcomes.interrupted,
      rejected: outcomes.rejected,
      ...(adaptation === undefined ? undefined : { adaptive: adaptation.stats })
    })
  }
}
