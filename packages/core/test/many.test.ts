import { expect } from "@effect/vitest"
import { Effect, type Fiber } from "effect"
import type { GreenPool } from "../src/index.ts"
import { Growth } from "./support/heap.ts"
import { expectEmpty, expectWorking, makePool, Stage, testLive } from "./support/index.ts"

testLive.each(["run", "spawn", "spawnN"] as const)(
  "very many jobs of %s that complete synchronously overflow no stack, and leave nothing behind",
  function*(verb) {
    const many = 50_000
    const pool = yield* makePool(10)
    const growth = new Growth(many)
    let left = many
    const body = () => Effect.andThen(pool[verb](Effect.void) as Effect.Effect<unknown>, growth.step)
    yield* Effect.whileLoop({ while: () => left-- > 0, body, step: () => {} })
    yield* pool.waitall
    expect((yield* pool.stats).succeeded).toBe(many)
    growth.expectLessThan(8)
    yield* expectEmpty(pool)
  }
)

/** The processor time that `use` takes with so many fibers in the queue of a full pool. */
const time = (
  count: number,
  use: (fibers: ReadonlyArray<Fiber.Fiber<unknown>>, pool: GreenPool, stage: Stage) => Effect.Effect<unknown>,
  verb: "run" | "spawn"
) =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* makePool(1)
    const stage = new Stage()
    yield* pool.spawn(stage.job("holder"))
    const fibers: Array<Fiber.Fiber<unknown>> = []
    const call = pool[verb](Effect.void) as Effect.Effect<unknown>
    for (let i = 0; i < count; i++) fibers.push(yield* Effect.forkDetach(call, { startImmediately: true }))
    expect(yield* pool.waiting).toBe(count)
    const start = process.cpuUsage()
    yield* use(fibers, pool, stage)
    const { system, user } = process.cpuUsage(start)
    expect(yield* pool.waiting).toBe(0)
    yield* stage.finishAll
    yield* pool.waitall
    yield* expectWorking(pool)
    return user + system
  }))

const cancelAll = (fibers: ReadonlyArray<Fiber.Fiber<unknown>>) =>
  Effect.sync(() => fibers.forEach((fiber) => fiber.interruptUnsafe()))
const serveAll = (_: unknown, pool: GreenPool, stage: Stage) => Effect.andThen(stage.finishAll, pool.waitall)

testLive.each<readonly [string, Parameters<typeof time>[1], "run" | "spawn"]>([
  ["are cancelled in order", cancelAll, "run"],
  ["are cancelled against their order", (fibers) => cancelAll(fibers.toReversed()), "run"],
  ["get the slot, one after the other,", serveAll, "run"],
  ["of spawn get the slot, one after the other,", serveAll, "spawn"]
])("very many waiting fibers %s in linear time, and do not overflow the stack", function*([, use, verb]) {
  yield* time(5000, use, verb)
  const short = yield* time(5000, use, verb)
  const long = yield* time(50_000, use, verb)
  // linear would be 10, quadratic 100
  expect(long / short).toBeLessThan(50)
})
