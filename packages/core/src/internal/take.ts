/**
 * Slots that outlive the call that took them: those that a scope keeps, and those that a stream keeps.
 */
import { Channel, Effect, Exit, type Fiber, type Pull, Scope, Stream } from "effect"
import type { JobOptions, PoolFull } from "../Admission.ts"
import type { Slot } from "../Slot.ts"
import type { Pool } from "./pool.ts"
import { CallerJob } from "./run.ts"

/** Waits for a slot as `run` does, and keeps it until the scope closes. */
export const takeScoped = (pool: Pool, options?: JobOptions): Effect.Effect<Slot, PoolFull, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => Effect.map(takeIn(pool, scope, options), ({ within }) => ({ within })))

const takeIn = (pool: Pool, scope: Scope.Scope, options?: JobOptions): Effect.Effect<ScopedJob, PoolFull> =>
  Effect.withFiber((fiber) => {
    const job = new ScopedJob(pool, fiber, scope, options)
    return Effect.onExitPrimitive(job, () => void job.exit())
  })

/** Runs the pulls of a stream in a slot, from the first pull to its end, finalizers included. */
export const runStream = <A, E, R>(
  pool: Pool,
  stream: Stream.Stream<A, E, R>,
  options?: JobOptions
): Stream.Stream<A, E | PoolFull, R> =>
  Stream.fromChannel(Channel.fromTransformBracket((_, __, scope) =>
    Effect.sync(() => {
      type Chunk = Pull.Pull<readonly [A, ...Array<A>], E, void, R>
      let next: Chunk | undefined
      const open: Pull.Pull<readonly [A, ...Array<A>], E | PoolFull, void, R> = Effect.flatMap(
        takeIn(pool, scope, options),
        (job) => {
          // The stream ends before its slot is returned, and inside the job.
          const own = Scope.makeUnsafe()
          const start: Chunk = Effect.flatMap(Channel.toPullScoped(Stream.toChannel(stream), own), (pull) => {
            next = job.within(pull)
            return pull
          })
          return Effect.andThen(
            Scope.addFinalizerExit(scope, (exit) => job.runInside(Scope.close(own, exit))),
            job.within(start)
          )
        }
      )
      return Effect.suspend(() => next ?? open)
    })
  ))

/** A job that lasts as long as a scope. Effects that run `within` it are inside of it. */
class ScopedJob extends CallerJob<ScopedJob, never, never> {
  private readonly scope: Scope.Scope
  /** The fibers within, once for each `within` that they are in. */
  private readonly fibers: Array<Fiber.Fiber<unknown, unknown>> = []
  /** How it ends, once it does. */
  private ending: Exit.Exit<unknown, unknown> | undefined = undefined
  /** Whether the scope has the slot. */
  private isKept = false

  constructor(pool: Pool, fiber: Fiber.Fiber<unknown, unknown>, scope: Scope.Scope, options?: JobOptions) {
    super(pool, fiber, options)
    this.scope = scope
  }

  /** Hands the slot to the scope: until then an interrupted caller returns the slot, afterwards the scope. */
  protected readonly effect: Effect.Effect<ScopedJob> = Effect.suspend(() =>
    Effect.map(Scope.addFinalizerExit(this.scope, this.release), () => {
      this.isKept = true
      return this
    })
  )

  exit(): void {
    this.leaveFiber()
    if (this.state === "holding" && !this.isKept) this.slots.end(this, Exit.interrupt())
  }

  readonly within = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    this.runInside(effect, () => this.ending === undefined)

  /** Runs an effect within, if it still may when the fiber has entered. */
  runInside<A, E, R>(effect: Effect.Effect<A, E, R>, mayRun: () => boolean = () => true): Effect.Effect<A, E, R> {
    return Effect.withFiber((fiber) => {
      const outer = fiber.context
      let isInside = false
      const enter = (): Effect.Effect<A, E, R> => {
        if (!mayRun()) return Effect.interrupt
        if (this.state === "holding") {
          isInside = true
          this.fibers.push(fiber)
          fiber.setContext(this.pool.contextOf(this, outer))
          this.pool.runs(fiber, this)
        }
        return effect
      }
      const exit = (): undefined => {
        if (!isInside) return
        fiber.setContext(outer)
        this.fibers.splice(this.fibers.lastIndexOf(fiber), 1)
        this.pool.leaves(fiber, this)
        this.returnIfDone()
      }
      return Effect.onExitPrimitive(Effect.suspend(enter), exit)
    })
  }

  /**
   * The scope closes: interrupts what runs within, waits for it, and returns the slot. Only a fiber that closes the scope
   * from inside the job doesn't wait, and isn't interrupted: the slot is returned when it has left.
   */
  private readonly release = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
    Effect.withFiber((closer) => {
      this.stop(exit, closer.id, closer)
      let around = this.pool.jobAround(closer)
      while (around !== undefined && around !== this) around = around.enclosing
      if (around === this) return Effect.void
      return Effect.callback<void>((resume) => {
        if (this.state !== "holding") return resume(Effect.void)
        this.whenEnded(() => this.pool.tasks.schedule(() => resume(Effect.void)))
      })
    })

  /** The pool closes: interrupts what runs within and returns the slot, without waiting for the scope. */
  interrupt(fiberId: number): void {
    this.stop(Exit.interrupt(fiberId), fiberId)
  }

  isRunBy(fiber: object): boolean {
    return this.fibers.some((one) => one === fiber)
  }

  private stop(exit: Exit.Exit<unknown, unknown>, fiberId: number, closer?: Fiber.Fiber<unknown, unknown>): void {
    this.ending ??= exit
    for (const fiber of new Set(this.fibers)) if (fiber !== closer) this.pool.tasks.interrupt(fiber, fiberId)
    this.returnIfDone()
  }

  /** Returns the slot if the job is to end and nothing runs within any more. */
  private returnIfDone(): void {
    if (this.ending !== undefined && this.fibers.length === 0) this.slots.end(this, this.ending)
  }
}
