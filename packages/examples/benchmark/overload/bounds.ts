import { Effect } from "effect"
import { type Bound, CAPACITY, startServer } from "../../src/overload/server.ts"
import { type Answers, DEADLINE, generate } from "./load.ts"

/** The time that 99 % of these do not exceed; 0 of none. */
export const p99 = (times: ReadonlyArray<number>): number =>
  times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1] ?? 0

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

/**
 * Puts so many times the capacity on a server with that bound. It is measured for so many seconds, after the time in
 * which a queue without a bound becomes longer than its callers wait.
 */
export const overload = Effect.fn("overload")(function*(bound: Bound, times: number, seconds: number) {
  const url = yield* startServer(bound)
  const warmup = DEADLINE / 1000 / (times - 1)
  const answers = yield* generate({ kind: "Open", url, rate: times * CAPACITY, warmup, seconds })
  const outcome: Outcome = {
    offered: answers.sent / seconds,
    goodput: answers.good.length / seconds,
    p99: p99(answers.good),
    refused: answers.refused / seconds,
    answers
  }
  return outcome
}, Effect.scoped)
