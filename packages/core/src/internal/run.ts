/**
 * Jobs in the fiber of their caller.
 */
import { type Context, Effect, Effectable, Exit, Fiber, Option } from "effect"
import type { JobOptions, PoolFull } from "../Admission.ts"
import type { Pool } from "./pool.ts"
import { Job } from "./slots.ts"
import type { Task } from "./tasks.ts"

/** Waits for a slot, runs the effect in the caller's fiber, and returns its result. */
export const run = <A, E, R>(
  pool: Pool,
  effect: Effect.Effect<A, E, R>,
  options?: JobOptions
): Effect.Effect<A, E | PoolFull, R> => new Run(pool, effect, options)

/** Runs the effect as `run` does if a slot is free, otherwise returns `Option.none()`. */
export const runIfAvailable = <A, E, R>(
  pool: Pool,
  effect: Effect.Effect<A, E, R>,
  options?: JobOptions
): Effect.Effect<Option.Option<A>, E, R> =>
  Effect.withFiber((fiber) => {
    const job = new RunJob(pool, fiber, Effect.asSome(effect), options)
    // The job's own exit is that of `effect`, which `classify` judges.
    return Effect.onExitPrimitive(
      Effect.suspend(() => job.enterIfAvailable()),
      (exit) => job.exit(Exit.isSuccess(exit) && Option.isSome(exit.value) ? Exit.succeed(exit.value.value) : exit)
    )
  })

/** A call of `run`: makes a job in each fiber that runs it. A class, since that costs less than `Effect.withFiber`. */
class Run<A, E, R> extends Effectable.Class<A, E | PoolFull, R> {
  private readonly pool: Pool
  private readonly effect: Effect.Effect<A, E, R>
  private readonly options: JobOptions | undefined

  constructor(pool: Pool, effect: Effect.Effect<A, E, R>, options: JobOptions | undefined) {
    super()
    this.pool = pool
    this.effect = effect
    this.options = options
  }

  asEffect(): Effect.Effect<A, E | PoolFull, R> {
    const job = new RunJob<A, E | PoolFull, R>(this.pool, Fiber.getCurrent()!, this.effect, this.options)
    // The release is installed before the slot is taken, so an interruption finds it at every step.
    return Effect.onExitPrimitive(job, (exit) => job.exit(exit))
  }
}

/** A job that is an effect as well. The type is spelt out, since declarations can't name that of the mixin. */
const EffectJob: abstract new<A, E, R>(...args: ConstructorParameters<typeof Job>) => Job & Effect.Effect<A, E, R> =
  Effectable.Mixin(Job)

/**
 * A job that waits in its caller's fiber, and continues there with `effect` when it has a slot. It is an effect itself:
 * that of entering the pool.
 */
export abstract class CallerJob<A, E, R> extends EffectJob<A, E | PoolFull, R> implements Task {
  readonly pool: Pool
  protected readonly fiber: Fiber.Fiber<unknown, unknown>
  protected abstract readonly effect: Effect.Effect<A, E, R>
  /** The caller's own context, while it is in the job. */
  private outer: Context.Context<never> | undefined = undefined
  private resume: ((effect: Effect.Effect<A, E | PoolFull, R>) => void) | undefined = undefined

  constructor(pool: Pool, fiber: Fiber.Fiber<unknown, unknown>, options?: JobOptions) {
    super(pool.slots, pool.jobs, pool.jobAround(fiber), options)
    this.pool = pool
    this.fiber = fiber
  }

  /** Asks for a slot, waits for it, and runs the effect. The exit around it returns the slot. */
  asEffect(): Effect.Effect<A, E | PoolFull, R> {
    const failure = this.pool.gate.enter(this, this.fiber.context)
    if (failure !== undefined) return failure
    if (this.state === "holding") return this.afterWait()
    return Effect.callback((resume) => {
      // The fiber may have yielded since it joined the queue.
      this.resume = resume
      if (this.state !== "waiting") this.run()
    })
  }

  /** Makes the fiber belong to the job, which holds a slot: from here on it runs the effect. */
  protected begin(): Effect.Effect<A, E, R> {
    this.outer = this.fiber.context
    this.fiber.setContext(this.pool.contextOf(this, this.outer))
    this.pool.runs(this.fiber, this)
    return this.effect
  }

  /** The fiber leaves the job, which may still hold a slot. */
  protected leaveFiber(): void {
    if (this.outer !== undefined) {
      this.fiber.setContext(this.outer)
      this.pool.leaves(this.fiber, this)
    }
    if (this.state === "waiting") this.slots.cancel(this)
    this.wait?.endSpan(this.state === "holding")
  }

  get isRefused(): boolean {
    return this.pool.gate.refuses(this)
  }

  onWaitEnd(): void {
    this.pool.tasks.enqueue(this)
  }

  /** Continues the fiber after the wait. */
  run(): void {
    this.wait?.endSpan(this.state === "holding")
    this.resume?.(this.afterWait())
  }

  /** Begins, if it has a slot of a pool that is still open. Otherwise returns what ends the call. */
  private afterWait(): Effect.Effect<A, E | PoolFull, R> {
    if (this.wait?.rejection !== undefined) return Effect.fail(this.wait.rejection)
    return this.state === "holding" && !this.pool.gate.isShut ? this.begin() : Effect.interrupt
  }
}

class RunJob<A, E, R> extends CallerJob<A, E, R> {
  protected readonly effect: Effect.Effect<A, E, R>

  constructor(
    pool: Pool,
    fiber: Fiber.Fiber<unknown, unknown>,
    effect: Effect.Effect<A, E, R>,
    options?: JobOptions
  ) {
    super(pool, fiber, options)
    this.effect = effect
  }

  /** Takes a free slot and runs the effect. */
  enterIfAvailable(): Effect.Effect<A | Option.Option<never>, E, R> {
    if (!this.isRefused && this.pool.gate.enterIfAvailable(this)) return this.begin()
    return this.isRefused ? this.pool.gate.refuse : Effect.succeedNone
  }

  exit(exit: Exit.Exit<unknown, E>): Effect.Effect<void> | undefined {
    this.leaveFiber()
    if (this.state === "holding") this.slots.end(this, exit)
    return this.mustYield ? Effect.yieldNow : undefined
  }

  interrupt(fiberId: number): void {
    this.fiber.interruptUnsafe(fiberId)
  }

  isRunBy(fiber: object): boolean {
    return fiber === this.fiber
  }
}
