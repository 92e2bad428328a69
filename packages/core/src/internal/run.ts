/**
 * Jobs in the fiber of their caller.
 */
import { type Context, Effect, type Exit, type Fiber, type Option } from "effect"
import type { JobOptions, PoolFull } from "../Admission.ts"
import type { Pool, Turn } from "./pool.ts"
import { Job } from "./slots.ts"

/** Waits for a slot, runs the effect in the caller's fiber, and gives its result. */
export const run = <A, E, R>(
  pool: Pool,
  effect: Effect.Effect<A, E, R>,
  options?: JobOptions
): Effect.Effect<A, E | PoolFull, R> =>
  Effect.withFiber((fiber) => {
    const job = new RunJob<A, E | PoolFull, R>(pool, pool.jobAround(fiber), effect, options)
    // What gives the slot back is there before the slot is taken: an interruption finds it at every step.
    return Effect.onExitPrimitive(Effect.withFiber(job.enter), job.exit)
  })

/** Runs the effect as `run` does if a slot is free, else gives none. */
export const runIfAvailable = <A, E, R>(
  pool: Pool,
  effect: Effect.Effect<A, E, R>,
  options?: JobOptions
): Effect.Effect<Option.Option<A>, E, R> =>
  Effect.withFiber((fiber) => {
    const job = new RunJob(pool, pool.jobAround(fiber), Effect.asSome(effect), options)
    return Effect.onExitPrimitive(Effect.suspend(() => job.enterIfAvailable(fiber)), job.exit)
  })

class RunJob<A, E, R> extends Job implements Turn {
  private readonly pool: Pool
  private effect: Effect.Effect<A, E, R>
  /** The caller, while it is in the job, and its own context. */
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private outer: Context.Context<never> | undefined = undefined
  private resume: ((effect: Effect.Effect<A, E | PoolFull, R>) => void) | undefined = undefined

  constructor(pool: Pool, enclosing: Job | undefined, effect: Effect.Effect<A, E, R>, options?: JobOptions) {
    super(pool.slots, pool.jobs, enclosing, options)
    this.pool = pool
    this.effect = effect
  }

  /** Enters the line and then runs the effect. To be run inside `exit`, which gives back whatever this has taken. */
  readonly enter = (fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<A, E | PoolFull, R> => {
    if (this.pool.refuses(this.enclosing)) return Effect.interrupt
    this.mark(fiber)
    const refusal = this.pool.enter(this, fiber.context)
    if (refusal !== undefined) return Effect.fail(refusal)
    if (this.state === "holding") return this.effect
    return Effect.callback((resume) => {
      // The fiber may have yielded since it joined the line.
      if (this.state === "waiting") this.resume = resume
      else resume(this.following)
    })
  }

  /** Takes a free slot and runs the effect, which gives some. To be run inside `exit`, as `enter`. */
  enterIfAvailable(fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<A | Option.Option<never>, E, R> {
    if (this.pool.refuses(this.enclosing)) return Effect.interrupt
    this.mark(fiber)
    return this.slots.takeIfAvailable(this) ? this.effect : Effect.succeedNone
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
    this.pool.enqueue(this)
  }

  onRefuse(): void {
    this.pool.enqueue(this)
  }

  onTurn(): void {
    this.resume?.(this.following)
  }

  interrupt(fiberId: number): void {
    this.fiber?.interruptUnsafe(fiberId)
  }

  /** Has the fiber belong to the job. */
  private mark(fiber: Fiber.Fiber<unknown, unknown>): void {
    this.fiber = fiber
    this.outer = fiber.context
    fiber.setContext(this.pool.contextOf(this, this.outer))
  }

  /** What the fiber goes on with when it has waited. */
  private get following(): Effect.Effect<A, E | PoolFull, R> {
    if (this.terms?.refusal !== undefined) return Effect.fail(this.terms.refusal)
    return this.state === "holding" && !this.pool.closed ? this.effect : Effect.interrupt
  }
}
