/**
 * The pool behind `GreenPool`: what all kinds of its jobs share, and how it ends.
 *
 * Nobody is woken inside another fiber's step: wake-ups go through the pool's one dispatcher, in order, so that
 * callers go on and spawned jobs start in the order of their grants, and no chain of them can grow the native stack.
 */
import { Clock, Context, Duration, Effect, type Fiber, Scheduler } from "effect"
import { PoolFull } from "../Admission.ts"
import type { KeyStats } from "../KeyStats.ts"
import { checkPoolSize, type InvalidPoolSize } from "../PoolSize.ts"
import { PoolStats } from "../PoolStats.ts"
import { Adaptation, type AdaptiveSettings } from "./adaptation.ts"
import { Changes } from "./changes.ts"
import { Line, Place } from "./line.ts"
import { Meter } from "./meter.ts"
import { innermost, type Job, type JobRef, Slots } from "./slots.ts"
import { SlowWait } from "./slow-wait.ts"
import { Timers } from "./timers.ts"
import { beginSpan, Wait } from "./wait.ts"

/** A part of a pool with jobs of its own: a map or a pile. */
export interface Party {
  readonly jobs: Line<Job>
  onResize(): void
  /** The pool lets in nobody from outside any more. */
  onDrain(): void
  onClose(): void
}

/** What a pool is made of. Times are in milliseconds, `Infinity` where there is no bound. */
export interface Settings {
  readonly name: string
  readonly size: number
  readonly maxWaiting: (size: number) => number
  readonly maxWait: number
  readonly weight: (key: string) => number
  readonly priorityBoost: number
  /** How long a close lets jobs finish. */
  readonly drain: number
  readonly metrics: boolean
  readonly tracing: boolean
  /** How long somebody may be in line without a warning. */
  readonly slowWait: number
  /** How it finds its size, if it does. */
  readonly adaptive: AdaptiveSettings | undefined
}

/** Something to do outside of the step that asks for it. */
export interface Task {
  run(): void
}

/** Someone in `waitall`. */
class Idler extends Place {
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
  /** The jobs of `run`, `spawn`, `spawnN` and `takeScoped`. */
  readonly jobs = new Line<Job>()
  readonly parties = new Set<Party>()
  /** Whether it is about to close, and lets in jobs from inside only. */
  draining = false
  closed = false
  readonly changes = new Changes(this)
  private readonly settings: Settings
  private readonly timers: Timers
  private readonly slowWait: SlowWait | undefined
  private readonly idlers = new Line<Idler>()
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private tasks: Array<Task> = []
  /** Whether the close is over. */
  private hasClosed = false
  private hasWarned = false

  /** `context` is that in which the pool was made: it has its clock, and what it records and logs goes there. */
  constructor(settings: Settings, context: Context.Context<never>) {
    this.name = settings.name
    this.settings = settings
    const clock = Context.get(context, Clock.Clock)
    this.dispatcher = Context.get(context, Scheduler.Scheduler).makeDispatcher()
    this.slots = new Slots(settings.size, { ...settings, clock }, () => this.onLeave())
    this.timers = new Timers(clock, context, (task) => this.schedule(task))
    if (settings.adaptive !== undefined) {
      this.slots.adaptation = new Adaptation(this, settings.adaptive, settings.size, this.timers, context)
    }
    if (settings.metrics) {
      this.slots.meter = Meter.of(this.name, context)
      this.slots.meter.open(this.slots)
    }
    this.slowWait = settings.slowWait === Infinity
      ? undefined
      : new SlowWait(this.name, settings.slowWait, this.slots, this.timers, context)
  }

  /** The innermost job of this pool around the fiber that has not ended. */
  jobAround(fiber: Fiber.Fiber<unknown, unknown>): Job | undefined {
    const ref = fiber.getRef(this.ref)
    if (ref === undefined) return undefined
    // A context that was kept from a job that has ended, as by a lazy service, may be in use in a later job.
    return ref.job ?? this.jobOf(fiber) ?? innermost(ref)
  }

  /** The innermost job that the fiber itself runs. O(running), for a case that is rare. */
  private jobOf(fiber: Fiber.Fiber<unknown, unknown>): Job | undefined {
    let found: Job | undefined
    for (const { jobs } of [...this.parties, this]) {
      for (const job of jobs.toArray()) if (job.isRunBy(fiber)) found = job
    }
    return found
  }

  contextOf(job: Job, context: Context.Context<never>): Context.Context<never> {
    return Context.addUnsafe(context, this.ref.key, job.ref)
  }

  /** Whether nothing about the pool will ever change. */
  get isOver(): boolean {
    return this.closed && this.slots.isIdle
  }

  /** Whether callers inside `enclosing`, or outside of any job if it is undefined, are refused. */
  refuses(enclosing: Job | undefined): boolean {
    return this.closed || (this.draining && enclosing === undefined)
  }

  /** Interrupts a caller that the pool refuses. The first after the close is told why, in its own log. */
  readonly refuse: Effect.Effect<never> = Effect.suspend(() => {
    if (!this.hasClosed || this.hasWarned) return Effect.interrupt
    this.hasWarned = true
    const warning = Effect.logWarning(
      `Pool "${this.name}" was used after it had closed: the scope or layer that made it has ended. ` +
        "Keep that scope open for as long as the pool is in use"
    )
    return Effect.andThen(Effect.exit(Effect.annotateLogs(warning, "pool", this.name)), Effect.interrupt)
  })

  /**
   * Gives the job a slot, lends it one or puts it into the queue, or returns what its caller ends with. The context is the
   * caller's. What the user's functions do to the pool, which are asked on the way, is seen before each step.
   */
  enter(job: Job, context: Context.Context<never>): Effect.Effect<never, PoolFull> | undefined {
    const { slots } = this
    const { semaphore } = slots
    slots.prepare(job)
    if (job.isRefused) return this.refuse
    if (slots.takeOrBorrow(job)) {
      job.onEnter()
      return undefined
    }
    // The pool's bounds are not for nested jobs, which must go on.
    const bounds = job.enclosing === undefined ? this.settings : undefined
    const asked = job.options?.maxWait
    const maxWait = asked === undefined ? bounds?.maxWait ?? Infinity : Duration.toMillis(asked)
    if (maxWait <= 0) return Effect.fail(this.reject("WaitTimeout", semaphore.waiting))
    const longest = bounds?.maxWaiting(semaphore.permits) ?? Infinity
    const isFull = () => semaphore.waiting + 1 > longest && !semaphore.isAvailable
    if (isFull()) return Effect.fail(this.reject("QueueFull", semaphore.waiting))
    const endSpan = this.settings.tracing ? beginSpan(context, this.name, semaphore.permits) : undefined
    const wait = endSpan === undefined && maxWait === Infinity ? undefined : new Wait(endSpan)
    job.wait = wait
    slots.prepareToWait()
    if (job.isRefused) {
      wait?.end(false)
      return this.refuse
    }
    if (slots.takeOrBorrow(job)) {
      job.onEnter()
      // The tracer may end the job with its pool: the caller looks at it after this.
      wait?.end(true)
      return undefined
    }
    if (isFull()) {
      const refusal = this.reject("QueueFull", semaphore.waiting)
      if (wait !== undefined) wait.refusal = refusal
      wait?.end(false)
      return Effect.fail(refusal)
    }
    slots.join(job)
    job.onEnter()
    this.slowWait?.start()
    if (wait !== undefined && maxWait !== Infinity && job.state === "waiting") {
      const timer = this.timers.after(maxWait, () => this.expire(job, wait))
      // The clock may have brought it a slot.
      if (job.state === "waiting") wait.timer = timer
      else timer.cancel()
    }
    return undefined
  }

  /** As `enter`, for a job of a map, which has no bounds: false if it is refused. */
  enterUnbounded(job: Job): boolean {
    const { slots } = this
    slots.prepare(job)
    if (job.isRefused) return false
    if (slots.takeOrBorrow(job)) return true
    slots.prepareToWait()
    if (job.isRefused) return false
    if (slots.takeOrBorrow(job)) return true
    slots.join(job)
    this.slowWait?.start()
    return true
  }

  /** As `enter`, but only for a slot that is free: false if there is none. */
  enterIfAvailable(job: Job): boolean {
    const { slots } = this
    if (!slots.semaphore.isAvailable) return false
    slots.prepare(job)
    if (job.isRefused || !slots.takeIfAvailable(job)) return false
    job.onEnter()
    return true
  }

  /** The job has waited as long as it may. */
  private expire(job: Job, wait: Wait): void {
    if (job.state !== "waiting") return
    this.slots.cancel(job)
    wait.refusal = this.reject("WaitTimeout", this.slots.semaphore.waiting)
    job.onRefuse()
  }

  /** Rejects a caller; `waiting` counts the others in the queue. */
  private reject(reason: PoolFull["reason"], waiting: number): PoolFull {
    const { meter, semaphore, tally } = this.slots
    tally.rejected++
    if (meter !== undefined) meter.tally.rejected++
    this.slots.onChange?.()
    return new PoolFull({ reason, pool: this.name, size: semaphore.permits, waiting })
  }

  /** Calls `run` soon, outside of the step that asks for it. */
  schedule(run: () => void): void {
    this.enqueue({ run })
  }

  /** Runs a task soon, after all that were asked for before it. */
  enqueue(task: Task): void {
    if (this.tasks.push(task) === 1) this.dispatcher.scheduleTask(this.runTasks, 0)
  }

  private readonly runTasks = (): void => {
    const { tasks } = this
    this.tasks = []
    for (let next = 0; next < tasks.length; next++) {
      try {
        tasks[next]?.run()
      } catch (error) {
        // What a callback of one caller throws costs no other its turn.
        this.tasks = [...tasks.slice(next + 1), ...this.tasks]
        this.dispatcher.scheduleTask(this.runTasks, 0)
        throw error
      }
    }
  }

  /** Interrupts a fiber. What its observers throw, as the user's can, is thrown in a turn of its own. */
  interrupt(fiber: Fiber.Fiber<unknown, unknown>, fiberId: number): void {
    try {
      fiber.interruptUnsafe(fiberId)
    } catch (error) {
      this.rethrow(error)
    }
  }

  /** Throws an error of the user's code where it stops nobody else: as an uncaught exception, in a turn of its own. */
  rethrow(error: unknown): void {
    this.schedule(() => {
      throw error
    })
  }

  keys(): ReadonlyArray<KeyStats> {
    return this.slots.shares?.stats ?? []
  }

  readonly waitall: Effect.Effect<void> = Effect.withFiber((fiber) => {
    if (!this.closed && this.jobAround(fiber) !== undefined) {
      return Effect.die(
        new Error(
          `waitall of pool "${this.name}" was called inside one of the pool's own jobs: it would wait for itself`
        )
      )
    }
    return this.idle
  })

  /** Waits for a moment in which no slot is held and nobody waits. */
  private readonly idle: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.closed) return resume(this.refuse)
    if (this.slots.isIdle) return resume(Effect.void)
    const idler = new Idler(resume)
    this.idlers.push(idler)
    return Effect.sync(() => idler.leave())
  })

  resize(size: number): Effect.Effect<void, InvalidPoolSize> {
    return Effect.suspend(() => this.closed ? this.refuse : checkPoolSize(size)).pipe(
      Effect.flatMap((size) => {
        // It may have closed in the meantime.
        if (this.closed) return this.refuse
        if (this.slots.adaptation === undefined) this.setSize(size)
        else this.slots.adaptation.resized(size)
        return Effect.void
      })
    )
  }

  /** Changes the number of slots. */
  setSize(size: number): void {
    if (size === this.slots.semaphore.permits) return
    this.slots.resize(size)
    for (const party of this.parties) party.onResize()
  }

  snapshot(): PoolStats {
    const { adaptation, borrowed, semaphore, started, tally } = this.slots
    return new PoolStats({
      name: this.name,
      size: semaphore.permits,
      running: semaphore.taken,
      free: semaphore.free,
      waiting: semaphore.waiting,
      borrowed,
      started,
      succeeded: tally.succeeded,
      failed: tally.failed,
      interrupted: tally.interrupted,
      rejected: tally.rejected,
      ...(adaptation === undefined ? undefined : { adaptive: adaptation.stats })
    })
  }

  /** Drains the pool, unless it is told not to or called from inside, then shuts it. */
  readonly close: Effect.Effect<void> = Effect.withFiber((fiber) => {
    if (this.settings.drain === 0 || this.jobAround(fiber) !== undefined) return this.shut
    this.draining = true
    for (const party of this.parties) party.onDrain()
    return Effect.andThen(this.drained, this.shut)
  })

  /** Waits for the pool to be idle, as long as a drain may take. As all of a close it is not interrupted. */
  private readonly drained: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.slots.isIdle) return resume(Effect.void)
    const wait = new Wait()
    let isOver = false
    const end = (): void => {
      isOver = true
      wait.stopTimer()
      resume(Effect.void)
    }
    const idler = new Idler(end)
    this.idlers.push(idler)
    if (this.settings.drain === Infinity) return
    wait.timer = this.timers.after(this.settings.drain, () => {
      idler.leave()
      this.schedule(end)
    })
    // The clock may have ended the last job.
    if (isOver) wait.stopTimer()
  })

  /** Refuses everybody from here on, interrupts all that waits and runs, and waits for what ran. */
  private readonly shut: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
    this.slots.adaptation?.close()
    this.wakeIdlers(Effect.interrupt)
    this.slots.refuseAll()
    this.changes.notify()
    const jobs = [this.jobs.toArray()]
    for (const party of this.parties) {
      jobs.push(party.jobs.toArray())
      party.onClose()
    }
    return Effect.andThen(
      this.interruptAll(jobs.flat()),
      Effect.sync(() => {
        this.hasClosed = true
        this.slots.meter?.close(this.slots)
      })
    )
  })

  /** Interrupts these jobs and waits until they have ended, except for those around the caller itself. */
  interruptAll(jobs: ReadonlyArray<Job>): Effect.Effect<void> {
    if (jobs.length === 0) return Effect.void
    return Effect.withFiber((fiber) => {
      const around = new Set<Job>()
      for (let job = this.jobAround(fiber); job !== undefined; job = job.enclosing) around.add(job)
      let pending = 0
      let onEnded = () => {}
      const watcher = () => {
        if (--pending === 0) onEnded()
      }
      for (const job of jobs) {
        // an earlier interruption may have ended it already
        if (job.state !== "holding") continue
        if (!around.has(job)) {
          pending++
          job.watchers ??= []
          job.watchers.push(watcher)
        }
        try {
          job.interrupt(fiber.id)
        } catch (error) {
          this.rethrow(error)
        }
      }
      return Effect.callback<void>((resume) => {
        if (pending === 0) return resume(Effect.void)
        onEnded = () => this.schedule(() => resume(Effect.void))
      })
    })
  }

  /** The party has closed. It is known until the last of its jobs has ended, which may be around who has closed it. */
  forget(party: Party): void {
    const { first } = party.jobs
    if (first === undefined) this.parties.delete(party)
    else (first.watchers ??= []).push(() => this.forget(party))
  }

  private onLeave(): void {
    // Most of the time nobody wants to know.
    if (this.idlers.isEmpty && this.slowWait === undefined) return
    if (!this.slots.isIdle) return
    this.slowWait?.stop()
    this.wakeIdlers(Effect.void)
  }

  private wakeIdlers(effect: Effect.Effect<void>): void {
    for (;;) {
      const idler = this.idlers.shift()
      if (idler === undefined) return
      this.schedule(() => idler.resume(effect))
    }
  }
}
