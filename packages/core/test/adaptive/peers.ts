/**
 * Other ways to find a limit, from their published rules (Netflix concurrency-limits, its defaults, but from 1 to `max`
 * as all in this bed): for the comparison in the docs.
 */
import { max, type Sizer, type Sizing, start } from "./bed.ts"

const clamp = (limit: number): number => Math.max(1, Math.min(max, limit))

/** One more for each success while the limit is in use, a tenth less for an overload or a call of more than 5 seconds. */
const aimd = (): Sizer => {
  let limit = start
  return (_, latency, inFlight, outcome) => {
    if (outcome === "overload" || latency > 5) limit = clamp(limit * 0.9)
    else if (inFlight * 2 >= limit) limit = clamp(limit + 1)
    return Math.floor(limit)
  }
}

/** The next limit after one, from the mean latency of at least a second and 10 samples. */
type Update = (limit: number, latency: number, inFlight: number, isDropped: boolean) => number

const windowed = (makeUpdate: () => Update) => (): Sizer => {
  const update = makeUpdate()
  const empty = { samples: 0, sum: 0, most: 0, isDropped: false }
  let limit = start
  let began = 0
  let seen = { ...empty }
  return (now, latency, inFlight, outcome) => {
    seen.samples++
    seen.sum += latency
    seen.most = Math.max(seen.most, inFlight)
    if (outcome === "overload") seen.isDropped = true
    if (seen.samples >= 10 && now >= began + 1) {
      limit = clamp(update(limit, seen.sum / seen.samples, seen.most, seen.isDropped))
      began = now
      seen = { ...empty }
    }
    return Math.floor(limit)
  }
}

/** The length of the queue, as the latency shows it against the lowest, is to be from 3 to 6 times log10 of the limit. */
const vegas = windowed(() => {
  let lowest = Infinity
  let seen = 0
  return (limit, latency, inFlight, isDropped) => {
    const log = Math.max(1, Math.log10(limit))
    // It measures the lowest anew now and then.
    const isAnew = ++seen > 30 * limit
    if (isAnew) seen = 0
    if (isAnew || latency < lowest) {
      lowest = latency
      return limit
    }
    if (isDropped) return limit - log
    if (inFlight * 2 < limit) return limit
    const queue = Math.ceil(limit * (1 - lowest / latency))
    if (queue <= log) return limit + 6 * log
    if (queue < 3 * log) return limit + log
    return queue > 6 * log ? limit - log : limit
  }
})

/** The limit times how much longer calls take than they did for long, with room for 1.5 times that and 4 in a queue. */
const gradient2 = windowed(() => {
  let long = 0
  let seen = 0
  return (limit, latency, inFlight) => {
    seen++
    long += (latency - long) * (seen <= 10 ? 1 / seen : 2 / 601)
    if (long > 2 * latency) long *= 0.95
    if (inFlight < limit / 2) return limit
    const gradient = Math.max(0.5, Math.min(1, 1.5 * long / latency))
    return 0.8 * limit + 0.2 * (limit * gradient + 4)
  }
})

export const peers: ReadonlyArray<readonly [name: string, sizing: Sizing]> = [
  ["fixed 10", { fixed: 10 }],
  ["fixed 100", { fixed: 100 }],
  ["fixed 1000", { fixed: 1000 }],
  ["AIMD", { make: aimd }],
  ["Vegas", { make: vegas }],
  ["Gradient2", { make: gradient2 }]
]
