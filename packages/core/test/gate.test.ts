/**
 * What the user's functions do to the pool while a call is about to wait: each step of the way in sees it.
 */
import { Cause, Effect, Exit, type Fiber, Option, Scope, Stream } from "effect"
import { describe, expect, it } from "vitest"
import { GreenPile, GreenPool, type GreenPoolOptions, PoolFull } from "../src/index.ts"
import { makeActingTracer } from "./support/acting-tracer.ts"
import { makeLog } from "./support/logged.ts"
import { World } from "./support/world.ts"

let world: World

/** A pool in a world of its own. */
const openPool = (options: GreenPoolOptions): GreenPool => {
  world = new World()
  return world.pool(options.size ?? 1, options)
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

const closePool = () => {
  world.fork(Scope.close(world.scope, Exit.void))
}

/** How the fiber has ended; undefined if it hasn't. */
const exitOf = (fiber: Fiber.Fiber<unknown, unknown>): string | undefined => {
  world.run()
  const exit = fiber.pollUnsafe()
  if (exit === undefined || exit._tag === "Success") return exit?._tag
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  return error instanceof PoolFull ? error.reason : "failed"
}

describe("a clock that is asked as a call joins the queue", () => {
  const actions: ReadonlyArray<readonly [string, (pool: GreenPool, holder: Fiber.Fiber<unknown>) => void, string]> = [
    ["closes the pool", closePool, "interrupted"],
    ["frees a slot", (_, holder) => holder.interruptUnsafe(), "Success"],
    ["fills the queue", (pool) => world.fork(pool.run(Effect.void)), "QueueFull"]
  ]

  it.each(actions)("and %s ends the span of the wait as the call", (_, act, expected) => {
    for (const verb of ["run", "spawn"] as const) {
      const pool = openPool({ maxWaiting: 1, tracing: true })
      const holder = world.fork(pool.run(Effect.never))
      actInClock(() => act(pool, holder))
      expect(exitOf(world.fork(pool[verb](Effect.void)))).toBe(expected)
      const { status } = world.tracer.waits[0]!
      const exit = status._tag === "Ended" ? status.exit : undefined
      expect(exit?._tag).toBe(expected === "Success" ? "Success" : "Failure")
      expect(exit?._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause)).toBe(expected === "interrupted")
    }
  })

  it("and frees a slot has a pile know its job", () => {
    const pool = openPool({})
    const holder = world.fork(pool.run(Effect.never))
    const pile = world.get(Effect.provideService(GreenPile.make(pool), Scope.Scope, world.scope))
    actInClock(() => holder.interruptUnsafe())
    world.fork(pile.spawn(Effect.succeed(1)))
    expect(world.get(pile.next)).toEqual(Option.some(1))
  })

  it("and frees a slot ends the call, if the tracer closes the pool when the wait has ended", () => {
    for (const verb of ["run", "spawn"] as const) {
      const pool = openPool({ tracing: true })
      const holder = world.fork(pool.run(Effect.never))
      actInClock(() => holder.interruptUnsafe())
      const tracer = makeActingTracer({ onEnd: closePool })
      expect(exitOf(world.fork(Effect.withTracer(pool[verb](Effect.never), tracer)))).toBe("interrupted")
    }
  })

  it("and closes the pool while the warning is set leaves no timer behind", () => {
    const pool = openPool({ slowWait: "1 second" })
    world.fork(pool.run(Effect.never))
    actInClock(closePool, 2)
    expect(exitOf(world.fork(pool.run(Effect.never)))).toBe("interrupted")
    expect(world.clock.sleeping).toBe(0)
  })

  it("and frees a slot while the time-out is set leaves no timer behind", () => {
    const pool = openPool({})
    const holder = world.fork(pool.run(Effect.never))
    actInClock(() => holder.interruptUnsafe(), 2)
    world.fork(pool.run(Effect.never, { maxWait: "1 hour" }))
    world.run()
    expect(world.get(pool.waiting)).toBe(0)
    expect(world.clock.sleeping).toBe(0)
  })
})

it("a wait that is traced sets no timer, unless it has a bound: one of a millisecond lasts that long", () => {
  const pool = openPool({ tracing: true })
  world.fork(pool.run(Effect.never))
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

  it.each<readonly [string, (holder: Fiber.Fiber<unknown>) => void, string]>([
    ["closes the pool", closePool, "interrupted"],
    ["frees a slot", (holder) => holder.interruptUnsafe(), "Success"]
  ])("a clock that %s", (_, act, expected) => {
    for (const reading of [1, 2]) {
      const pool = openPool({ onClose: "drain" })
      const holder = world.fork(pool.run(Effect.never))
      actInClock(() => act(holder), reading)
      expectEnd(pool, expected)
    }
  })

  it("the time, which a warning tells", () => {
    const { entries, layer } = makeLog()
    world = new World()
    const make = GreenPool.make({ size: 1, slowWait: "1 second" })
    const pool = world.get(Effect.orDie(Effect.provide(Scope.provide(make, world.scope), layer)))
    world.fork(pool.run(Effect.never))
    world.clock.advance(5000)
    map(pool)
    world.run()
    world.clock.advance(1000)
    world.run()
    expect(entries.map(({ message }) => String(message))).toEqual([
      "A caller has waited 1s for a slot of the pool (size 1, running 1, waiting 1)"
    ])
  })
})

it("a weight that takes the last slot leaves none for runIfAvailable", () => {
  const pool: GreenPool = openPool({ weight: actInWeight(() => world.fork(pool.run(Effect.never))) })
  expect(world.get(pool.runIfAvailable(Effect.void, { key: "a" }))).toEqual(Option.none())
})

it("a job without a key has no weight to ask for", () => {
  const asked: Array<string> = []
  const pool = openPool({ weight: (key) => asked.push(key) })
  world.get(pool.run(Effect.void, { priority: 1 }))
  world.get(pool.run(Effect.void, { key: "a" }))
  expect(asked).toEqual(["a"])
})
