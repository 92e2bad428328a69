/**
 * Jobs in fibers of their own.
 */
import { Cause, type Context, Effect, Exit, type Fiber, Option } from "effect"
import type { JobOptions, PoolFull } from "../Admission.ts"
import type { LinkedList } from "./linked-list.ts"
import type { Pool } from "./pool.ts"
import { Job } from "./slots.ts"
import type { Task } from "./tasks.ts"

/**
 * Waits for a slot, makes the fiber of the job, which starts in a turn of its own, and returns it. On a borrowed slot it
 * also waits for the end of the fiber.
 */
export const spawn = <A, E>(job: SpawnJob<A, E>): Effect.Effect<Fiber.Fiber<A, E>, PoolFull> => {
  // One step takes the slot and makes the fiber that returns it.
  if (!job.isRefused && job.pool.gate.enterIfAvailable(job)) {
    return Effect.succeed(job.launchSoon())
  }
  return Effect.callback((resume) => job.enter(resume))
}

/** Starts the job as `spawn` does if a slot is free, otherwise returns `Option.none()`. */
export const spawnIfAvailable = <A, E>(job: SpawnJob<A, E>): Effect.Effect<Option.Option<Fiber.Fiber<A, E>>> => {
  if (!job.isRefused && job.pool.gate.enterIfAvailable(job)) return Effect.succeed(Option.some(job.launchSoon()))
  return job.isRefused ? job.pool.gate.refuse : Effect.succeedNone
}

/** Resumes the spawner. */
type Resume<A, E> = (effect: Effect.Effect<Fiber.Fiber<A, E>, PoolFull>) => void

/** Is told what becomes of a job. */
export interface JobListener<A, E> {
  /** Whether the job is refused, whatever the pool says. */
  readonly isRefused: boolean
  /** The job has got a slot or joined the queue. Called in that step. */
  onEnter(): void
  /** The job has ended. */
  onExit(exit: Exit.Exit<A, E>, spawner: Context.Context<never>): void
  /** The job will never start. */
  onDrop(): void
}

/**
 * A job in a fiber of its own: `enter` asks for the slot, `launch` makes the fiber, `begin` lets it run the effect, and
 * `deliver` hands it to the spawner. One class for `spawn`, `spawnN` and piles: V8 makes jobs of one shape much faster.
 */
export class SpawnJob<A, E> extends Job implements Task {
  readonly pool: Pool
  private readonly listener: JobListener<A, E> | undefined
  private fiber: Fiber.Fiber<A, E> | undefined = undefined
  private readonly effect: Effect.Effect<A, E>
  /** The context of the spawner. */
  private readonly context: Context.Context<never>
  /** Resumes the spawner, while it waits. */
  private resume: Resume<A, E> | undefined = undefined
  /** Makes the launched fiber run the effect. */
  private runEffect: ((effect: Effect.Effect<A, E>) => void) | undefined = undefined
  private begun = false

  constructor(
    pool: Pool,
    jobs: LinkedList<Job>,
    spawner: Fiber.Fiber<unknown, unknown>,
    effect: Effect.Effect<A, E, unknown>,
    options?: JobOptions,
    listener?: JobListener<A, E>
  ) {
    super(pool.slots, jobs, pool.jobAround(spawner), options)
    this.pool = pool
    this.listener = listener
    // What it needs is in the spawner's context.
    this.effect = effect as Effect.Effect<A, E>
    this.context = spawner.context
  }

  get isRefused(): boolean {
    return this.pool.gate.refuses(this) || this.listener?.isRefused === true
  }

  /** Launches the job, which already holds a slot, and starts it soon. */
  launchSoon(): Fiber.Fiber<A, E> {
    const fiber = this.launch()
    this.pool.tasks.enqueue(this)
    return fiber
  }

  /** Makes the fiber, which starts in the turn of the job, so jobs start in the order of their grants. */
  private launch(): Fiber.Fiber<A, E> {
    const fiber = Effect.runForkWith(this.pool.contextOf(this, this.context))(
      Effect.callback<A, E>((resume) => {
        this.runEffect = resume
        // Not before the job knows its fiber: its first step may interrupt it.
        if (this.begun && this.fiber !== undefined) this.begin()
      })
    )
    this.fiber = fiber
    fiber.addObserver((exit) => {
      this.slots.end(this, exit)
      this.listener?.onExit(exit, this.context)
    })
    if (this.begun) this.begin()
    return fiber
  }

  /**
   * Asks for a slot and launches as soon as there is one. For the register function of the spawner's callback; returns
   * what an interruption of the spawner runs.
   */
  enter(resume: Resume<A, E>): Effect.Effect<void> | void {
    let failure
    try {
      failure = this.pool.gate.enter(this, this.context)
    } catch (defect) {
      // The user's code that threw may have been asked after the job had joined the queue, and may have got it a slot.
      if (this.state === "holding") this.abandon(Exit.die(defect))
      else this.withdraw()
      return resume(Effect.die(defect))
    }
    if (failure !== undefined) return resume(failure)
    // A function of the user's, called on the way, may have closed the pool; or the time is up already.
    if (this.state === "ended") return resume(this.dismissal)
    if (this.state === "holding") {
      this.deliver(resume)
      this.pool.tasks.enqueue(this)
    } else {
      this.resume = resume
    }
    return Effect.withFiber((spawner) => this.cancel(spawner.id))
  }

  override onEnter(): void {
    this.listener?.onEnter()
  }

  onWaitEnd(): void {
    if (this.state === "ended") this.listener?.onDrop()
    this.pool.tasks.enqueue(this)
  }

  /** Continues the spawner after the wait, and begins the job. */
  run(): void {
    this.wait?.endSpan(this.state === "holding")
    const { resume } = this
    this.resume = undefined
    // The fiber is made inside the spawner's, so it inherits the spawner's asynchronous context. The job starts after
    // that, when the spawner has gone on as far as it can, also if an observer of the spawner throws.
    try {
      resume?.(Effect.callback((resumeInside) => {
        if (this.state === "holding") this.deliver(resumeInside)
        else resumeInside(this.dismissal)
      }))
    } finally {
      this.begin()
    }
  }

  /** How the call ends if the job never starts. */
  private get dismissal(): Effect.Effect<never, PoolFull> {
    return this.wait?.rejection === undefined ? Effect.interrupt : Effect.fail(this.wait.rejection)
  }

  /** Takes the job out of the queue, if it is there, and interrupts its spawner's wait. */
  withdraw(): void {
    if (this.state !== "waiting") return
    this.slots.cancel(this)
    this.onWaitEnd()
  }

  interrupt(fiberId: number): void {
    if (this.fiber !== undefined) this.fiber.interruptUnsafe(fiberId)
    else this.abandon(Exit.interrupt(fiberId))
  }

  /** Ends the job, which has a slot but no fiber yet: the spawner will find it ended. */
  private abandon(exit: Exit.Exit<never>): void {
    this.slots.end(this, exit)
    this.listener?.onDrop()
  }

  isRunBy(fiber: object): boolean {
    return fiber === this.fiber
  }

  private begin(): void {
    this.begun = true
    this.runEffect?.(this.mustYield ? Effect.ensuring(this.effect, Effect.yieldNow) : this.effect)
  }

  /** Launches, and hands the fiber to the spawner: on a borrowed slot, when the fiber has ended. */
  private deliver(resume: Resume<A, E>): void {
    const onLoan = this.lender !== undefined
    const fiber = this.launch()
    if (onLoan) this.afterEnd(() => resume(Effect.succeed(fiber)))
    else resume(Effect.succeed(fiber))
  }

  private cancel(fiberId: number): Effect.Effect<void> {
    const { fiber } = this
    if (this.state === "waiting") {
      this.slots.cancel(this)
      this.listener?.onDrop()
      this.wait?.endSpan(false)
    } else if (fiber === undefined) {
      this.interrupt(fiberId)
    } else {
      // On a borrowed slot: otherwise the spawner waits no longer once there is a fiber.
      this.pool.tasks.schedule(() => fiber.interruptUnsafe(fiberId))
      return Effect.callback<void>((resume) => this.afterEnd(() => resume(Effect.void)))
    }
    return Effect.void
  }

  /** Calls `then` after the job has ended, in a turn of its own, since the spawner is a level of nesting further out. */
  private afterEnd(then: () => void): void {
    if (this.state === "ended") this.pool.tasks.schedule(then)
    else this.whenEnded(() => this.pool.tasks.schedule(then))
  }
}

/** Logs the failures of jobs whose fibers were not returned to a caller. */
export const reporter = (pool: string): JobListener<unknown, unknown> => ({
  isRefused: false,
  onEnter() {},
  onExit(exit, spawner) {
    if (exit._tag === "Success" || Cause.hasInterruptsOnly(exit.cause)) return
    Effect.runForkWith(spawner)(
      Effect.logError("A job of the pool failed", exit.cause).pipe(Effect.annotateLogs("pool", pool))
    )
  },
  onDrop() {}
})
