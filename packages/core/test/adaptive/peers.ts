/**
 * Other ways to find a limit, from their published rules (Netflix concurrency-limits, its defaults, but from 1 to `max`
 * as all in this bed): for the comparison in the docs.
 */
import type { Outcome } from "./backends.ts"
import { max, type Sizer, type Sizing, start } from "./bed.ts"

const clamp = (limit: number): number => Math.max(1, Math.min(max, limit))

/** One more for each success while the limit is in use, a tenth less for an overload or a call of more than 5 seconds. */
class Aimd implements Sizer {
  private limit = start

  sample(_: number, latency: number, inFlight: number, outcome: Outcome): number {
    if (outcome === "overload" || latency > 5) this.limit = clamp(this.limit * 0.9)
    else if (inFlight * 2 >= this.limit) this.limit = clamp(this.limit + 1)
    return Math.floor(this.limit)
  }
}

/** Hands on the mean of at least a second and 10 samples. */
abstract class Windowed implements Sizer {
  protected limit = start
  private began = 0
  private samples = 0
  private sum = 0
  private most = 0
  private isDropped = false

  sample(now: number, latency: number, inFlight: number, outcome: Outcome): number {
    this.samples++
    this.sum += latency
    this.most = Math.max(this.most, inFlight)
    if (outcome === "overload") this.isDropped = true
    if (this.samples >= 10 && now >= this.began + 1) {
      this.limit = clamp(this.update(this.sum / this.samples, this.most, this.isDropped))
      this.began = now
      this.samples = this.sum = this.most = 0
      this.isDropped = false
    }
    return Math.floor(this.limit)
  }

  protected abstract update(latency: number, inFlight: number, isDropped: boolean): number
}

/** The length of the queue, as the latency shows it against the lowest, is to be from 3 to 6 times log10 of the limit. */
class Vegas extends Windowed {
  private lowest = Infinity
  private seen = 0

  protected update(latency: number, inFlight: number, isDropped: boolean): number {
    const { limit } = this
    const log = Math.max(1, Math.log10(limit))
    // It measures the lowest anew now and then.
    if (++this.seen > 30 * limit) {
      this.seen = 0
      this.lowest = latency
      return limit
    }
    if (latency < this.lowest) {
      this.lowest = latency
      return limit
    }
    if (isDropped) return limit - log
    if (inFlight * 2 < limit) return limit
    const queue = Math.ceil(limit * (1 - this.lowest / latency))
    if (queue <= log) return limit + 6 * log
    if (queue < 3 * log) return limit + log
    return queue > 6 * log ? limit - log : limit
  }
}

/** The limit times how much longer calls take than they did for long, with room for 1.5 times that and 4 in a queue. */
class Gradient2 extends Windowed {
  private long = 0
  private seen = 0

  protected update(latency: number, inFlight: number): number {
    const { limit } = this
    this.seen++
    this.long += (latency - this.long) * (this.seen <= 10 ? 1 / this.seen : 2 / 601)
    if (this.long > 2 * latency) this.long *= 0.95
    if (inFlight < limit / 2) return limit
    const gradient = Math.max(0.5, Math.min(1, 1.5 * this.long / latency))
    return 0.8 * limit + 0.2 * (limit * gradient + 4)
  }
}

export const peers: ReadonlyArray<readonly [name: string, sizing: Sizing]> = [
  ["fixed 10", { fixed: 10 }],
  ["fixed 100", { fixed: 100 }],
  ["fixed 1000", { fixed: 1000 }],
  ["AIMD", { start, make: () => new Aimd() }],
  ["Vegas", { start, make: () => new Vegas() }],
  ["Gradient2", { start, make: () => new Gradient2() }]
]
