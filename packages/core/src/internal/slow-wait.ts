/**
 * The warning that callers wait long for a slot.
 */
import { type Context, Duration, Effect } from "effect"
import type { Alarm, Call } from "./alarm.ts"
import type { Slots } from "./slots.ts"
import { toMillis } from "./time.ts"

/** Milliseconds from one warning to the next. */
const Pause = 60_000

/** Watches how long the oldest in line has waited, as long as there is one. */
export class SlowWait {
  private readonly pool: string
  private readonly bound: number
  private readonly slots: Slots
  private readonly alarm: Alarm
  private readonly context: Context.Context<never>
  private call: Call | undefined = undefined
  private warned = -Infinity

  /** `bound` in milliseconds; `context` is where the warnings go. */
  constructor(pool: string, bound: number, slots: Slots, alarm: Alarm, context: Context.Context<never>) {
    this.pool = pool
    this.bound = bound
    this.slots = slots
    this.alarm = alarm
    this.context = context
  }

  /** Somebody has come into the line: nobody in it is due before the call, if there is one. */
  start(): void {
    if (this.call !== undefined) return
    const call = this.alarm.callIn(this.bound, this.check)
    // A clock that sleeps no time has had it checked by now.
    this.call ??= call
  }

  /** There is nobody to watch. */
  stop(): void {
    this.call?.cancel()
    this.call = undefined
  }

  private readonly check = (now: number): void => {
    this.call = undefined
    const oldest = this.slots.oldest
    if (oldest === undefined) return
    const since = toMillis(oldest.since)
    const isDue = now >= this.due(since)
    if (isDue) this.warned = now
    this.call = this.alarm.callAt(this.due(since), this.check)
    // Last: a logger may use the pool.
    if (isDue) this.warn(now - since)
  }

  private due(since: number): number {
    return Math.max(since + this.bound, this.warned + Pause)
  }

  private warn(waited: number): void {
    const { permits, taken, waiting } = this.slots.semaphore
    const time = Duration.format(Duration.millis(Math.round(waited)))
    Effect.runForkWith(this.context)(
      Effect.logWarning(
        `A caller has waited ${time} for a slot of the pool (size ${permits}, running ${taken}, waiting ${waiting})`
      ).pipe(Effect.annotateLogs("pool", this.pool))
    )
  }
}
