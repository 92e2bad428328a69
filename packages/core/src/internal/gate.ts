/**
 * The gate of a pool: which callers are let in, which may wait for a slot, and for how long.
 *
 * A caller that is refused is interrupted, since the pool ends; one that is rejected fails with `PoolFull`.
 *
 * A call runs code of the user's on its way in: a weight, a bound, a tracer, a clock. That code may act on the pool, so
 * each step checks again what the code before it may have changed.
 */
import { type Context, Duration, Effect } from "effect"
import { PoolFull } from "../Admission.ts"
import type { Ledger } from "./ledger.ts"
import type { Job, Slots } from "./slots.ts"
import type { SlowWait } from "./slow-wait.ts"
import type { Timers } from "./timers.ts"
import { beginSpan, Wait } from "./wait.ts"

/** What bounds and shows the waits of a pool. Times are in milliseconds, `Infinity` where there is no bound. */
export interface WaitBounds {
  readonly name: string
  readonly maxWaiting: (size: number) => number
  readonly maxWait: number
  readonly tracing: boolean
}

export class Gate {
  /**
   * A pool that drains refuses callers that aren't inside one of its jobs. One that is closing refuses all, and interrupts
   * its jobs; once they have ended, except for those around the closing fiber, it is closed.
   */
  phase: "open" | "draining" | "closing" | "closed" = "open"
  private hasWarned = false
  private readonly bounds: WaitBounds
  private readonly slots: Slots
  private readonly ledger: Ledger
  private readonly timers: Timers
  private readonly slowWait: SlowWait | undefined

  constructor(bounds: WaitBounds, slots: Slots, ledger: Ledger, timers: Timers, slowWait: SlowWait | undefined) {
    this.bounds = bounds
    this.slots = slots
    this.ledger = ledger
    this.timers = timers
    this.slowWait = slowWait
  }

  /** Whether the pool is closing or closed: no caller gets in any more, and all that waited or ran is interrupted. */
  get isShut(): boolean {
    return this.phase === "closing" || this.phase === "closed"
  }

  /** Whether a caller is refused: while the pool drains, unless it is inside a job. */
  refuses(caller: { readonly enclosing: Job | undefined }): boolean {
    if (this.phase === "open") return false
    return this.phase !== "draining" || caller.enclosing === undefined
  }

  /** Interrupts a caller that the pool refuses. For the first one after the close, a warning in its own log says why. */
  readonly refuse: Effect.Effect<never> = Effect.suspend(() => {
    if (this.phase !== "closed" || this.hasWarned) return Effect.interrupt
    this.hasWarned = true
    const { name } = this.bounds
    const warning = Effect.logWarning(
      `Pool "${name}" was used after it had closed: the scope or layer that made it has ended. ` +
        "Keep that scope open for as long as the pool is in use"
    )
    return Effect.andThen(Effect.exit(Effect.annotateLogs(warning, "pool", name)), Effect.interrupt)
  })

  /**
   * Grants the job a slot, lends it one, or puts it into the queue. Otherwise returns the effect that ends the call.
   * `context` is the caller's.
   */
  enter(job: Job, context: Context.Context<never>): Effect.Effect<never, PoolFull> | undefined {
    if (job.isRefused) return this.refuse
    if (this.slots.askUser(job) && job.isRefused) return this.refuse
    if (!this.slots.takeOrBorrow(job)) return this.enqueue(job, context)
    job.onEnter()
    return undefined
  }

  /** Puts the job, which has found no slot, into the queue, unless the pool's bounds or its own forbid that. */
  private enqueue(job: Job, context: Context.Context<never>): Effect.Effect<never, PoolFull> | undefined {
    const { slots } = this
    const { semaphore } = slots
    // The pool's bounds don't apply to nested jobs, whose enclosing jobs may wait for them.
    const bounds = job.enclosing === undefined ? this.bounds : undefined
    const asked = job.options?.maxWait
    const maxWait = asked === undefined ? bounds?.maxWait ?? Infinity : Duration.toMillis(asked)
    if (maxWait <= 0) return Effect.fail(this.reject("WaitTimeout"))
    const longest = bounds?.maxWaiting(semaphore.permits) ?? Infinity
    if (job.isRefused) return this.refuse
    const isFull = () => semaphore.waiting + 1 > longest && !semaphore.isAvailable
    if (isFull()) return Effect.fail(this.reject("QueueFull"))
    const endSpan = this.bounds.tracing ? beginSpan(context, this.bounds.name, semaphore.permits) : undefined
    const wait = endSpan === undefined && maxWait === Infinity ? undefined : new Wait(endSpan)
    job.wait = wait
    slots.readClock()
    if (job.isRefused) {
      wait?.endSpan(false)
      return this.refuse
    }
    if (slots.takeOrBorrow(job)) {
      job.onEnter()
      // The tracer may close the pool and so end the job: callers check its state afterwards.
      wait?.endSpan(true)
      return undefined
    }
    if (isFull()) {
      const rejection = this.reject("QueueFull")
      wait?.reject(rejection)
      return Effect.fail(rejection)
    }
    slots.join(job)
    job.onEnter()
    this.slowWait?.start()
    if (wait !== undefined && maxWait !== Infinity) {
      const timer = this.timers.after(maxWait, () => this.expire(job, wait))
      // The clock, asked for the warning or the timer, may have acted on the pool and got the job a slot.
      if (job.state === "waiting") wait.timer = timer
      else timer.cancel()
    }
    return undefined
  }

  /** Like `enter`, for the jobs of maps, which have no bounds. Returns false if the job is refused. */
  enterUnbounded(job: Job): boolean {
    const { slots } = this
    if (slots.askUser(job) && job.isRefused) return false
    if (slots.takeOrBorrow(job)) return true
    slots.readClock()
    if (job.isRefused) return false
    if (slots.takeOrBorrow(job)) return true
    slots.join(job)
    this.slowWait?.start()
    return true
  }

  /** Like `enter`, but only takes a free slot. Returns false if none is free or the job is refused. */
  enterIfAvailable(job: Job): boolean {
    const { slots } = this
    if (!slots.semaphore.isAvailable) return false
    if (slots.askUser(job) && job.isRefused) return false
    if (!slots.takeIfAvailable(job)) return false
    job.onEnter()
    return true
  }

  /** The job has waited as long as it may. */
  private expire(job: Job, wait: Wait): void {
    // The clock, which was asked for the timer, may have got it a slot and let the time pass.
    if (job.state !== "waiting") return
    this.slots.cancel(job)
    wait.rejection = this.reject("WaitTimeout")
    job.onWaitEnd()
  }

  /** Rejects a caller that isn't in the queue (any more). */
  private reject(reason: PoolFull["reason"]): PoolFull {
    const { permits, waiting } = this.slots.semaphore
    this.ledger.reject()
    return new PoolFull({ reason, pool: this.bounds.name, size: permits, waiting })
  }
}
