/**
 * Tracers that act on the pool in the step in which it tells them of a wait.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, type Fiber, Tracer } from "effect"
import type { GreenPool } from "../src/index.ts"
import { expectEmpty, expectWorking } from "./support/counters.ts"
import { Stage } from "./support/stage.ts"
import { World } from "./support/world.ts"

/** A tracer, its spans, and what is done when one begins or ends. */
const acting = (on: { readonly begin?: () => void; readonly end?: () => void }) => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span(options) {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      const end = span.end.bind(span)
      span.end = (time, exit) => {
        end(time, exit)
        on.end?.()
      }
      on.begin?.()
      return span
    }
  })
  return { tracer, spans }
}

const calls: Record<string, (pool: GreenPool, job: Effect.Effect<unknown>) => Effect.Effect<unknown>> = {
  run: (pool, job) => pool.run(job),
  spawn: (pool, job) => pool.spawn(job)
}

describe.each(Object.entries(calls))("a tracer of a wait in %s", (_, call) => {
  const interrupted = (fiber: Fiber.Fiber<unknown>) => {
    const exit = fiber.pollUnsafe()
    return exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
  }

  it("that frees a slot when the wait begins has the caller get it, and the wait is over", () => {
    const world = new World()
    const pool = world.pool(1, { tracing: true, maxWait: "1 second" })
    const stage = new Stage()
    const holder = world.fork(pool.run(Effect.never))
    const { spans, tracer } = acting({ begin: () => holder.interruptUnsafe() })
    const caller = world.fork(Effect.withTracer(call(pool, stage.job("a")), tracer))
    world.run()
    expect(stage.events).toEqual(["a starts"])
    expect(spans[0]?.status).toMatchObject({ exit: Exit.void })
    // It waits no more, so no time ends its wait.
    world.clock.advance(1000)
    world.get(stage.finish("a"))
    expect(stage.events).toEqual(["a starts", "a ends"])
    expect(caller.pollUnsafe()?._tag).toBe("Success")
    world.get(expectWorking(pool))
  })

  it.each(["does nothing", "frees a slot", "closes the pool"])(
    "that %s and then throws leaves no caller in the queue: the call has a defect",
    (deed) => {
      const world = new World()
      const pool = world.pool(1, { tracing: true })
      const holder = world.fork(pool.run(Effect.never))
      const { tracer } = acting({
        begin: () => {
          if (deed === "frees a slot") holder.interruptUnsafe()
          if (deed === "closes the pool") world.close()
          throw new Error("no span")
        }
      })
      const exit = world.fork(Effect.withTracer(call(pool, Effect.void), tracer)).pollUnsafe()
      expect(exit).toEqual(Exit.die(new Error("no span")))
      holder.interruptUnsafe()
      world.run()
      world.get(deed === "closes the pool" ? expectEmpty(pool) : expectWorking(pool))
    }
  )

  it("that interrupts the caller when the wait begins takes it out of the queue", () => {
    const world = new World()
    const pool = world.pool(1, { tracing: true })
    const holder = world.fork(pool.run(Effect.never))
    const { tracer } = acting({ begin: () => caller.interruptUnsafe() })
    const caller: Fiber.Fiber<unknown> = world.fork(
      Effect.andThen(Effect.yieldNow, Effect.withTracer(call(pool, Effect.void), tracer))
    )
    world.run()
    expect(interrupted(caller)).toBe(true)
    expect(world.get(pool.waiting)).toBe(0)
    holder.interruptUnsafe()
    world.run()
    world.get(expectWorking(pool))
  })

  it("that has another caller get a slot when the wait ends keeps the order of the grants", () => {
    const world = new World()
    const pool = world.pool(1, { tracing: true })
    const stage = new Stage()
    const holder = world.fork(pool.run(Effect.never))
    const { tracer } = acting({ end: () => world.fork(pool.resize(2)) })
    world.fork(Effect.withTracer(call(pool, stage.job("a")), tracer))
    world.fork(call(pool, stage.job("b")))
    world.run()
    holder.interruptUnsafe()
    world.run()
    expect(stage.started).toEqual(["a", "b"])
  })

  it("that has another caller get a slot when a loan ends the wait keeps their order", () => {
    const world = new World()
    const pool = world.pool(1, { tracing: true })
    const stage = new Stage()
    const borrower = Deferred.makeUnsafe<void>()
    const { tracer } = acting({ end: () => world.fork(pool.resize(2)) })
    world.fork(pool.run(Effect.all([
      pool.run(Deferred.await(borrower)),
      Effect.withTracer(call(pool, stage.job("nested")), tracer)
    ], { concurrency: 2 })))
    world.fork(call(pool, stage.job("other")))
    world.run()
    Deferred.doneUnsafe(borrower, Exit.void)
    world.run()
    expect(stage.started).toEqual(["nested", "other"])
  })
})
