/**
 * Jobs in fibers of their own.
 */
import { Cause, type Context, Effect, Exit, type Fiber, Option } from "effect"
import type { JobOptions, PoolFull } from "../Admission.ts"
import type { Line } from "./line.ts"
import type { Pool, Task } from "./pool.ts"
import { Job } from "./slots.ts"

/**
 * Waits for a slot, makes the fiber of the job, which starts in a turn of its own, and returns it. On a borrowed slot it
 * waits for the end of the fiber as well.
 */
export const spawn = <A, E>(job: SpawnJob<A, E>): Effect.Effect<Fiber.Fiber<A, E>, PoolFull> => {
  // The slot is taken in the same step as the fiber is made that gives it back.
  if (!job.isRefused && job.pool.enterIfAvailable(job)) {
    return Effect.succeed(job.launchSoon())
  }
  return Effect.callback((resume) => job.enter(resume))
}

/** Starts the job as `spawn` does if a slot is free, else returns `Option.none()`. */
export const spawnIfAvailable = <A, E>(job: SpawnJob<A, E>): Effect.Effect<Option.Option<Fiber.Fiber<A, E>>> => {
  if (job.isRefused) return job.pool.refuse
  return job.pool.enterIfAvailable(job) ? Effect.succeed(Option.some(job.launchSoon())) : Effect.succeedNone
}

/** Goes on with the spawner. */
type Resume<A, E> = (effect: Effect.Effect<Fiber.Fiber<A, E>, PoolFull>) => void

/** Who is told what becomes of a job. */
export interface Receiver<A, E> {
  /** Whether nobody is let in any more. */
  readonly isRefused: boolean
  /** The job has a slot or a place in the queue: called in the step that gives it. */
  onEnter(): void
  /** The job has ended. */
  onExit(exit: Exit.Exit<A, E>, spawner: Context.Context<never>): void
  /** The job will never start. */
  onDrop(): void
}

// One class for all of them: V8 makes jobs of one shape much faster than those of several.
export class SpawnJob<A, E> extends Job implements Task {
  readonly pool: Pool
  private readonly receiver: Receiver<A, E> | undefined
  private fiber: Fiber.Fiber<A, E> | undefined = undefined
  private readonly effect: Effect.Effect<A, E>
  /** The context of the spawner. */
  private readonly context: Context.Context<never>
  /** Goes on with the spawner, who waits. */
  private resume: Resume<A, E> | undefined = undefined
  private onLoan = false
  /** Has the launched fiber run the effect. */
  private start: ((effect: Effect.Effect<A, E>) => void) | undefined = undefined
  private begun = false

  constructor(
    pool: Pool,
    jobs: Line<Job>,
    spawner: Fiber.Fiber<unknown, unknown>,
    effect: Effect.Effect<A, E, unknown>,
    options?: JobOptions,
    receiver?: Receiver<A, E>
  ) {
    super(pool.slots, jobs, pool.jobAround(spawner), options)
    this.pool = pool
    this.receiver = receiver
    // what it needs is in the spawner's context
    this.effect = effect as Effect.Effect<A, E>
    this.context = spawner.context
  }

  get isRefused(): boolean {
    return this.pool.refuses(this.enclosing) || this.receiver?.isRefused === true
  }

  /** For one that holds a slot already. */
  launchSoon(): Fiber.Fiber<A, E> {
    const fiber = this.launch()
    this.pool.enqueue(this)
    return fiber
  }

  /** Makes the fiber, which starts with the turn of the job: so jobs start in the order of their grants. */
  private launch(): Fiber.Fiber<A, E> {
    const fiber = Effect.runForkWith(this.pool.contextOf(this, this.context))(
      Effect.callback<A, E>((resume) => {
        this.start = resume
        // Not before the job knows its fiber, which its first step may interrupt.
        if (this.begun && this.fiber !== undefined) this.begin()
      })
    )
    this.fiber = fiber
    fiber.addObserver((exit) => {
      this.slots.end(this, exit)
      this.receiver?.onExit(exit, this.context)
    })
    if (this.begun) this.begin()
    return fiber
  }

  /**
   * Asks for a slot and launches as soon as there is one. For the register function of the spawner's callback; gives
   * what an interruption of the spawner does.
   */
  enter(resume: Resume<A, E>): Effect.Effect<void> | void {
    if (this.isRefused) return resume(this.pool.refuse)
    const refusal = this.pool.enter(this, this.context)
    if (refusal !== undefined) return resume(refusal)
    // A function of the user's, asked on the way, may have closed the pool.
    if (this.state === "ended") return resume(Effect.interrupt)
    if (this.state === "holding") {
      this.deliver(resume)
      this.pool.enqueue(this)
    } else {
      this.resume = resume
    }
    return Effect.withFiber((spawner) => this.cancel(spawner.id))
  }

  override onEnter(): void {
    this.receiver?.onEnter()
  }

  onGrant(): void {
    this.pool.enqueue(this)
  }

  onRefuse(): void {
    this.receiver?.onDrop()
    this.pool.enqueue(this)
  }

  run(): void {
    this.wait?.end(this.state === "holding")
    const { resume } = this
    this.resume = undefined
    // The fiber is made inside the spawner's, whose asynchronous context it takes over; then, when the spawner has
    // gone on as far as it could, also if one of its observers throws, the job starts.
    try {
      resume?.(Effect.callback((resume) => {
        if (this.state === "holding") this.deliver(resume)
        else resume(this.wait?.refusal === undefined ? Effect.interrupt : Effect.fail(this.wait.refusal))
      }))
    } finally {
      this.begin()
    }
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
    this.receiver?.onDrop()
  }

  isRunBy(fiber: object): boolean {
    return fiber === this.fiber
  }

  private begin(): void {
    this.begun = true
    this.start?.(this.mustYield ? Effect.ensuring(this.effect, Effect.yieldNow) : this.effect)
  }

  /** Launches, and hands the fiber to the spawner: on a borrowed slot when it has ended. */
  private deliver(resume: Resume<A, E>): void {
    this.onLoan = this.lender !== undefined
    const fiber = this.launch()
    if (this.onLoan) this.whenEnded(() => resume(Effect.succeed(fiber)))
    else resume(Effect.succeed(fiber))
  }

  private cancel(fiberId: number): Effect.Effect<void> {
    const { fiber } = this
    if (this.state === "waiting") {
      this.slots.cancel(this)
      this.receiver?.onDrop()
      this.wait?.end(false)
    } else if (this.state === "holding" && fiber === undefined) {
      this.interrupt(fiberId)
    } else if (this.state === "holding" && fiber !== undefined && this.onLoan) {
      this.pool.schedule(() => fiber.interruptUnsafe(fiberId))
      return Effect.callback<void>((resume) => this.whenEnded(() => resume(Effect.void)))
    }
    return Effect.void
  }

  /** Calls `then` soon after the job has ended: the spawner, a level of nesting further out, goes on in its own turn. */
  private whenEnded(then: () => void): void {
    if (this.state === "ended") this.pool.schedule(then)
    else (this.watchers ??= []).push(() => this.pool.schedule(then))
  }
}

/** Reports the failures of jobs whose fibers nobody has. */
export const reporter = (pool: string): Receiver<unknown, unknown> => ({
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
