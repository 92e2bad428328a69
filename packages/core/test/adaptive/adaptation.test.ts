/**
 * The adaptation of a pool by itself: what it makes of the ends of jobs, of pauses and of sizes that are asked for.
 */
import { Clock, Context, Effect, Exit, Logger, References, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { GreenPoolOptions, toSettings } from "../../src/GreenPoolOptions.ts"
import { PoolFull, type Verdict } from "../../src/index.ts"
import { Adaptation, type AdaptiveSettings } from "../../src/internal/adaptation.ts"
import { Tasks } from "../../src/internal/tasks.ts"
import { Timers } from "../../src/internal/timers.ts"
import { VirtualClock } from "../support/virtual-clock.ts"

const ok = Exit.void
const failed = (error: unknown) => Exit.fail(error)

/** An adaptation, and what it says: the sizes that it sets, and what it logs. */
const make = (size: number, settings?: Partial<AdaptiveSettings>, clock = new VirtualClock()) => {
  const said: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => void said.push(String(message)))
  const context = Context.make(Clock.Clock, clock as Clock.Clock).pipe(
    Context.add(Logger.CurrentLoggers, new Set([logger])),
    Context.add(References.MinimumLogLevel, "All")
  )
  const timers = new Timers(clock, context, new Tasks({ scheduleTask: (run) => run(), flush() {} }))
  const setSize = (size: number) => void said.push(`size ${size}`)
  const bounds = { min: 1, max: 1000, target: Infinity, classify: undefined, ...settings }
  const adaptation = new Adaptation({ name: "own", setSize }, bounds, size, timers, context)
  /** So many jobs end with this exit, a tenth of a second after each other; returns what is new. */
  const end = (exit: Exit.Exit<unknown, unknown>, count = 1, free = 0) => {
    const { length } = said
    for (let i = 0; i < count; i++) {
      clock.advance(100)
      adaptation.ended(exit, 4, free)
    }
    return said.slice(length).filter((text, i, texts) => text !== texts[i - 1])
  }
  return { adaptation, clock, end, said }
}

it("says when it has found its size and when it cuts it, once each", () => {
  const { adaptation, end } = make(4)
  const sizes = ["size 4", "size 8", "size 16", "size 32", "size 18"]
  expect(end(ok, 130)).toEqual([...sizes, "The pool has found its size: 18", "size 18"])
  const cut = ["size 18", "size 14", "The backend is overloaded: the size is cut to 14", "size 14"]
  expect(end(failed({ status: 503 }), 7)).toEqual(cut)
  expect(adaptation.stats.ceiling).toBe(18)
  // as after a probe that holds
  adaptation["elasticity"].ceiling = 22.5
  expect(adaptation.stats.ceiling).toBe(23)
})

describe("a pause", () => {
  const refusal = (retryAfter: number) => failed({ status: 429, retryAfter })

  it("begins and ends with a size; the longest of several counts, and 60 seconds at the most", () => {
    const { clock, end } = make(20)
    expect(end(refusal(2))).toEqual(["size 0", "The backend is overloaded: the pool pauses for 2s"])
    expect([...end(refusal(3)), ...end(refusal(1))]).toEqual([])
    clock.advance(2700)
    expect(end(ok)).toEqual([])
    expect(end(ok)).toEqual(["size 15", "The pool resumes with size 15", "size 15"])
    expect(end(refusal(3600))).toEqual(["size 0", "The backend is overloaded: the pool pauses for 1m"])
  })

  it("of no time is none, one of a millisecond is one", () => {
    const { end } = make(20)
    expect(end(refusal(0))).toEqual(["size 15", "The backend is overloaded: the size is cut to 15"])
    const { adaptation, said } = make(20)
    // At time 0, and again.
    for (let pauses = 0; pauses < 2; pauses++) {
      if (pauses > 0) adaptation.resized(20)
      adaptation.ended(refusal(0.001), 4, 0)
      expect(said.splice(0).slice(-2)).toEqual(["size 0", "The backend is overloaded: the pool pauses for 1ms"])
    }
  })

  it("hears nothing of the jobs that end in it", () => {
    const { adaptation, end } = make(20)
    end(refusal(60))
    end(failed({ status: 503 }), 100)
    expect(adaptation.stats.cuts).toBe(1)
  })

  it("is over at once with a clock that does not sleep", () => {
    const clock = new VirtualClock()
    clock.sleep = () => Effect.void
    const { adaptation, end, said } = make(20, {}, clock)
    end(refusal(2))
    expect(adaptation.stats.phase).toBe("steady")
    expect(said).not.toContain("size 0")
  })

  it("ends as it began where the clock asks for a rest just then", () => {
    const { adaptation, clock, end, said } = make(20)
    end(refusal(2))
    const { length } = said
    let readings = 0
    clock.monotonicTimeNanosUnsafe = () => {
      // The first is that of the timers.
      if (clock.now >= 2000 && ++readings === 2) adaptation.resized(0)
      return BigInt(clock.now * 1e6)
    }
    clock.advance(2000)
    expect(new Set(said.slice(length))).toEqual(new Set(["size 0"]))
  })
})

it("a rest keeps what has been found", () => {
  const { adaptation, end } = make(20)
  end(failed({ status: 429, retryAfter: 1 }))
  adaptation.resized(0)
  expect(adaptation.stats).toMatchObject({ phase: "resting", ceiling: 20, cuts: 1 })
})

it("a single free slot at the end of each job is enough not to want more", () => {
  const { end } = make(4)
  expect(end(ok, 100, 1)).toEqual(["size 4"])
})

it("a refusal counts, unless it is the pool's own", () => {
  const full = { reason: "QueueFull", size: 1, waiting: 1 } as const
  const isCut = (error: unknown) => {
    const { adaptation, end } = make(1)
    end(failed(error), 60)
    return adaptation.stats.cuts > 0
  }
  expect(isCut(new PoolFull({ ...full, pool: "own" }))).toBe(false)
  expect(isCut(new PoolFull({ ...full, pool: "other" }))).toBe(true)
  // A backend may have a pool of that name.
  expect(isCut({ status: 503, pool: "own" })).toBe(true)
})

it("a classify that throws is logged once", () => {
  const classify = (): Verdict => {
    throw new Error("no verdict")
  }
  const { end } = make(4, { classify })
  const warning = "`classify` threw: jobs for which it throws count neither for nor against the size"
  expect(end(ok, 3)).toEqual([warning, "size 4"])
})

it("the options of a pool have their defaults and units", () => {
  const settings = Effect.runSync(toSettings({ adaptive: { latencyTarget: "500 millis", min: 1, max: 1 } }))
  expect(settings.adaptive).toMatchObject({ min: 1, max: 1, target: 0.5 })
  expect(settings.weight("any")).toBe(1)
  expect(Schema.decodeUnknownSync(GreenPoolOptions)({ adaptive: { min: 1, max: 1 } })).toBeDefined()
})
