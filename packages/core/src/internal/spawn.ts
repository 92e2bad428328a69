/**
 * Jobs in fibers of their own.
 */
import { Cause, Context, Effect, Exit, type Fiber } from "effect"
import type { Line } from "./line.ts"
import type { Pool } from "./pool.ts"
import { Job } from "./slots.ts"

/**
 * Waits for a slot, makes the fiber of the job, which starts in a turn of its own, and gives it. On a borrowed slot it
 * waits for the end of the fiber as well.
 */
export const spawn = <A, E>(job: SpawnJob<A, E>): Effect.Effect<Fiber.Fiber<A, E>> => {
  // The slot is taken in the same step as the fiber is made that gives it back.
  if (!job.isRefused && job.slots.takeIfAvailable(job)) {
    job.onEnter()
    const fiber = job.launch()
    job.pool.schedule(() => job.begin())
    return Effect.succeed(fiber)
  }
  return Effect.callback((resume) => job.enter(resume))
}

export class SpawnJob<A, E> extends Job {
  readonly pool: Pool
  private fiber: Fiber.Fiber<A, E> | undefined = undefined
  private effect: Effect.Effect<A, E>
  /** The context of the spawner. */
  context: Context.Context<never>
  /** Goes on with the spawner, who waits. */
  private resume!: (effect: Effect.Effect<Fiber.Fiber<A, E>>) => void
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
    return Effect.withFiber((spawner) => this.cancel(spawner.id))
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

  private cancel(fiberId: number): Effect.Effect<void> {
    const fiber = this.fiber
    if (this.state === "waiting") {
      this.slots.cancel(this)
      this.drop()
    } else if (this.state === "holding" && fiber === undefined) {
      this.interrupt(fiberId)
    } else if (this.state === "holding" && fiber !== undefined && this.onLoan) {
      this.atOnce(() => fiber.interruptUnsafe(fiberId))
      return Effect.callback<void>((resume) => this.whenEnded(fiber, () => resume(Effect.void)))
    }
    return Effect.void
  }

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
