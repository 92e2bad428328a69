/**
 * The timers of a pool: a heap of times, and one fiber that sleeps until the first.
 */
import { type Clock, type Context, Duration, Effect, type Fiber } from "effect"
import { Heap, type HeapNode } from "./heap.ts"
import type { Tasks } from "./tasks.ts"
import { monotonicMillis } from "./time.ts"

export class Timer implements HeapNode {
  index = -1
  /** Milliseconds of monotonic time. */
  readonly at: number
  readonly onTime: (now: number) => void
  private readonly timers: Timers

  constructor(timers: Timers, at: number, onTime: (now: number) => void) {
    this.timers = timers
    this.at = at
    this.onTime = onTime
  }

  /** Cancels the timer unless it has fired. Doesn't call the clock in this step. */
  cancel(): void {
    this.timers.cancel(this)
  }
}

export class Timers {
  private readonly clock: Clock.Clock
  private readonly context: Context.Context<never>
  private readonly tasks: Tasks
  private readonly timers = new Heap<Timer>()
  /** How many were set. */
  private count = 0
  /** Whether it fires timers, or sets its sleep, at the moment. */
  private isBusy = false
  private sleeping: { readonly until: number; readonly fiber: Fiber.Fiber<void> } | undefined = undefined

  constructor(clock: Clock.Clock, context: Context.Context<never>, tasks: Tasks) {
    this.clock = clock
    this.context = context
    this.tasks = tasks
  }

  /** Milliseconds of monotonic time. */
  private get now(): number {
    return monotonicMillis(this.clock)
  }

  /** Calls `onTime` after that many milliseconds. */
  after(milliseconds: number, onTime: (now: number) => void): Timer {
    return this.at(this.now + milliseconds, onTime)
  }

  /** Calls `onTime`, with the time, when it is that time. */
  at(time: number, onTime: (now: number) => void): Timer {
    const timer = new Timer(this, time, onTime)
    this.timers.push(timer, time, ++this.count)
    this.sleep()
    return timer
  }

  /** The fiber continues to sleep and then looks for the next timer, or is stopped soon if no timer is left. */
  cancel(timer: Timer): void {
    this.timers.remove(timer)
    if (this.timers.first === undefined) this.tasks.schedule(() => this.sleep())
  }

  /** Has the fiber sleep until the first timer, or not at all. The clock may set and cancel timers inside this. */
  private sleep(): void {
    if (this.isBusy) return
    this.isBusy = true
    for (;;) {
      const until = this.timers.first?.at
      const { sleeping } = this
      if (until === undefined ? sleeping === undefined : sleeping !== undefined && sleeping.until <= until) break
      this.sleeping = undefined
      sleeping?.fiber.interruptUnsafe()
      if (until !== undefined) this.sleepUntil(until)
    }
    this.isBusy = false
  }

  private sleepUntil(until: number): void {
    const sleep = this.clock.sleep(Duration.millis(until - this.now))
    const fiber = Effect.runForkWith(this.context)(sleep)
    this.sleeping = { until, fiber }
    fiber.addObserver((exit) => {
      if (exit._tag === "Success") this.fire(until)
    })
  }

  /** The clock has slept until that time, which counts even if its own time says otherwise. */
  private fire(until: number): void {
    const { isBusy } = this
    this.sleeping = undefined
    this.isBusy = true
    const now = Math.max(until, this.now)
    for (let timer = this.timers.first; timer !== undefined && timer.at <= now; timer = this.timers.first) {
      this.timers.remove(timer)
      timer.onTime(now)
    }
    this.isBusy = isBusy
    this.sleep()
  }
}
