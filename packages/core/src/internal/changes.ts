/**
 * The stream of a pool's snapshots.
 */
import { Effect, Equal, type Fiber, Stream } from "effect"
import type { PoolStats } from "../PoolStats.ts"
import type { Ledger } from "./ledger.ts"
import { LinkedList, Node } from "./linked-list.ts"

/** Someone who waits for a state other than the last that he has seen. */
class Reader extends Node {
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly seen: PoolStats
  readonly resume: (effect: Effect.Effect<PoolStats | undefined>) => void

  constructor(
    fiber: Fiber.Fiber<unknown, unknown>,
    seen: PoolStats,
    resume: (effect: Effect.Effect<PoolStats | undefined>) => void
  ) {
    super()
    this.fiber = fiber
    this.seen = seen
    this.resume = resume
  }
}

/** Tells those who wait what there is to tell, at most once a turn; asks to be told of changes only while they wait. */
export class Changes {
  private readonly ledger: Ledger
  /** Whether the ledger will never change again. */
  private readonly isOver: () => boolean
  private readonly readers = new LinkedList<Reader>()
  private isDue = false

  constructor(ledger: Ledger, isOver: () => boolean) {
    this.ledger = ledger
    this.isOver = isOver
  }

  /** The present, then what is new whenever something is, up to the last state of the closed pool. */
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
    const { first } = this.readers
    if (this.isDue || first === undefined) return
    this.isDue = true
    // In a turn of who waits: the pool may have been made in a run that knows no turns, by `Effect.runSync`.
    first.fiber.currentDispatcher.scheduleTask(this.tell, 0)
  }

  private after(seen: PoolStats): Effect.Effect<PoolStats | undefined> {
    return Effect.withFiber((fiber) =>
      Effect.callback((resume) => {
        const reader = new Reader(fiber, seen, resume)
        this.readers.push(reader)
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
      reader.resume(Effect.succeed(isNew ? stats : undefined))
    }
    this.rest()
  }

  private rest(): void {
    if (this.readers.isEmpty) this.ledger.onChange = undefined
  }
}
