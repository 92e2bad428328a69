/**
 * A world of its own time: a clock that jumps from one event to the next, and a scheduler that runs everything that is
 * due before time goes on. A simulated hour takes seconds, and a run depends on nothing but its seed.
 */
import { Clock, Context, Duration, Effect, type Fiber, Scheduler } from "effect"
import { Heap, type HeapNode } from "../../src/internal/heap.ts"

interface Event extends HeapNode {
  readonly at: number
  readonly run: () => void
}

export class Simulation implements Clock.Clock, Scheduler.Scheduler {
  /** Seconds. */
  now = 0
  readonly executionMode = "async" as const
  readonly context: Context.Context<never>
  private readonly events = new Heap<Event>()
  private scheduled = 0
  private tasks: Array<() => void> = []

  constructor() {
    this.context = Context.empty().pipe(Context.add(Clock.Clock, this), Context.add(Scheduler.Scheduler, this))
  }

  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())

  currentTimeMillisUnsafe(): number {
    return this.now * 1000
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.round(this.now * 1e9))
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback((resume) => this.after(Duration.toSeconds(duration), () => resume(Effect.void)))
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= 2048
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return { scheduleTask: (task) => this.tasks.push(task), flush: () => this.runTasks() }
  }

  fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.context)(effect)
  }

  /** Has `run` called after so many seconds. */
  after(seconds: number, run: () => void): void {
    const at = this.now + seconds
    this.events.push({ at, run, index: -1 }, at, this.scheduled++)
  }

  /** Goes on until that time. */
  runUntil(time: number): void {
    this.runTasks()
    for (let event = this.events.first; event !== undefined && event.at <= time; event = this.events.first) {
      this.events.remove(event)
      this.now = event.at
      event.run()
      this.runTasks()
    }
    this.now = time
  }

  private runTasks(): void {
    while (this.tasks.length > 0) {
      const { tasks } = this
      this.tasks = []
      for (const task of tasks) task()
    }
  }
}

export type Random = () => number

/** Numbers from 0 to 1, the same ones for the same seed. */
export const randomOf = (seed: number): Random => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}
