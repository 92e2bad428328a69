/**
 * The pool behind `GreenPool`: what all kinds of its jobs share, and how it ends.
 */
import { Clock, Context, Effect, type Fiber, Scheduler } from "effect"
import type { KeyStats } from "../KeyStats.ts"
import { checkPoolSize, type InvalidPoolSize } from "../PoolSize.ts"
import { Adaptation, type AdaptiveSettings } from "./adaptation.ts"
import { Changes } from "./changes.ts"
import { Gate, type WaitBounds } from "./gate.ts"
import { Ledger } from "./ledger.ts"
import { LinkedList, Node } from "./linked-list.ts"
import { Meter } from "./meter.ts"
import { Semaphore } from "./semaphore.ts"
import { innermost, type Job, type JobRef, type Ranking, Slots } from "./slots.ts"
import { SlowWait } from "./slow-wait.ts"
import { Tasks } from "./tasks.ts"
import { type Timer, Timers } from "./timers.ts"

/** A part of a pool with jobs of its own: a map or a pile. */
export interface JobGroup {
  readonly jobs: LinkedList<Job>
  /** The pool has been resized, drains, or has closed. */
  onPoolChange(): void
}

/** What a pool is made of. Times are in milliseconds, `Infinity` where there is no bound. */
export interface Settings extends WaitBounds, Omit<Ranking, "clock"> {
  readonly size: number
  /** How long a close lets jobs finish. */
  readonly drain: number
  readonly metrics: boolean
  /** How long a caller may be in the queue without a warning. */
  readonly slowWait: number
  /** How it finds its size, if it does. */
  readonly adaptive: AdaptiveSettings | undefined
}

/** A fiber in `waitall`, or a close that drains. */
class IdleWaiter extends Node {
  readonly resume: (effect: Effect.Effect<void>) => void

  constructor(resume: (effect: Effect.Effect<void>) => void) {
    super()
    this.resume = resume
  }
}

/** Counts the pools of the process: several copies of this module may be loaded in it. */
const pools: { count: number } = ((globalThis as { [key: symbol]: unknown })[Symbol.for("@greenpool/core/pools")] ??= {
  count: 0
}) as { count: number }

export class Pool {
  readonly name: string
  /** The innermost job of this pool that a fiber belongs to. Its key is unique in the process. */
  private readonly ref = Context.Reference<JobRef | undefined>(`@greenpool/core/Pool/${++pools.count}/Job`, {
    defaultValue: () => undefined
  })
  readonly slots: Slots
  readonly ledger: Ledger
  readonly tasks: Tasks
  readonly gate: Gate
  /** The jobs of `run`, `spawn`, `spawnN` and `takeScoped`. */
  readonly jobs = new LinkedList<Job>()
  readonly groups = new Set<JobGroup>()
  readonly changes: Changes
  /** How many milliseconds a close lets jobs finish. */
  private readonly drain: number
  private readonly timers: Timers
  private readonly slowWait: SlowWait | undefined
  private readonly idleWaiters = new LinkedList<IdleWaiter>()
  /** The innermost job that a fiber runs, for fibers that have used the pool in a context that outlived its job. */
  private readonly runners = new WeakMap<object, Job | undefined>()
  private hasRunners = false

  /** `context` is the one in which the pool is made: it has the clock, and gets the metrics and logs. */
  constructor(settings: Settings, context: Context.Context<never>) {
    this.name = settings.name
    this.drain = settings.drain
    const clock = Context.get(context, Clock.Clock)
    this.tasks = new Tasks(Context.get(context, Scheduler.Scheduler).makeDispatcher())
    const semaphore = new Semaphore<Job>(settings.size)
    this.ledger = new Ledger(this.name, semaphore, settings.metrics ? Meter.of(this.name, context) : undefined)
    this.changes = new Changes(this.ledger, () => this.gate.isShut && semaphore.isIdle)
    this.slots = new Slots(semaphore, this.ledger, { ...settings, clock }, () => this.onLeave())
    this.timers = new Timers(clock, context, this.tasks)
    if (settings.adaptive !== undefined) {
      this.ledger.adaptation = new Adaptation(this, settings.adaptive, settings.size, this.timers, context)
    }
    this.ledger.open()
    this.slowWait = settings.slowWait === Infinity
      ? undefined
      : new SlowWait(this.name, settings.slowWait, semaphore, this.timers, context)
    this.gate = new Gate(settings, this.slots, this.ledger, this.timers, this.slowWait)
  }

  /** The innermost job of this pool around the fiber that has not ended. */
  jobAround(fiber: Fiber.Fiber<unknown, unknown>): Job | undefined {
    const ref = fiber.getRef(this.ref)
    if (ref === undefined) return undefined
    // A context that outlived its job, such as that of a lazy service, may be in use in a later job.
    return ref.job ?? this.jobOf(fiber) ?? innermost(ref)
  }

  /** The innermost job that the fiber itself runs. O(running) for the first call of a fiber, which is rare. */
  private jobOf(fiber: Fiber.Fiber<unknown, unknown>): Job | undefined {
    if (!this.runners.has(fiber)) {
      let found: Job | undefined
      for (const { jobs } of [...this.groups, this]) {
        for (const job of jobs.toArray()) if (job.isRunBy(fiber)) found = job
      }
      this.runners.set(fiber, found)
      this.hasRunners = true
    }
    return this.runners.get(fiber)
  }

  /** The fiber begins to run the job. */
  runs(fiber: Fiber.Fiber<unknown, unknown>, job: Job | undefined): void {
    if (this.hasRunners && this.runners.has(fiber)) this.runners.set(fiber, job)
  }

  /** The fiber no longer runs the job, but may still run one around it. */
  leaves(fiber: Fiber.Fiber<unknown, unknown>, job: Job): void {
    if (!this.hasRunners) return
    let around = job.enclosing
    while (around !== undefined && !around.isRunBy(fiber)) around = around.enclosing
    this.runs(fiber, around)
  }

  contextOf(job: Job, context: Context.Context<never>): Context.Context<never> {
    return this.contextIn(job.ref, context)
  }

  /** The context, inside a job or outside of any. */
  contextIn(ref: JobRef | undefined, context: Context.Context<never>): Context.Context<never> {
    return Context.addUnsafe(context, this.ref.key, ref)
  }

  keys(): ReadonlyArray<KeyStats> {
    return this.slots.shares?.stats ?? []
  }

  readonly waitall: Effect.Effect<void> = Effect.withFiber((fiber) => {
    if (!this.gate.isShut && this.jobAround(fiber) !== undefined) {
      return Effect.die(
        new Error(
          `waitall of pool "${this.name}" was called inside one of the pool's own jobs: it would wait for itself`
        )
      )
    }
    return this.idle
  })

  /** Waits for a moment in which no slot is held and no job waits. */
  private readonly idle: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.gate.isShut) return resume(this.gate.refuse)
    if (this.slots.semaphore.isIdle) return resume(Effect.void)
    const waiter = new IdleWaiter(resume)
    this.idleWaiters.push(waiter)
    return Effect.sync(() => waiter.leave())
  })

  resize(size: number): Effect.Effect<void, InvalidPoolSize> {
    return Effect.suspend(() => this.gate.isShut ? this.gate.refuse : checkPoolSize(size)).pipe(
      Effect.flatMap((size) => {
        // It may have closed in the meantime.
        if (this.gate.isShut) return this.gate.refuse
        if (this.ledger.adaptation === undefined) this.setSize(size)
        else this.ledger.adaptation.resized(size)
        return Effect.void
      })
    )
  }

  /** Changes the number of slots. */
  setSize(size: number): void {
    if (size === this.slots.semaphore.permits) return
    this.slots.resize(size)
    for (const group of this.groups) group.onPoolChange()
  }

  /** Drains the pool, unless its options say otherwise or a job of its own closes it, then shuts it. */
  readonly close: Effect.Effect<void> = Effect.withFiber((fiber) => {
    if (this.drain === 0 || this.jobAround(fiber) !== undefined) return this.shut
    this.gate.phase = "draining"
    for (const group of this.groups) group.onPoolChange()
    return Effect.andThen(this.drained, this.shut)
  })

  /** Waits until the pool is idle, at most as long as a drain may take. Uninterruptible, like all of a close. */
  private readonly drained: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.slots.semaphore.isIdle) return resume(Effect.void)
    let timer: Timer | undefined = undefined
    const end = (): void => {
      timer?.cancel()
      resume(Effect.void)
    }
    this.idleWaiters.push(new IdleWaiter(end))
    if (this.drain !== Infinity) timer = this.timers.after(this.drain, () => this.tasks.schedule(end))
  })

  /** Refuses all callers from here on, interrupts all that waits or runs, and waits for what ran. */
  private readonly shut: Effect.Effect<void> = Effect.suspend(() => {
    this.gate.phase = "closing"
    this.ledger.adaptation?.close()
    this.wakeIdle(Effect.interrupt)
    this.slots.dismissAll()
    this.changes.notify()
    for (const group of this.groups) group.onPoolChange()
    return Effect.andThen(
      this.evict,
      Effect.sync(() => {
        this.gate.phase = "closed"
        this.ledger.close()
      })
    )
  })

  /** Interrupts all jobs that hold a slot and waits until they have ended. Jobs in the queue stay there. */
  readonly evict: Effect.Effect<void> = Effect.suspend(() =>
    this.interruptAll([this, ...this.groups].flatMap(({ jobs }) => jobs.toArray()))
  )

  /** Interrupts all of these jobs, and waits until they have ended; only for those around the caller it doesn't wait. */
  interruptAll(jobs: ReadonlyArray<Job>): Effect.Effect<void> {
    if (jobs.length === 0) return Effect.void
    return Effect.withFiber((fiber) => {
      const around = new Set<Job>()
      for (let job = this.jobAround(fiber); job !== undefined; job = job.enclosing) around.add(job)
      let pending = 0
      let onEnded = () => {}
      const countDown = () => {
        if (--pending === 0) onEnded()
      }
      for (const job of jobs) {
        // An earlier interruption may have ended it already.
        if (job.state !== "holding") continue
        if (!around.has(job)) {
          pending++
          job.whenEnded(countDown)
        }
        try {
          job.interrupt(fiber.id)
        } catch (error) {
          this.tasks.rethrow(error)
        }
      }
      return Effect.callback<void>((resume) => {
        if (pending === 0) return resume(Effect.void)
        onEnded = () => this.tasks.schedule(() => resume(Effect.void))
      })
    })
  }

  /** The group has closed. The pool knows it until its last job has ended, which may be around the closing fiber. */
  forget(group: JobGroup): void {
    const { first } = group.jobs
    if (first === undefined) this.groups.delete(group)
    else first.whenEnded(() => this.forget(group))
  }

  private onLeave(): void {
    // Usually nothing waits for it.
    if (this.idleWaiters.isEmpty && this.slowWait === undefined) return
    if (!this.slots.semaphore.isIdle) return
    this.slowWait?.stop()
    this.wakeIdle(Effect.void)
  }

  private wakeIdle(effect: Effect.Effect<void>): void {
    for (;;) {
      const waiter = this.idleWaiters.shift()
      if (waiter === undefined) return
      this.tasks.schedule(() => waiter.resume(effect))
    }
  }
}
