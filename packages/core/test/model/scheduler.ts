/**
 * Schedulers that own every task of the runtime, so that a program runs synchronously, up to the point where nothing is
 * left to do, and the same way each time.
 */
import type { Fiber, Scheduler } from "effect"
import type { Random } from "./random.ts"

type Dispatcher = ReturnType<Scheduler.Scheduler["makeDispatcher"]>

interface Queue {
  readonly tasks: Array<{ readonly priority: number; readonly run: () => void }>
}

/** More than any program has: it goes round in circles. */
const MaxTasks = 100_000

/** Until no promise has anything left to do. */
const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Runs tasks in the order in which they were scheduled, and lets no fiber yield before it has to. */
export class Simulation implements Scheduler.Scheduler {
  readonly executionMode = "async"
  /** The queues that hold tasks, in the order in which they came to do so. */
  protected readonly due: Array<Queue> = []
  /** Called before each operation of a fiber, and after each task. */
  onOperation: (fiber: Fiber.Fiber<unknown, unknown> | undefined) => void = () => {}

  shouldYield(_fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return false
  }

  /** The running fiber does not yield during its next operations. */
  hold(_operations: number): void {}

  makeDispatcher(): Dispatcher {
    return this.dispatcherOf(this.#only)
  }

  /** Runs one task. False when there is none. */
  step(): boolean {
    const which = this.pick(this.due.length)
    const queue = this.due[which]
    const task = queue?.tasks.shift()
    if (queue === undefined || task === undefined) return false
    if (queue.tasks.length === 0) this.due.splice(which, 1)
    task.run()
    this.onOperation(undefined)
    return true
  }

  /** Runs until nothing is left to do; for that the promises of the program must have come to rest as well. */
  async settle(hasPromises: boolean): Promise<void> {
    let tasks = 0
    do {
      while (this.step()) {
        if (++tasks > MaxTasks) throw new Error(`not quiescent after ${MaxTasks} tasks`)
      }
      if (hasPromises) {
        await rest()
        this.onOperation(undefined)
      }
    } while (this.due.length > 0)
  }

  protected pick(_queues: number): number {
    return 0
  }

  protected dispatcherOf(queue: Queue): Dispatcher {
    return {
      scheduleTask: (run, priority) => {
        const { tasks } = queue
        if (tasks.length === 0) this.due.push(queue)
        let place = tasks.length
        while (place > 0 && tasks[place - 1]!.priority > priority) place--
        tasks.splice(place, 0, { priority, run })
      },
      flush: () => {
        throw new Error("nobody flushes a simulation")
      }
    }
  }

  readonly #only: Queue = { tasks: [] }
}

/** Runs the tasks of each dispatcher in order, but any dispatcher next, and lets fibers yield at any operation. */
export class RandomSimulation extends Simulation {
  readonly #random: Random
  readonly #patience: number
  #budget: number
  #held = 0

  constructor(random: Random) {
    super()
    this.#random = random
    // Some schedules yield all the time, some hardly ever.
    this.#patience = random.pick([2, 4, 8, 20, 200])
    this.#budget = this.#patience
  }

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    this.onOperation(fiber)
    if (this.#held > 0) {
      this.#held--
      return false
    }
    if (fiber.currentOpCount < this.#budget) return false
    this.#budget = 2 + this.#random.below(this.#patience)
    return true
  }

  override hold(operations: number): void {
    this.#held = operations
  }

  override makeDispatcher(): Dispatcher {
    return this.dispatcherOf({ tasks: [] })
  }

  override step(): boolean {
    this.#held = 0
    return super.step()
  }

  protected override pick(queues: number): number {
    return queues > 1 ? this.#random.below(queues) : 0
  }
}
