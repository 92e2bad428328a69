/**
 * The pool behind `GreenPool`: what all kinds of its jobs share, and how it ends.
 *
 * Nobody is woken inside another fiber's step: wake-ups go through the pool's one dispatcher, in order, so that
 * callers go on and spawned jobs start in the order of their grants, and no chain of them can grow the native stack.
 */
import { Clock, Context, Duration, Effect, Exit, type Fiber, Scheduler } from "effect"
import { PoolFull } from "../Admission.ts"
import type { KeyStats } from "../KeyStats.ts"
import { checkPoolSize, type InvalidPoolSize } from "../PoolSize.ts"
import { PoolStats } from "../PoolStats.ts"
import { Alarm } from "./alarm.ts"
import { Changes } from "./changes.ts"
import { Line, Place } from "./line.ts"
import { Meter } from "./meter.ts"
import { type Job, running, Slots, termsOf } from "./slots.ts"
import { SlowWait } from "./slow-wait.ts"
import { beginSpan } from "./trace.ts"

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
}

/** A job that has something to do in a turn of its own. */
export interface Turn {
  onTurn(): void
}

/** Someone in `waitall`. */
class Idler extends Place {
  readonly resume: (effect: Effect.Effect<void>) => void

  constructor(resume: (effect: Effect.Effect<void>) => void) {
    super()
    this.resume = resume
  }
}

let pools = 0

export class Pool {
  readonly name: string
  /** The innermost job of this pool that a fiber belongs to. */
  private readonly job = Context.Reference<Job | undefined>(`@greenpool/core/Job/${++pools}`, {
    defaultValue: () => undefined
  })
  readonly slots: Slots
  /** The jobs of `run`, `spawn` and `spawnN`. */
  readonly jobs = new Line<Job>()
  readonly parties = new Set<Party>()
  /** Whether it is about to close, and lets in jobs from inside only. */
  draining = false
  closed = false
  readonly changes = new Changes(this)
  private readonly settings: Settings
  private readonly alarm: Alarm
  private readonly idlers = new Line<Idler>()
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private turns: Array<Turn> = []

  /** `context` is that in which the pool was made: it has its clock, and what it records and logs goes there. */
  constructor(settings: Settings, context: Context.Context<never>) {
    this.name = settings.name
    this.settings = settings
    const clock = Context.get(context, Clock.Clock)
    this.slots = new Slots(settings.size, { ...settings, clock }, () => this.onLeave())
    this.alarm = new Alarm(clock, context)
    if (settings.metrics) {
      this.slots.meter = Meter.of(this.name, context)
      this.slots.meter.open(this.slots.semaphore)
    }
    if (settings.slowWait !== Infinity) {
      this.slots.slowWait = new SlowWait(this.name, settings.slowWait, this.slots, this.alarm, context)
    }
    this.dispatcher = Context.get(context, Scheduler.Scheduler).makeDispatcher()
  }

  /** The innermost job of this pool around the fiber that has not ended. */
  jobAround(fiber: Fiber.Fiber<unknown, unknown>): Job | undefined {
    return running(fiber.getRef(this.job))
  }

  /** Whether nothing about the pool will ever change. */
  get isOver(): boolean {
    return this.closed && this.slots.isIdle
  }

  /** Whether nobody is let in any more who has this job around him, or none. */
  refuses(enclosing: Job | undefined): boolean {
    return this.closed || (this.draining && running(enclosing) === undefined)
  }

  /** Gives the job a slot, lends it one or puts it in line, or says why it does not. The context is the caller's. */
  enter(job: Job, context: Context.Context<never>): PoolFull | undefined {
    const { semaphore } = this.slots
    if (this.slots.takeOrBorrow(job)) return undefined
    // The pool's bounds are not for nested jobs, which must go on.
    const bounds = job.enclosing === undefined ? this.settings : undefined
    const asked = job.terms?.options?.maxWait
    const maxWait = asked === undefined ? bounds?.maxWait ?? Infinity : Duration.toMillis(asked)
    if (maxWait <= 0) return this.reject("WaitTimeout", semaphore.waiting)
    // The bound and the tracer are the user's own: they may close the pool or free a slot.
    const longest = bounds === undefined ? Infinity : bounds.maxWaiting(semaphore.permits)
    if (semaphore.waiting + 1 > longest && semaphore.free <= 0) return this.reject("QueueFull", semaphore.waiting)
    if (this.settings.tracing) termsOf(job).endSpan = beginSpan(context, this.name, semaphore.permits)
    if (this.refuses(job.enclosing)) job.onRefuse()
    else this.slots.enter(job)
    if (job.state !== "waiting") {
      job.terms?.endWait(job.state === "holding" ? Exit.void : Exit.interrupt())
    } else if (maxWait !== Infinity) {
      const terms = termsOf(job)
      terms.call = this.alarm.callIn(maxWait, () => {
        terms.refusal = this.reject("WaitTimeout", semaphore.waiting - 1)
        this.slots.cancel(job)
        job.onRefuse()
      })
    }
    return undefined
  }

  /** Turns somebody away, beside whom so many wait. */
  private reject(reason: PoolFull["reason"], waiting: number): PoolFull {
    const { meter, semaphore, tally } = this.slots
    tally.rejected++
    if (meter !== undefined) meter.tally.rejected++
    this.slots.onChange?.()
    return new PoolFull({ reason, pool: this.name, size: semaphore.permits, waiting })
  }

  contextOf(job: Job, context: Context.Context<never>): Context.Context<never> {
    return Context.addUnsafe(context, this.job.key, job)
  }

  /** Runs `task` soon, outside of the step that asks for it. */
  schedule(task: () => void): void {
    this.dispatcher.scheduleTask(task, 0)
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

  /** Gives a job its turn soon, after all that asked for one before. */
  enqueue(turn: Turn): void {
    if (this.turns.push(turn) === 1) this.schedule(this.giveTurns)
  }

  private readonly giveTurns = (): void => {
    const { turns } = this
    this.turns = []
    for (const turn of turns) turn.onTurn()
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
    if (this.closed) return resume(Effect.interrupt)
    if (this.slots.isIdle) return resume(Effect.void)
    const idler = new Idler(resume)
    this.idlers.push(idler)
    return Effect.sync(() => idler.leave())
  })

  resize(size: number): Effect.Effect<void, InvalidPoolSize> {
    return Effect.suspend(() => this.closed ? Effect.interrupt : checkPoolSize(size)).pipe(
      Effect.flatMap((size) => {
        // It may have closed meanwhile.
        if (this.closed) return Effect.interrupt
        this.slots.semaphore.resize(size)
        for (const party of this.parties) party.onResize()
        this.slots.onChange?.()
        return Effect.void
      })
    )
  }

  snapshot(): PoolStats {
    const { borrowed, semaphore, started, tally } = this.slots
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
      rejected: tally.rejected
    })
  }

  keys(): ReadonlyArray<KeyStats> {
    return []
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
    const idler = new Idler((effect) => {
      timeout?.cancel()
      resume(effect)
    })
    const timeout = this.settings.drain === Infinity
      ? undefined
      : this.alarm.callIn(this.settings.drain, () => {
        idler.leave()
        this.schedule(() => resume(Effect.void))
      })
    this.idlers.push(idler)
  })

  /** Refuses everybody from here on, interrupts all that waits and runs, and waits for what ran. */
  private readonly shut: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
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
      Effect.sync(() => this.slots.meter?.close(this.slots.semaphore))
    )
  })

  /** Interrupts these jobs and waits until they have ended, except for those around the caller itself. */
  interruptAll(jobs: ReadonlyArray<Job>): Effect.Effect<void> {
    if (jobs.length === 0) return Effect.void
    return Effect.withFiber((fiber) => {
      const around = new Set<Job>()
      for (let job = this.jobAround(fiber); job !== undefined; job = running(job.enclosing)) around.add(job)
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
        job.interrupt(fiber.id)
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
    if (this.idlers.isEmpty && this.slots.slowWait === undefined) return
    if (!this.slots.isIdle) return
    this.slots.slowWait?.stop()
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
