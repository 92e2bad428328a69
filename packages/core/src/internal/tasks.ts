/**
 * What a pool does outside of the step that asks for it: wakes callers and starts jobs, in the order in which that was
 * asked for.
 *
 * No fiber continues inside the step of another, so callers continue and spawned jobs start in the order of their grants, and
 * no chain of them can grow the native stack.
 */
import type { Fiber, Scheduler } from "effect"

export interface Task {
  run(): void
}

export class Tasks {
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private tasks: Array<Task> = []

  constructor(dispatcher: Scheduler.SchedulerDispatcher) {
    this.dispatcher = dispatcher
  }

  /** Calls `run` soon, after all that was asked for before it. */
  schedule(run: () => void): void {
    this.enqueue({ run })
  }

  /** Runs a task soon, after all that were asked for before it. */
  enqueue(task: Task): void {
    if (this.tasks.push(task) === 1) this.dispatcher.scheduleTask(this.run, 0)
  }

  private readonly run = (): void => {
    const { tasks } = this
    this.tasks = []
    for (let next = 0; next < tasks.length; next++) {
      try {
        tasks[next]?.run()
      } catch (error) {
        // An error in the callback of one caller doesn't keep the others from running.
        this.tasks = [...tasks.slice(next + 1), ...this.tasks]
        this.dispatcher.scheduleTask(this.run, 0)
        throw error
      }
    }
  }

  /** Interrupts a fiber. What its observers throw, as the user's can, is thrown in a turn of its own. */
  interrupt(fiber: Fiber.Fiber<unknown, unknown>, fiberId: number): void {
    try {
      fiber.interruptUnsafe(fiberId)
    } catch (error) {
      this.rethrow(error)
    }
  }

  /** Throws an error of the user's code as an uncaught exception, in a turn of its own, where it stops nothing else. */
  rethrow(error: unknown): void {
    this.schedule(() => {
      throw error
    })
  }
}
