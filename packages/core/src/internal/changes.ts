/**
 * The stream of a pool's snapshots.
 */
import { Effect, Equal, Scheduler, Stream } from "effect"
import type { PoolStats } from "../PoolStats.ts"
import type { Ledger } from "./ledger.ts"
import { LinkedList, Node } from "./linked-list.ts"
import { Tasks } from "./tasks.ts"

/** A reader that waits for a state other than the last one it has seen. */
class Reader extends Node {
  readonly seen: PoolStats
  readonly resume: (effect: Effect.Effect<PoolStats | undefined>) => void

  constructor(seen: PoolStats, resume: (effect: Effect.Effect<PoolStats | undefined>) => void) {
    super()
    this.seen = seen
    this.resume = resume
  }
}

/** Tells waiting readers the new state, at most once per turn, and listens to the ledger only while readers wait. */
export class Changes {
  private readonly ledger: Ledger
  /** Whether the ledger will never change again. */
  private readonly isOver: () => boolean
  private readonly readers = new LinkedList<Reader>()
  /**
   * By the scheduler of the first reader that waits: that of the pool may be the one of an `Effect.runSync`, which knows
   * no turns of the event loop.
   */
  private tasks: Tasks | undefined = undefined
  private isDue = false

  constructor(ledger: Ledger, isOver: () => boolean) {
    this.ledger = ledger
    this.isOver = isOver
  }

  /** Emits the current stats, then each new state, up to the last one of the closed pool. */
  readonly stream: Stream.Stream<PoolStats> = Stream.unfold(
    undefined,
    (seen: PoolStats | undefined) =>
      Effect.map(
        seen === undefined ? Effect.sync(() => this.ledger.snapshot()) : this.after(seen),
        (stats) => stats === undefined ? undefined : [stats, stats] as const
      )
  )

  /** Something may have changed. */
  readonly notify = (): void => {
    if (this.isDue || this.tasks === undefined) return
    this.isDue = true
    this.tasks.schedule(this.tell)
  }

  private after(seen: PoolStats): Effect.Effect<PoolStats | undefined> {
    return Effect.withFiber((fiber) =>
      Effect.callback((resume) => {
        const reader = new Reader(seen, resume)
        this.readers.push(reader)
        this.tasks ??= new Tasks(fiber.getRef(Scheduler.Scheduler).makeDispatcher())
        this.ledger.onChange = this.notify
        this.notify()
        return Effect.sync(() => {
          reader.leave()
          this.rest()
        })
      })
    )
  }

  private readonly tell = (): void => {
    this.isDue = false
    const stats = this.ledger.snapshot()
    const isLast = this.isOver()
    for (const reader of this.readers.toArray()) {
      const isNew = !Equal.equals(reader.seen, stats)
      if (!isNew && !isLast) continue
      reader.leave()
      // In a task of its own: what an observer of its fiber throws costs no other reader the news.
      this.tasks?.schedule(() => reader.resume(Effect.succeed(isNew ? stats : undefined)))
    }
    this.rest()
  }

  private rest(): void {
    if (this.readers.isEmpty) this.ledger.onChange = this.tasks = undefined
  }
}
