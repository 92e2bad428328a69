/**
 * A world of its own in which nothing happens by itself: all that fibers and pools schedule goes into one queue, and
 * the test takes it out, task by task. So an interruption can be put at every single step.
 */
import { Clock, Context, Effect, Exit, type Fiber, Logger, Metric, Scheduler, Scope, Tracer } from "effect"
import { GreenPool, type GreenPoolOptions } from "../../src/index.ts"
import { makeTracer } from "./spans.ts"
import { VirtualClock } from "./virtual-clock.ts"

export class World implements Scheduler.Scheduler {
  readonly executionMode = "sync"
  readonly scope = Scope.makeUnsafe()
  /** Its time stands still unless the test moves it. */
  readonly clock = new VirtualClock()
  readonly tracer = makeTracer()
  readonly registry: Metric.MetricRegistry = new Map()
  /** Whether a fiber has had to yield since it has used up its operations. */
  hasPreempted = false
  /** Called at each operation of each fiber. */
  onOperation: (fiber: Fiber.Fiber<unknown, unknown>) => void = () => {}
  #tasks: Array<() => void> = []

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    this.onOperation(fiber)
    const mustYield = fiber.currentOpCount >= fiber.getRef(Scheduler.MaxOpsBeforeYield)
    this.hasPreempted ||= mustYield
    return mustYield
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return {
      scheduleTask: (task) => {
        this.#tasks.push(task)
      },
      flush: () => this.run()
    }
  }

  /** Starts a fiber that yields every `operations` operations, and runs it up to its first pause. */
  fork<A, E>(effect: Effect.Effect<A, E>, operations = 2048): Fiber.Fiber<A, E> {
    const context = Context.make(Scheduler.Scheduler, this).pipe(
      Context.add(Scheduler.MaxOpsBeforeYield, operations),
      Context.add(Clock.Clock, this.clock),
      Context.add(Tracer.Tracer, this.tracer.tracer),
      Context.add(Metric.MetricRegistry, this.registry),
      // Nothing is printed.
      Context.add(Logger.CurrentLoggers, new Set())
    )
    return Effect.runForkWith(context)(effect)
  }

  /** Whether there is nothing to do. */
  get isAtRest(): boolean {
    return this.#tasks.length === 0
  }

  /** Runs one task; tells whether there was one. */
  step(): boolean {
    const task = this.#tasks.shift()
    task?.()
    return task !== undefined
  }

  /** Runs everything, until nothing is left to do. */
  run(): void {
    let steps = 0
    while (this.step()) {
      if (++steps > 1_000_000) throw new Error("the world does not come to rest")
    }
  }

  /** Runs an effect, and everything else, to the end. */
  get<A, E>(effect: Effect.Effect<A, E>): A {
    const fiber = this.fork(effect)
    this.run()
    const exit = fiber.pollUnsafe()
    if (exit === undefined) throw new Error("the effect does not end")
    return Effect.runSync(exit)
  }

  /** A pool in this world. With bounds, its type does not say what its calls fail with. */
  pool(size: number, options?: Omit<GreenPoolOptions, "size">): GreenPool {
    const make: Effect.Effect<unknown, unknown, Scope.Scope> = GreenPool.make({ ...options, size })
    return this.get(Effect.orDie(make).pipe(Effect.provideService(Scope.Scope, this.scope))) as GreenPool
  }

  /** Closes all pools. */
  close(): void {
    this.get(Scope.close(this.scope, Exit.void))
  }
}
