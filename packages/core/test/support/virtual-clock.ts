/**
 * A clock whose time the test moves. Nobody wakes up by himself.
 */
import { type Clock, Duration, Effect } from "effect"

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

const nanoseconds = (milliseconds: number): bigint => BigInt(Math.round(milliseconds * 1_000_000))

export class VirtualClock implements Clock.Clock {
  /** Milliseconds. */
  now = 0
  /** How far the clock on the wall has been put forward, in milliseconds. */
  skew = 0
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())
  readonly #sleepers = new Set<Sleeper>()

  currentTimeMillisUnsafe(): number {
    return this.now + this.skew
  }

  currentTimeNanosUnsafe(): bigint {
    return nanoseconds(this.now + this.skew)
  }

  monotonicTimeNanosUnsafe(): bigint {
    return nanoseconds(this.now)
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    if (!Duration.isDuration(duration)) throw new TypeError(`no Duration: ${duration}`)
    return Effect.callback<void>((resume) => {
      const sleeper: Sleeper = { at: this.now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
      this.#sleepers.add(sleeper)
      return Effect.sync(() => this.#sleepers.delete(sleeper))
    })
  }

  /** How many sleep. */
  get sleeping(): number {
    return this.#sleepers.size
  }

  /** Moves the time, and wakes all whose time has come, the earliest first. */
  advance(milliseconds: number): void {
    this.now += milliseconds
    const due = [...this.#sleepers].filter(({ at }) => at <= this.now).sort((a, b) => a.at - b.at)
    for (const sleeper of due) {
      if (this.#sleepers.delete(sleeper)) sleeper.wake()
    }
  }
}
