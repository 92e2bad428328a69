/**
 * The warning that callers wait long for a slot.
 */
import { type Context, Duration, Effect } from "effect"
import type { Semaphore } from "./semaphore.ts"
import type { Job } from "./slots.ts"
import type { Timer, Timers } from "./timers.ts"

/** Milliseconds from one warning to the next. */
const Pause = 60_000

/** Watches how long the first caller in the queue has waited, as long as there is one. */
export class SlowWait {
  private readonly pool: string
  private readonly bound: number
  private readonly semaphore: Semaphore<Job>
  private readonly timers: Timers
  private readonly context: Context.Context<never>
  private timer: Timer | undefined = undefined
  private warned = -Infinity

  /** `bound` in milliseconds; `context` is where the warnings go. */
  constructor(
    pool: string,
    bound: number,
    semaphore: Semaphore<Job>,
    timers: Timers,
    context: Context.Context<never>
  ) {
    this.pool = pool
    this.bound = bound
    this.semaphore = semaphore
    this.timers = timers
    this.context = context
  }

  /** A caller has joined the queue: none in it is due before the timer, if there is one. */
  start(): void {
    if (this.timer === undefined) this.set(this.timers.after(this.bound, this.check))
  }

  /** The clock, which was asked on the way, may have had the timer fire, set another, or left no caller to watch. */
  private set(timer: Timer): void {
    if (this.timer === undefined && !this.semaphore.isIdle) this.timer = timer
    else timer.cancel()
  }

  /** Stops watching: no caller waits. */
  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
  }

  private readonly check = (now: number): void => {
    this.timer = undefined
    const oldest = this.semaphore.first
    if (oldest === undefined) return
    const { since } = oldest
    const isDue = now >= this.due(since)
    if (isDue) this.warned = now
    this.set(this.timers.at(this.due(since), this.check))
    // Last: a logger may use the pool.
    if (isDue) this.warn(now - since)
  }

  private due(since: number): number {
    return Math.max(since + this.bound, this.warned + Pause)
  }

  private warn(waited: number): void {
    const { permits, taken, waiting } = this.semaphore
    const time = Duration.format(Duration.millis(Math.round(waited)))
    Effect.runForkWith(this.context)(
      Effect.logWarning(
        `A caller has waited ${time} for a slot of the pool (size ${permits}, running ${taken}, waiting ${waiting})`
      ).pipe(Effect.annotateLogs("pool", this.pool))
    )
  }
}
