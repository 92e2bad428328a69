/**
 * The pool behind `GreenPool`: what all kinds of its jobs share, and how it ends.
 *
 * Nobody is woken inside another fiber's step: wake-ups go through the pool's one dispatcher, in order, so that
 * jobs start in the order of their grants and no chain of them can grow the native stack.
 */
import { Context, Effect, type Fiber, type Scheduler } from "effect"
import { checkPoolSize, type InvalidPoolSize } from "../PoolSize.ts"
import { PoolStats } from "../PoolStats.ts"
import { Line, Place } from "./line.ts"
import { type Job, running, Slots } from "./slots.ts"

/** A part of a pool with jobs of its own: a map or a pile. */
export interface Party {
  readonly jobs: Line<Job>
  onResize(): void
  onClose(): void
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
  closed = false
  private readonly idlers = new Line<Idler>()
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private turns: Array<Turn> = []

  constructor(name: string, size: number, scheduler: Scheduler.Scheduler) {
    this.name = name
    this.slots = new Slots(size, () => this.onLeave())
    this.dispatcher = scheduler.makeDispatcher()
  }

  /** The innermost job of this pool around the fiber that has not ended. */
  jobAround(fiber: Fiber.Fiber<unknown, unknown>): Job | undefined {
    return running(fiber.getRef(this.job))
  }

  contextOf(job: Job, context: Context.Context<never>): Context.Context<never> {
    return Context.addUnsafe(context, this.job.key, job)
  }

  /** Runs `task` soon, outside of the step that asks for it. */
  schedule(task: () => void): void {
    this.dispatcher.scheduleTask(task, 0)
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
    return Effect.callback<void>((resume) => {
      if (this.closed) return resume(Effect.interrupt)
      if (this.isIdle) return resume(Effect.void)
      const idler = new Idler(resume)
      this.idlers.push(idler)
      return Effect.sync(() => idler.leave())
    })
  })

  resize(size: number): Effect.Effect<void, InvalidPoolSize> {
    return Effect.suspend(() => this.closed ? Effect.interrupt : checkPoolSize(size)).pipe(
      Effect.map((size) => {
        this.slots.semaphore.resize(size)
        for (const party of this.parties) party.onResize()
      })
    )
  }

  readonly stats: Effect.Effect<PoolStats> = Effect.sync(() => {
    const { borrowed, failed, interrupted, semaphore, started, succeeded } = this.slots
    return new PoolStats({
      name: this.name,
      size: semaphore.permits,
      running: semaphore.taken,
      free: semaphore.free,
      waiting: semaphore.waiting,
      borrowed,
      started,
      succeeded,
      failed,
      interrupted
    })
  })

  /** Refuses everybody from here on, interrupts all that waits and runs, and waits for what ran. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
    this.wakeIdlers(Effect.interrupt)
    this.slots.refuseAll()
    const jobs = [this.jobs.toArray()]
    for (const party of this.parties) {
      jobs.push(party.jobs.toArray())
      party.onClose()
    }
    return this.interruptAll(jobs.flat())
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

  private get isIdle(): boolean {
    return this.slots.semaphore.taken === 0 && this.slots.semaphore.waiting === 0
  }

  private onLeave(): void {
    if (!this.idlers.isEmpty && this.isIdle) this.wakeIdlers(Effect.void)
  }

  private wakeIdlers(effect: Effect.Effect<void>): void {
    for (;;) {
      const idler = this.idlers.shift()
      if (idler === undefined) return
      this.schedule(() => idler.resume(effect))
    }
  }
}
