/**
 * The pool behind `GreenPool`: jobs in fibers on slots, waiting, closing.
 *
 * Slots are counted in `slots.ts`. Here jobs meet fibers: a job is entered into the slots in the very step in
 * which its release is already installed, so that an interruption finds either nothing to give back or
 * somebody who gives it back. Nobody is resumed inside another fiber's step: every wake-up goes through the
 * pool's one dispatcher, in order, so that no chain of jobs can grow the native stack.
 */
import { Cause, Context, Effect, Exit, type Fiber, type Scheduler } from "effect"
import { checkPoolSize, type InvalidPoolSize } from "../PoolSize.ts"
import { PoolStats } from "../PoolStats.ts"
import { Line, Place } from "./line.ts"
import { Job, running, Slots } from "./slots.ts"

/** A part of a pool with jobs of its own: a map or a pile. */
export interface Party {
  readonly jobs: Line<Job>
  onResize(): void
  onClose(): void
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

  /** Runs `task` in a turn of its own, after all that was scheduled before. */
  schedule(task: () => void): void {
    this.dispatcher.scheduleTask(task, 0)
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

  run<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.withFiber((fiber) => {
      const job = new RunJob(this, this.jobAround(fiber), effect)
      return Effect.onExitPrimitive(Effect.withFiber(job.enter), job.exit)
    })
  }

  /**
   * Starts a job in a fiber of its own as soon as it has a slot, and gives the fiber. On a borrowed slot it waits
   * for the end of the fiber as well.
   */
  start<A, E>(job: SpawnJob<A, E>): Effect.Effect<Fiber.Fiber<A, E>> {
    // The slot is taken in the same step as the fiber is made that gives it back.
    if (!job.isRefused && this.slots.takeIfAvailable(job)) {
      job.onEnter()
      const fiber = job.launch()
      this.schedule(() => job.begin())
      return Effect.succeed(fiber)
    }
    return Effect.callback((resume) => job.enter(resume))
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

/** A job in the fiber of its caller. */
export class RunJob<A, E, R> extends Job {
  private readonly pool: Pool
  private effect: Effect.Effect<A, E, R>
  /** The caller, while it is in the job, and its own context. */
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private outer: Context.Context<never> | undefined = undefined
  private resume: ((effect: Effect.Effect<A, E, R>) => void) | undefined = undefined

  constructor(pool: Pool, enclosing: Job | undefined, effect: Effect.Effect<A, E, R>) {
    super(pool.slots, pool.jobs, enclosing)
    this.pool = pool
    this.effect = effect
  }

  /** Enters the line and then runs the effect. To be run inside `exit`, which gives back whatever this has taken. */
  readonly enter = (fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<A, E, R> => {
    if (this.pool.closed) return Effect.interrupt
    this.fiber = fiber
    this.outer = fiber.context
    fiber.setContext(this.pool.contextOf(this, this.outer))
    this.slots.enter(this)
    if (this.state === "holding") return this.effect
    return Effect.callback((resume) => {
      // The fiber may have yielded since it joined the line.
      if (this.state === "waiting") this.resume = resume
      else resume(this.following)
    })
  }

  readonly exit = (exit: Exit.Exit<A, E>): Effect.Effect<void> | undefined => {
    if (this.outer !== undefined) this.fiber?.setContext(this.outer)
    if (this.state === "waiting") this.slots.cancel(this)
    else if (this.state === "holding") this.slots.end(this, exit)
    // What outlives the job, as the context of a fiber that it forked, keeps the job alone.
    this.fiber = this.outer = this.resume = undefined
    this.effect = Effect.interrupt
    return this.mustYield ? Effect.yieldNow : undefined
  }

  onGrant(): void {
    this.wake()
  }

  onRefuse(): void {
    this.wake()
  }

  interrupt(fiberId: number): void {
    this.fiber?.interruptUnsafe(fiberId)
  }

  private wake(): void {
    this.pool.schedule(() => this.resume?.(this.following))
  }

  /** What the fiber goes on with when it has waited. */
  private get following(): Effect.Effect<A, E, R> {
    return this.state === "holding" && !this.pool.closed ? this.effect : Effect.interrupt
  }
}

/** A job in a fiber of its own. */
export class SpawnJob<A, E> extends Job {
  readonly pool: Pool
  private fiber: Fiber.Fiber<A, E> | undefined = undefined
  private effect: Effect.Effect<A, E>
  /** The context of the spawner. */
  context: Context.Context<never>
  private resume: (effect: Effect.Effect<Fiber.Fiber<A, E>>) => void = () => {}
  private onLoan = false
  private begun = false
  private start: (() => void) | undefined = undefined

  constructor(
    pool: Pool,
    jobs: Line<Job>,
    spawner: Fiber.Fiber<unknown, unknown>,
    effect: Effect.Effect<A, E, unknown>
  ) {
    super(pool.slots, jobs, pool.jobAround(spawner))
    this.pool = pool
    // what it needs is in the spawner's context
    this.effect = effect as Effect.Effect<A, E>
    this.context = spawner.context
  }

  /** Whether nobody is let in any more. */
  get isRefused(): boolean {
    return this.pool.closed
  }

  /** The job has asked for a slot: called in the step that gives it one or a place in the line. */
  onEnter(): void {}

  /** The job has ended. */
  onExit(_exit: Exit.Exit<A, E>): void {}

  /** The job will never start. */
  onDrop(): void {}

  /** Lets the launched fiber start: in a turn of its own, in the order of the grants. */
  begin(): void {
    this.begun = true
    this.start?.()
  }

  /** Makes the fiber, which waits for `begin`. */
  launch(): Fiber.Fiber<A, E> {
    const effect = this.mustYield ? Effect.ensuring(this.effect, Effect.yieldNow) : this.effect
    const fiber = Effect.runForkWith(this.pool.contextOf(this, this.context))(
      Effect.callback<A, E>((resume) => {
        if (this.begun) resume(effect)
        else this.start = () => resume(effect)
      })
    )
    this.fiber = fiber
    fiber.addObserver((exit) => {
      this.slots.end(this, exit)
      this.onExit(exit)
      this.release()
    })
    return fiber
  }

  /**
   * Asks for a slot and launches as soon as there is one. For the register function of the spawner's callback; gives
   * what an interruption of the spawner does.
   */
  enter(resume: (effect: Effect.Effect<Fiber.Fiber<A, E>>) => void): Effect.Effect<void> | void {
    if (this.isRefused) return resume(Effect.interrupt)
    this.onEnter()
    this.resume = resume
    this.slots.enter(this)
    if (this.state === "holding") {
      this.deliver()
      this.pool.schedule(() => this.begin())
    }
    return this.cancel
  }

  onGrant(): void {
    this.pool.schedule(() => {
      // The fiber is made inside the spawner's, whose asynchronous context it takes over.
      this.resume(Effect.callback((resume) => {
        if (this.state !== "holding") return resume(Effect.interrupt)
        this.resume = resume
        this.deliver()
      }))
      // The spawner has gone on as far as it could: now it is the turn of the job.
      this.begin()
    })
  }

  onRefuse(): void {
    this.drop()
    const resume = this.resume
    this.pool.schedule(() => resume(Effect.interrupt))
  }

  /** Takes the job out of the line, if it is there, and interrupts its spawner's wait. */
  withdraw(): void {
    if (this.state !== "waiting") return
    this.slots.cancel(this)
    this.onRefuse()
  }

  interrupt(fiberId: number): void {
    if (this.fiber !== undefined) return this.fiber.interruptUnsafe(fiberId)
    // Granted but not yet launched: the spawner finds it ended.
    this.slots.end(this, Exit.interrupt(fiberId))
    this.drop()
  }

  /** Launches, and gives the fiber to the spawner: on a borrowed slot when it has ended. */
  private deliver(): void {
    this.onLoan = this.lender !== undefined
    const resume = this.resume
    const fiber = this.launch()
    if (this.onLoan) this.whenEnded(fiber, () => resume(Effect.succeed(fiber)))
    else resume(Effect.succeed(fiber))
  }

  private readonly cancel: Effect.Effect<void> = Effect.withFiber((spawner) => {
    const fiber = this.fiber
    if (this.state === "waiting") {
      this.slots.cancel(this)
      this.drop()
    } else if (this.state === "holding" && fiber === undefined) {
      this.interrupt(spawner.id)
    } else if (this.state === "holding" && fiber !== undefined && this.onLoan) {
      this.atOnce(() => fiber.interruptUnsafe(spawner.id))
      return Effect.callback<void>((resume) => this.whenEnded(fiber, () => resume(Effect.void)))
    }
    return Effect.void
  })

  private whenEnded(fiber: Fiber.Fiber<A, E>, then: () => void): void {
    fiber.addObserver(() => this.atOnce(then))
  }

  /** Goes on with a fiber that is a level of nesting away, within the native stack. */
  private atOnce(task: () => void): void {
    if (this.mustYield) this.pool.schedule(task)
    else task()
  }

  private drop(): void {
    this.onDrop()
    this.release()
  }

  /** What outlives the job, as the context of a fiber that it forked, keeps the job alone. */
  private release(): void {
    this.effect = Effect.interrupt
    this.context = Context.empty()
    this.fiber = undefined
    this.start = undefined
  }
}

/** A job whose failure nobody else would see. */
export class ReportingJob<A, E> extends SpawnJob<A, E> {
  override onExit(exit: Exit.Exit<A, E>): void {
    if (exit._tag === "Success" || Cause.hasInterruptsOnly(exit.cause)) return
    Effect.runForkWith(this.context)(
      Effect.logError("A job of the pool failed", exit.cause).pipe(Effect.annotateLogs("pool", this.pool.name))
    )
  }
}
