/**
 * Tracers that act on the pool in the step in which it tells them of a wait.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, type Fiber } from "effect"
import type { GreenPool, GreenPoolOptions } from "../src/index.ts"
import { makeActingTracer } from "./support/acting-tracer.ts"
import { expectEmpty, expectWorking, isInterrupted, Stage, World } from "./support/index.ts"

/** A pool of one slot, and calls by a tracer that acts. */
const setUp = (options?: GreenPoolOptions) => {
  const world = new World()
  const pool = world.pool(1, { tracing: true, ...options })
  const fork = <A>(effect: Effect.Effect<A>, acts: Parameters<typeof makeActingTracer>[0]) =>
    world.fork(Effect.withTracer(effect, makeActingTracer(acts)))
  return { world, pool, stage: new Stage(), fork }
}

const calls: Record<string, (pool: GreenPool, job: Effect.Effect<unknown>) => Effect.Effect<unknown>> = {
  run: (pool, job) => pool.run(job),
  spawn: (pool, job) => pool.spawn(job)
}

describe.each(Object.entries(calls))("a tracer of a wait in %s", (_, call) => {
  it.each(["does nothing", "frees a slot", "closes the pool"])(
    "that %s and then throws leaves no caller in the queue: the call has a defect",
    (deed) => {
      const { fork, pool, world } = setUp()
      const holder = world.fork(pool.run(Effect.never))
      const onBegin = () => {
        if (deed === "frees a slot") holder.interruptUnsafe()
        if (deed === "closes the pool") world.close()
        throw new Error("no span")
      }
      expect(fork(call(pool, Effect.void), { onBegin }).pollUnsafe()).toEqual(Exit.die(new Error("no span")))
      holder.interruptUnsafe()
      world.run()
      world.get(deed === "closes the pool" ? expectEmpty(pool) : expectWorking(pool))
    }
  )

  it("that throws when the wait ends loses no slot and no place", () => {
    const { fork, pool, stage, world } = setUp()
    const onEnd = () => {
      throw new Error("no end")
    }
    world.fork(pool.run(stage.job("a")))
    fork(call(pool, stage.job("b")), { onEnd })
    world.fork(call(pool, stage.job("c")))
    world.get(stage.finishAll)
    expect(stage.started).toEqual(["a", "b", "c"])
    world.get(expectWorking(pool))
  })

  it("that interrupts the caller when the wait begins takes it out of the queue", () => {
    const { fork, pool, world } = setUp()
    world.fork(pool.run(Effect.never))
    const waiting = Effect.andThen(Effect.yieldNow, call(pool, Effect.void))
    const caller: Fiber.Fiber<unknown> = fork(waiting, { onBegin: () => caller.interruptUnsafe() })
    world.run()
    expect(isInterrupted(caller.pollUnsafe())).toBe(true)
    expect(world.get(pool.waiting)).toBe(0)
  })

  it.each(["a slot", "a loan"])(
    "that has another caller get a slot when %s ends the wait keeps their order",
    (what) => {
      const { fork, pool, stage, world } = setUp()
      const traced = call(pool, stage.job("traced"))
      const busy = pool.run(stage.gate("busy").await)
      if (what === "a slot") world.fork(busy)
      const caller = what === "a slot" ? traced : pool.run(Effect.all([busy, traced], { concurrency: 2 }))
      fork(caller, { onEnd: () => world.fork(pool.resize(2)) })
      world.fork(call(pool, stage.job("other")))
      world.run()
      world.get(stage.finish("busy"))
      expect(stage.started).toEqual(["traced", "other"])
    }
  )
})
