/**
 * A scheduler that owns every task of the runtime, so that a program runs synchronously, up to the point where nothing is
 * left to do, and the same way each time.
 */
import type { Fiber, Scheduler } from "effect"
import type { Random } from "./random.ts"

interface Task {
  readonly priority: number
  readonly run: () => void
}

/** More than any program has: it goes round in circles. */
const MaxTasks = 100_000

/** Until no promise has anything left to do. */
const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * Runs tasks in the order in which they were scheduled, and lets no fiber yield before it has to. With a random: those of
 * each dispatcher in order, but any dispatcher next; and lets fibers yield at any operation.
 */
export class Simulation implements Scheduler.Scheduler {
  readonly executionMode = "async"
  /** Called after each task, and when promises have come to rest. */
  onTask: () => void = () => {}
  /** Whether promises are at work: those of async iterables. */
  hasPromises = false
  readonly #random: Random | undefined
  /** Those that hold tasks, in the order in which they came to do so. */
  readonly #due: Array<Array<Task>> = []
  /** All tasks, where none are drawn. */
  readonly #all: Array<Task> = []
  readonly #patience: number
  #budget: number
  #held = 0

  constructor(random?: Random) {
    this.#random = random
    // Some schedules yield all the time, some hardly ever.
    this.#patience = this.#budget = random?.pick([2, 4, 8, 20, 200]) ?? Infinity
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (this.#held > 0) {
      this.#held--
      return false
    }
    if (fiber.currentOpCount < this.#budget) return false
    this.#budget = 2 + this.#below(this.#patience)
    return true
  }

  /** The running fiber does not yield during its next operations. */
  hold(operations: number): void {
    this.#held = operations
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    const tasks = this.#random === undefined ? this.#all : []
    return {
      scheduleTask: (run, priority) => {
        if (tasks.length === 0) this.#due.push(tasks)
        tasks.splice(tasks.findLastIndex((other) => other.priority <= priority) + 1, 0, { priority, run })
      },
      flush: () => {
        throw new Error("nobody flushes a simulation")
      }
    }
  }

  /** Runs one task. False when there is none. */
  step(): boolean {
    this.#held = 0
    const which = this.#due.length > 1 ? this.#below(this.#due.length) : 0
    const tasks = this.#due[which]
    const task = tasks?.shift()
    if (tasks?.length === 0) this.#due.splice(which, 1)
    task?.run()
    if (task !== undefined) this.onTask()
    return task !== undefined
  }

  /** Runs until nothing is left to do; for that the promises of the program must have come to rest as well. */
  async settle(): Promise<void> {
    let tasks = 0
    do {
      while (this.step()) {
        if (++tasks > MaxTasks) throw new Error(`not quiescent after ${MaxTasks} tasks`)
      }
      if (this.hasPromises) {
        await rest()
        this.onTask()
      }
    } while (this.#due.length > 0)
  }

  #below(limit: number): number {
    return this.#random?.below(limit) ?? 0
  }
}
