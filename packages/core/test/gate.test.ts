/**
 * What the user's functions do to the pool while a call is on its way in: each step of it sees that.
 */
import { allowanceOf } from "@greenpool/core/allowance"
import { Cause, Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import { describe, expect, it } from "vitest"
import { GreenPile, type GreenPool, type GreenPoolOptions, type JobOptions, PoolFull } from "../src/index.ts"
import { makeActingTracer } from "./support/acting-tracer.ts"
import { defectOf, expectEmpty, expectWorking, outside, Stage, World } from "./support/index.ts"

let world: World

/** A pool in a world of its own. */
const openPool = ({ size = 1, ...options }: GreenPoolOptions): GreenPool => {
  world = new World()
  return world.pool(size, options)
}

/** A full pool, whose slot `free` frees. */
const openFull = (options: GreenPoolOptions = {}) => {
  const pool = openPool(options)
  const holder = world.fork(pool.run(Effect.never))
  return { pool, free: () => holder.interruptUnsafe() }
}

/** Acts in the next reading of the clock, or in a later one. */
const actInClock = (act: () => void, reading = 1): void => {
  const { clock } = world
  let left = reading
  clock.monotonicTimeNanosUnsafe = () => {
    if (--left === 0) act()
    return BigInt(clock.now * 1e6)
  }
}

/** A weight that acts when it is asked for. */
const actInWeight = (act: () => void) => () => {
  act()
  return 1
}

const closePool = () => void world.fork(Scope.close(world.scope, Exit.void))

/** How the fiber has ended; undefined if it hasn't. */
const exitOf = (fiber: Fiber.Fiber<unknown, unknown>): string | undefined => {
  world.run()
  const exit = fiber.pollUnsafe()
  if (exit === undefined || exit._tag === "Success") return exit?._tag
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  return error instanceof PoolFull ? error.reason : "failed"
}

const makePile = (pool: GreenPool) => world.get(Scope.provide(GreenPile.make<number>(pool), world.scope))

const verbs = ["run", "spawn", "spawnN", "runIfAvailable", "spawnIfAvailable"] as const
const waitingVerbs = ["run", "spawn", "spawnN"] as const

describe("a clock that is asked as a call joins the queue", () => {
  const actions: ReadonlyArray<readonly [string, (pool: GreenPool, free: () => void) => void, string]> = [
    ["closes the pool", closePool, "interrupted"],
    ["frees a slot", (_, free) => free(), "Success"],
    ["fills the queue", (pool) => world.fork(pool.run(Effect.void)), "QueueFull"]
  ]

  it.each(actions)("and %s ends the span of the wait as the call", (_, act, expected) => {
    for (const verb of ["run", "spawn"] as const) {
      const { free, pool } = openFull({ maxWaiting: 1, tracing: true })
      actInClock(() => act(pool, free))
      expect(exitOf(world.fork(pool[verb](Effect.void)))).toBe(expected)
      const { status } = world.tracer.waits[0]!
      const exit = status._tag === "Ended" ? status.exit : undefined
      expect(exit?._tag).toBe(expected === "Success" ? "Success" : "Failure")
      expect(exit?._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause)).toBe(expected === "interrupted")
    }
  })

  it("and frees a slot has a pile know its job", () => {
    const { free, pool } = openFull()
    const pile = makePile(pool)
    actInClock(free)
    world.fork(pile.spawn(Effect.succeed(1)))
    expect(world.get(pile.next)).toEqual(Option.some(1))
  })

  it("and closes the pool while the warning is set leaves no timer behind", () => {
    const { pool } = openFull({ slowWait: "1 second" })
    actInClock(closePool, 2)
    expect(exitOf(world.fork(pool.run(Effect.never)))).toBe("interrupted")
    expect(world.clock.sleeping).toBe(0)
  })

  it.each([0, 1000])("and frees a slot as the time-out is set, and takes %i ms, leaves the caller the slot", (time) => {
    const { free, pool } = openFull()
    actInClock(() => {
      free()
      world.clock.now += time
      // The time of the call is over by then: a sleep of none ends at once.
      if (time > 0) world.clock.sleep = () => Effect.void
    }, 2)
    const caller = world.fork(pool.run(Effect.never, { maxWait: 10 }))
    expect(exitOf(caller)).toBeUndefined()
    world.clock.advance(0)
    expect(exitOf(caller)).toBeUndefined()
    expect(world.get(pool.stats)).toMatchObject({ running: 1, waiting: 0, rejected: 0 })
    expect(world.clock.sleeping).toBe(0)
  })

  it.each(["run", "spawn", "pile"] as const)("of %s and frees a slot and throws: the slot is free again", (verb) => {
    const { free, pool } = openFull()
    const pile = makePile(pool)
    actInClock(() => {
      free()
      throw new Error("no time")
    }, 2)
    const call: (job: Effect.Effect<never>, options: JobOptions) => Effect.Effect<unknown, unknown> = verb === "pile"
      ? pile.spawn
      : pool[verb]
    const caller = world.fork(call(Effect.never, { maxWait: 10 }))
    world.run()
    expect(defectOf(caller.pollUnsafe())).toEqual(new Error("no time"))
    expect(world.get(pile.next)).toEqual(Option.none())
    world.get(expectWorking(pool))
  })
})

it.each([1, 2, 3])("an adaptive pool about to pause stays at 0 if the clock pauses it, at reading %i", (reading) => {
  const classify = () => {
    actInClock(() => outside.runSync(Effect.orDie(pool.resize(0))), reading)
    return { retryAfter: "1 second" } as const
  }
  const pool: GreenPool = openPool({ size: 4, adaptive: { min: 1, max: 10, classify } })
  world.get(pool.run(Effect.void))
  world.clock.advance(2000)
  world.run()
  expect(world.get(pool.stats)).toMatchObject({ size: 0, adaptive: { phase: "resting" } })
})

describe("a tracer", () => {
  it.each(waitingVerbs)("that closes the pool when the wait of %s has ended has it start nothing", (verb) => {
    for (const isOnItsWay of [true, false]) {
      const { free, pool } = openFull({ tracing: true })
      const stage = new Stage()
      if (isOnItsWay) actInClock(free)
      const call: Effect.Effect<unknown> = Effect.uninterruptible(pool[verb](stage.job("job")))
      const caller = world.fork(Effect.withTracer(call, makeActingTracer({ onEnd: closePool })))
      free()
      expect(exitOf(caller)).toBe("interrupted")
      expect(stage.started).toEqual([])
      world.get(expectEmpty(pool))
    }
  })

  it("gets no call in before the queue while several slots are granted", () => {
    const pool = openPool({ size: 0, tracing: true })
    const stage = new Stage()
    let got = Option.some<unknown>(undefined)
    const onEnd = () => got = outside.runSync(pool.spawnIfAvailable(stage.job("barged in")))
    const tracer = makeActingTracer({ onEnd })
    for (const name of ["first", "second"]) world.fork(Effect.withTracer(pool.run(stage.job(name)), tracer))
    world.get(pool.resize(2))
    expect(got).toEqual(Option.none())
    expect(stage.started).toEqual(["first", "second"])
  })
})

it("a wait that is traced sets no timer, unless it has a bound: one of a millisecond lasts that long", () => {
  const { pool } = openFull({ tracing: true })
  world.fork(pool.run(Effect.never))
  expect(world.clock.sleeping).toBe(0)
  const bounded = world.fork(pool.run(Effect.void, { maxWait: 1 }))
  expect(exitOf(bounded)).toBeUndefined()
  world.clock.advance(1)
  expect(exitOf(bounded)).toBe("WaitTimeout")
})

describe("the way in of a map's item sees", () => {
  const map = (pool: GreenPool) => world.fork(Stream.runDrain(pool.imap(() => Effect.void, [1], { key: "a" })))

  const expectEnd = (pool: GreenPool, expected: string) => {
    expect(exitOf(map(pool))).toBe(expected)
    expect(world.get(pool.stats).succeeded).toBe(expected === "Success" ? 1 : 0)
  }

  it.each(["interrupt", "drain"] as const)("a weight that closes the pool, with %s", (onClose) => {
    expectEnd(openPool({ onClose, weight: actInWeight(closePool) }), "interrupted")
  })

  it.each<readonly [string, (free: () => void) => void, string]>([
    ["closes the pool", closePool, "interrupted"],
    ["frees a slot", (free) => free(), "Success"]
  ])("a clock that %s", (_, act, expected) => {
    for (const reading of [1, 2]) {
      const { free, pool } = openFull({ onClose: "drain" })
      actInClock(() => act(free), reading)
      expectEnd(pool, expected)
    }
  })
})

describe("an item of a map that was begun outside, and is read next inside a job,", () => {
  /** An item that waits; then the map is read in the job that runs, and `act` is called before. */
  const readInside = (options: GreenPoolOptions, act: (pool: GreenPool) => void) => {
    const pool = openPool(options)
    const pull = world.get(Scope.provide(Stream.toPull(pool.imap(() => Effect.never, [1, 2])), world.scope))
    const stage = new Stage()
    const job = world.fork(pool.run(Effect.andThen(stage.gate("read").await, pull)))
    world.get(Fiber.interrupt(world.fork(pull)))
    act(pool)
    world.get(stage.finish("read"))
    return { job, pool }
  }

  it("is refused if the clock closes the pool then", () => {
    const { job, pool } = readInside({ metrics: true }, () => actInClock(closePool))
    expect(exitOf(job)).toBe("interrupted")
    world.get(expectEmpty(pool))
  })

  it("borrows the slot of the job, and the allowance is told that it waits no more", () => {
    const told: Array<number> = []
    readInside({}, (pool) => {
      const allowance = allowanceOf(pool)
      allowance.onDemand(() => told.push(allowance.waiting()))
    })
    expect(told).toEqual([0])
  })
})

describe("a weight", () => {
  it("that takes the last slot leaves none for runIfAvailable", () => {
    const pool: GreenPool = openPool({ weight: actInWeight(() => world.fork(pool.run(Effect.never))) })
    expect(world.get(pool.runIfAvailable(Effect.void, { key: "a" }))).toEqual(Option.none())
  })

  it("is asked for once when a key comes into use, and never for jobs without a key", () => {
    const asked: Array<string> = []
    const pool = openPool({ weight: (key) => asked.push(key) })
    const stage = new Stage()
    world.get(pool.run(Effect.void, { priority: 1 }))
    for (const key of ["a", "a", "b"]) world.fork(pool.run(stage.job("job"), { key }))
    world.fork(Stream.runDrain(pool.imap(() => Effect.void, [1], { key: "b" })))
    expect(asked).toEqual(["a", "b"])
    world.get(stage.finishAll)
    world.get(pool.run(Effect.void, { key: "a" }))
    expect(asked).toEqual(["a", "b", "a"])
    expect(world.get(pool.keys)).toEqual([])
  })
})

it.each(
  [
    ["weight", 1, "interrupt", verbs],
    ["maxWaiting", 0, "interrupt", waitingVerbs],
    ["maxWaiting", 5, "interrupt", waitingVerbs],
    ["maxWaiting", 0, "drain", waitingVerbs],
    ["maxWaiting", 5, "drain", waitingVerbs]
  ] as const
)("a %s of %i that closes the pool, to %s, has callers interrupted, not rejected", (what, answer, onClose, verbs) => {
  for (const verb of verbs) {
    const ask = () => {
      closePool()
      return answer
    }
    const pool = openPool({ size: what === "weight" ? 1 : 0, onClose, [what]: ask })
    const call: (job: Effect.Effect<void>, options: JobOptions) => Effect.Effect<unknown, unknown> = pool[verb]
    expect(exitOf(world.fork(call(Effect.void, { key: "a" })))).toBe("interrupted")
    expect(world.get(pool.stats).rejected).toBe(0)
    world.get(expectEmpty(pool))
  }
})
