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
    for (
      const value of [undefined, null, 1, "overload", {}, [], { _tag: "Failure" }, Exit.succeed(1), Result.succeed(1)]
    ) {
      expect(verdictOf(Exit.succeed(value))).toBe("ok")
    }
    expect(verdictOf(Exit.succeed(Option.none()))).toBe("ok")
  })

  it("is ignore for ordinary failures, defects and interruption", () => {
    for (const error of ["no", undefined, null, 503, new Error("no"), { status: 404 }, { status: "429x" }]) {
      expect(failed(error)).toBe("ignore")
    }
    expect(verdictOf(Exit.die({ status: 503 }))).toBe("ignore")
    expect(verdictOf(Exit.interrupt(1))).toBe("ignore")
  })

  it("is overload for timeouts, full pools, rate limits and the two statuses", async () => {
    expect(verdictOf(await Effect.runPromiseExit(Effect.timeout(Effect.never, 1)))).toBe("overload")
    expect(failed(new Cause.TimeoutError())).toBe("overload")
    expect(failed(new PoolFull({ reason: "QueueFull", pool: "other", size: 1, waiting: 1 }))).toBe("overload")
    expect(failed(new RateLimitExceeded({}))).toBe("overload")
    expect(failed(new AiError({ reason: { _tag: "RateLimitError" } }))).toBe("overload")
    expect(failed(new AiError({ reason: { response: { status: 503 } } }))).toBe("overload")
    for (const status of [429, 503]) {
      expect(failed({ status })).toBe("overload")
      expect(failed(new HttpError({ response: { status, headers: {} } }))).toBe("overload")
    }
    expect(failed(new HttpError({ response: { status: 500 } }))).toBe("ignore")
  })

  it("finds the overload among several reasons", () => {
    const reasons = ["no", { status: 429 }, "no more"].flatMap((error) => Cause.fail<unknown>(error).reasons)
    expect(verdictOf(Exit.failCause(Cause.fromReasons([...Cause.die("bug").reasons, ...reasons])))).toBe("overload")
  })

  it("says when to try again, where the failure does", () => {
    const reason = new RateLimiter.RateLimitExceeded({
      retryAfter: Duration.seconds(2),
      key: "k",
      limit: 1,
      remaining: 0
    })
    expect(failed(new RateLimiter.RateLimiterError({ reason }))).toEqual({ retryAfter: Duration.seconds(2) })
    expect(failed({ status: 429, retryAfter: 3 })).toEqual({ retryAfter: Duration.seconds(3) })
    expect(failed({ status: 429, retryAfter: "4" })).toEqual({ retryAfter: Duration.seconds(4) })
    expect(failed({ response: { status: 503, headers: { "retry-after": "5" } } })).toEqual({
      retryAfter: Duration.seconds(5)
    })
    const response = new Response(null, { status: 503, headers: { "Retry-After": "6" } })
    expect(failed(response)).toEqual({ retryAfter: Duration.seconds(6) })
    expect(failed({ response })).toEqual({ retryAfter: Duration.seconds(6) })
    const timeUntil = (date: Date) => {
      const verdict = failed({ status: 429, headers: { "retry-after": date.toUTCString() } })
      return typeof verdict === "object" ? Duration.toSeconds(verdict.retryAfter) : NaN
    }
    expect(Math.abs(timeUntil(new Date(Date.now() + 10_000)) - 10)).toBeLessThan(3)
    expect(timeUntil(new Date(0))).toBe(0)
    expect(failed({ status: 429, retryAfter: 0 })).toEqual({ retryAfter: Duration.zero })
    expect(failed({ status: 429, retryAfter: 0.5 })).toEqual({ retryAfter: Duration.millis(500) })
  })

  it("takes no nonsense for a time", () => {
    for (const retryAfter of ["", "soon", -1, NaN, {}, null]) {
      expect(failed({ status: 429, retryAfter })).toBe("overload")
    }
    expect(failed({ status: 200, retryAfter: 3 })).toBe("ignore")
  })

  it("sees through a failed Exit or Result that is the value of a success", () => {
    expect(verdictOf(Exit.succeed(Exit.fail({ status: 429 })))).toBe("overload")
    expect(verdictOf(Exit.succeed(Result.fail({ status: 503, retryAfter: 1 })))).toEqual({
      retryAfter: Duration.seconds(1)
    })
    expect(verdictOf(Exit.succeed(Exit.fail("no")))).toBe("ignore")
    expect(verdictOf(Exit.succeed(Exit.die("bug")))).toBe("ignore")
  })
})
