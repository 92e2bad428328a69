/**
 * What the end of a job says about the backend.
 */
import { Cause, Data, Duration, Effect, Exit, Option, Result } from "effect"
import { RateLimiter } from "effect/persistence"
import { describe, expect, it } from "vitest"
import { PoolFull, verdictOf } from "../../src/index.ts"

const failed = (error: unknown) => verdictOf(Exit.fail(error))

class RateLimitExceeded extends Data.TaggedError("RateLimitExceeded")<{ readonly retryAfter?: unknown }> {}
class AiError extends Data.TaggedError("AiError")<{ readonly reason: unknown }> {}
class HttpError extends Data.TaggedError("HttpError")<{ readonly response: unknown }> {}

describe("verdictOf", () => {
  it("is ok for a success, whatever its value", () => {
    const data = [undefined, null, 1, "overload", {}, [], { _tag: "Failure" }]
    for (const value of [...data, Exit.succeed(1), Result.succeed(1), Option.none()]) {
      expect(verdictOf(Exit.succeed(value))).toBe("ok")
    }
  })

  it("is ignore for ordinary failures, defects and interruption", () => {
    const errors = ["no", undefined, null, 503, new Error("no"), { status: 404 }, { status: "429x" }]
    for (const error of [...errors, new HttpError({ response: { status: 500 } })]) expect(failed(error)).toBe("ignore")
    expect(verdictOf(Exit.die({ status: 503 }))).toBe("ignore")
    expect(verdictOf(Exit.interrupt(1))).toBe("ignore")
  })

  it("is overload for timeouts, full pools, rate limits and the two statuses", async () => {
    expect(verdictOf(await Effect.runPromiseExit(Effect.timeout(Effect.never, 1)))).toBe("overload")
    const byStatus = [429, 503].flatMap((status) => [{ status }, new HttpError({ response: { status, headers: {} } })])
    const byName = [
      new Cause.TimeoutError(),
      new PoolFull({ reason: "QueueFull", pool: "other", size: 1, waiting: 1 }),
      new RateLimitExceeded({}),
      new AiError({ reason: { _tag: "RateLimitError" } }),
      new AiError({ reason: { response: { status: 503 } } })
    ]
    for (const error of [...byStatus, ...byName]) expect(failed(error)).toBe("overload")
  })

  it("finds the overload among several reasons", () => {
    const reasons = ["no", { status: 429 }, "no more"].flatMap((error) => Cause.fail<unknown>(error).reasons)
    expect(verdictOf(Exit.failCause(Cause.fromReasons([...Cause.die("bug").reasons, ...reasons])))).toBe("overload")
  })

  it("says when to try again, where the failure does", () => {
    const limit = { retryAfter: Duration.seconds(2), key: "k", limit: 1, remaining: 0 }
    const response = new Response(null, { status: 503, headers: { "Retry-After": "6" } })
    const inSeconds: ReadonlyArray<readonly [unknown, number]> = [
      [new RateLimiter.RateLimiterError({ reason: new RateLimiter.RateLimitExceeded(limit) }), 2],
      [new AiError({ reason: { _tag: "RateLimitError", retryAfter: 1 } }), 1],
      [{ status: 429, retryAfter: 3 }, 3],
      [{ status: 429, retryAfter: "4" }, 4],
      [{ response: { status: 503, headers: { "retry-after": "5" } } }, 5],
      [response, 6],
      [{ response }, 6],
      [{ status: 429, retryAfter: 0 }, 0],
      [{ status: 429, retryAfter: 0.5 }, 0.5],
      [{ status: 429, headers: { "retry-after": new Date(0).toUTCString() } }, 0]
    ]
    for (const [error, seconds] of inSeconds) expect(failed(error)).toEqual({ retryAfter: Duration.seconds(seconds) })
    const later = new Date(Date.now() + 10_000)
    const verdict = failed({ status: 429, headers: { "retry-after": later.toUTCString() } })
    const seconds = typeof verdict === "object" ? Duration.toSeconds(verdict.retryAfter) : NaN
    expect(Math.abs(seconds - 10)).toBeLessThan(3)
  })

  it("takes no nonsense for a time", () => {
    for (const retryAfter of ["", "soon", -1, NaN, {}, null]) {
      expect(failed({ status: 429, retryAfter })).toBe("overload")
    }
    expect(failed({ status: 200, retryAfter: 3 })).toBe("ignore")
  })

  it("sees through a failed Exit or Result that is the value of a success", () => {
    const refusal = Result.fail({ status: 503, retryAfter: 1 })
    expect(verdictOf(Exit.succeed(Exit.fail({ status: 429 })))).toBe("overload")
    expect(verdictOf(Exit.succeed(refusal))).toEqual({ retryAfter: Duration.seconds(1) })
    for (const exit of [Exit.fail("no"), Exit.die("bug")]) expect(verdictOf(Exit.succeed(exit))).toBe("ignore")
  })
})
