/**
 * One alarm for all who want to be called at some time: a heap of times, and one fiber that sleeps until the first.
 */
import { type Clock, type Context, Duration, Effect, type Fiber } from "effect"
import { Heap, Ranked } from "./heap.ts"
import { toMillis } from "./time.ts"

/** One call that was asked for. */
export class Call extends Ranked {
  /** Milliseconds of monotonic time. */
  readonly at: number
  /** The order in which they were asked for. */
  readonly number: number
  readonly onTime: (now: number) => void
  private readonly alarm: Alarm

  constructor(alarm: Alarm, at: number, number: number, onTime: (now: number) => void) {
    super()
    this.alarm = alarm
    this.at = at
    this.number = number
    this.onTime = onTime
  }

  /** Takes it back; one that was made is left alone. */
  cancel(): void {
    this.alarm.cancel(this)
  }
}

export class Alarm {
  private readonly clock: Clock.Clock
  private readonly context: Context.Context<never>
  private readonly calls = new Heap<Call>((a, b) => a.at < b.at || (a.at === b.at && a.number < b.number))
  private count = 0
  private isRinging = false
  private sleeping: { readonly until: number; readonly fiber: Fiber.Fiber<void> } | undefined = undefined

  constructor(clock: Clock.Clock, context: Context.Context<never>) {
    this.clock = clock
    this.context = context
  }

  /** Milliseconds of monotonic time. */
  private get now(): number {
    return toMillis(this.clock.monotonicTimeNanosUnsafe())
  }

  /** Has `onTime` called in so many milliseconds. */
  callIn(milliseconds: number, onTime: (now: number) => void): Call {
    return this.callAt(this.now + milliseconds, onTime)
  }

  /** Has `onTime` called when it is that time, and told the time. */
  callAt(time: number, onTime: (now: number) => void): Call {
    const call = new Call(this, time, ++this.count, onTime)
    this.calls.push(call)
    this.set()
    return call
  }

  cancel(call: Call): void {
    this.calls.remove(call)
    this.set()
  }

  /**
   * Has the fiber sleep until the first call, or not at all. When the first is taken back it sleeps on, to find out
   * then when the next one is.
   */
  private set(): void {
    if (this.isRinging) return
    const until = this.calls.first?.at
    if (until !== undefined && this.sleeping !== undefined && this.sleeping.until <= until) return
    this.sleeping?.fiber.interruptUnsafe()
    this.sleeping = undefined
    if (until === undefined) return
    const sleep = this.clock.sleep(Duration.millis(until - this.now))
    const fiber = Effect.runForkWith(this.context)(sleep)
    this.sleeping = { until, fiber }
    fiber.addObserver((exit) => {
      if (exit._tag === "Success") this.ring(until)
    })
  }

  /** It is that time, since the clock has slept until then; a clock may count its time otherwise than its sleep. */
  private ring(until: number): void {
    this.sleeping = undefined
    this.isRinging = true
    const now = Math.max(until, this.now)
    for (let call = this.calls.first; call !== undefined && call.at <= now; call = this.calls.first) {
      this.calls.remove(call)
      call.onTime(now)
    }
    this.isRinging = false
    this.set()
  }
}
