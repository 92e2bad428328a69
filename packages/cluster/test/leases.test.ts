/**
 * Leases: what becomes of them when a process, the coordinator, or the wire between them fails.
 */
import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { pass, settle } from "./support/cluster.ts"
import { Cluster } from "./support/wire.ts"

it.effect("leases of a process that is heard go on for ever, whether it is idle or busy", () =>
  Effect.gen(function*() {
    const cluster = yield* Cluster.make()
    const { pool } = yield* cluster.member({ size: 2 })
    const gate = yield* Deferred.make<void>()
    const jobs = yield* Effect.forkChild(
      Effect.all([pool.run(Deferred.await(gate)), pool.run(Deferred.await(gate))], { concurrency: 2 })
    )
    yield* pass(1000, 60)
    expect(yield* pool.running).toBe(2)
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(jobs)
    const busy = yield* Effect.forkChild(Effect.forever(pool.run(Effect.sleep(10))))
    yield* pass(10, 3000)
    expect(busy.pollUnsafe()).toBeUndefined()
    expect(yield* pool.running).toBe(1)
  }))

it.effect("a process that is cut off stops its jobs before the coordinator gives its slots away (C13, C16)", () =>
  Effect.gen(function*() {
    const cluster = yield* Cluster.make()
    const { pool, wire } = yield* cluster.member({ size: 2 })
    const other = yield* cluster.member({ size: 2 })
    let running = 0
    let most = 0
    const job = Effect.sync(() => most = Math.max(most, ++running)).pipe(
      Effect.andThen(Effect.never),
      // Finalizers may take almost as long as the grace.
      Effect.ensuring(Effect.andThen(Effect.sleep(900), Effect.sync(() => running--)))
    )
    const cutOff = [yield* Effect.forkChild(pool.run(job)), yield* Effect.forkChild(pool.run(job))]
    yield* settle
    const waiting = yield* Effect.forkChild(pool.run(Effect.succeed("served")))
    const late = [yield* Effect.forkChild(other.pool.run(job)), yield* Effect.forkChild(other.pool.run(job))]
    yield* pass(100)
    const runs = [yield* pool.running, yield* other.pool.running]
    wire.cut()
    const steps: Array<string> = []
    for (let tenth = 1; tenth <= 180; tenth++) {
      yield* pass(100)
      const step = `${yield* pool.running} ${yield* other.pool.running}`
      if (steps.at(-1) !== step) steps.push(step)
    }
    const exits = cutOff.map((fiber) => fiber.pollUnsafe())
    const isWaiting = waiting.pollUnsafe() === undefined
    // When it is heard again, it is served.
    wire.mend()
    for (const fiber of late) fiber.interruptUnsafe()
    yield* pass(100, 30)
    expect({ most, runs, steps, isWaiting }).toEqual({
      most: 2,
      runs: [2, 0],
      steps: ["2 0", "0 0", "0 2"],
      isWaiting: true
    })
    expect(exits.every((exit) => exit !== undefined && Exit.hasInterrupts(exit))).toBe(true)
    expect(yield* Fiber.join(waiting)).toBe("served")
  }))
