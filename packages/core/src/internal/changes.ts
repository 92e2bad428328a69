/**
 * The stream of a pool's snapshots.
 */
import { Effect, Equal, type Fiber, Stream } from "effect"
import type { PoolStats } from "../PoolStats.ts"
import { Line, Place } from "./line.ts"
import type { Pool } from "./pool.ts"

/** Someone who waits for a state other than the last that he has seen. */
class Reader extends Place {
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
  private readonly pool: Pool
  private readonly readers = new Line<Reader>()
  private isDue = false

  constructor(pool: Pool) {
    this.pool = pool
  }

  /** The present, then what is new whenever something is, up to the last state of the closed pool. */
  readonly stream: Stream.Stream<PoolStats> = Stream.unfold(
    undefined,
    (seen: PoolStats | undefined) =>
      Effect.map(
        seen === undefined ? Effect.sync(() => this.pool.snapshot()) : this.after(seen),
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
        this.pool.slots.onChange = this.notify
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
    const present = this.pool.snapshot()
    const isLast = this.pool.isOver
    for (const reader of this.readers.toArray()) {
      const isNew = !Equal.equals(reader.seen, present)
      if (!isNew && !isLast) continue
      reader.leave()
      // In a turn of its own: what an observer of its fiber throws costs no other reader the news.
      reader.fiber.currentDispatcher.scheduleTask(() => reader.resume(Effect.succeed(isNew ? present : undefined)), 0)
    }
    this.rest()
  }

  private rest(): void {
    if (this.readers.isEmpty) this.pool.slots.onChange = undefined
  }
}
