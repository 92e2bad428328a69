import { GreenPool, type GreenPoolOptions } from "@greenpool/core"
import { Effect } from "effect"
import { type Answers, generate } from "./load.ts"
import { p99 } from "./percentile.ts"
import { serve } from "./server.ts"

/** How many requests are worked on at once. */
export const SIZE = 10

/** How long one takes, in milliseconds. */
export const SERVICE_TIME = 50

/** How many requests a second the pool can do at most. */
export const CAPACITY = SIZE * 1000 / SERVICE_TIME

/** The ways to bound the line that are compared. */
export const bounds = {
  none: {},
  maxWaiting: { maxWaiting: (size) => 2 * size },
  maxWait: { maxWait: "500 millis" }
} satisfies Record<string, GreenPoolOptions>

/** The name of one of them. */
export type Bound = keyof typeof bounds

/** What a bound made of a load. */
export interface Outcome {
  /** Requests a second that were sent. */
  readonly offered: number
  /** Requests a second that were answered with 200 within the deadline. */
  readonly goodput: number
  /** 99 % of these took at most so many milliseconds. */
  readonly p99: number
  /** Requests a second that were answered with 503. */
  readonly refused: number
  readonly answers: Answers
}

/** Puts so many times the capacity on a server whose pool has that bound. */
export const overload = Effect.fn("overload")(
  function*(bound: Bound, times: number, seconds: number) {
    const options: GreenPoolOptions = bounds[bound]
    const pool = yield* GreenPool.make({ ...options, size: SIZE, name: bound })
    const url = yield* serve(() => pool.run(Effect.sleep(SERVICE_TIME)))
    const answers = yield* generate({ kind: "Open", url, rate: times * CAPACITY, seconds })
    const outcome: Outcome = {
      offered: answers.sent / seconds,
      goodput: answers.good.length / seconds,
      p99: p99(answers.good),
      refused: answers.refused / seconds,
      answers
    }
    return outcome
  },
  Effect.scoped
)
