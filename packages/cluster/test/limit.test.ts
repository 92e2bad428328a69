/**
 * The limit: what all members together may run at most, with every verb.
 */
import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { TestRunner } from "effect/cluster"
import { KeyValueStore } from "effect/persistence"
import { ClusterGreenPool } from "../src/index.ts"
import { member, pass, ready } from "./support/cluster.ts"

it.effect("three members together never run more than the size, with every verb", () =>
  Effect.gen(function*() {
    yield* ready
    const pools = yield* Effect.forEach([1, 2, 3], () => member({ size: 4 }))
    let running = 0
    let most = 0
    let ended = 0
    const job = Effect.gen(function*() {
      most = Math.max(most, ++running)
      yield* Effect.sleep(20)
    }).pipe(Effect.ensuring(Effect.sync(() => {
      running--
      ended++
    })))
    const fibers: Array<Fiber.Fiber<unknown>> = []
    for (const pool of pools) {
      const slot = Effect.scoped(Effect.flatMap(pool.takeScoped(), (slot) => slot.within(job)))
      const program = Effect.all([
        Effect.forEach([1, 2, 3, 4], () => pool.run(job), { concurrency: "unbounded" }),
        Effect.forEach([1, 2, 3], () => pool.spawn(job)),
        Effect.forEach([1, 2, 3], () => pool.spawnN(job)),
        slot,
        Stream.runDrain(pool.imap(() => job, [1, 2, 3, 4, 5, 6])),
        Stream.runDrain(pool.imapUnordered(() => job, [1, 2, 3])),
        Stream.runDrain(pool.runStream(Stream.fromEffect(job))),
        // Nested jobs borrow: they are no further ones.
        pool.run(pool.run(job))
      ], { concurrency: "unbounded" })
      fibers.push(yield* Effect.forkChild(program))
    }
    yield* pass(5, 300)
    for (const fiber of fibers) yield* Fiber.join(fiber)
    expect({ most, running, ended }).toEqual({ most: 4, running: 0, ended: 3 * 22 })
    for (const pool of pools) yield* pool.waitall
    expect((yield* pools[0]!.clusterStats).leased).toBe(0)
  }).pipe(Effect.provide(ClusterGreenPool.layerTest())))

it.effect("a job on a slot that the process has used costs no message", () =>
  Effect.gen(function*() {
    yield* ready
    const pool = yield* member({ size: 2 })
    yield* pool.run(Effect.void)
    const leased = yield* pool.leased
    // Nothing passes in between: neither time nor a turn of the event loop.
    const done = yield* Effect.forkChild(Effect.forEach([Effect.void, Effect.void, Effect.void], pool.run), {
      startImmediately: true
    })
    expect(done.pollUnsafe()?._tag).toBe("Success")
    expect(yield* pool.leased).toBe(leased)
  }).pipe(Effect.provide(ClusterGreenPool.layerTest())))

it.effect("callers of a process without a coordinator wait, and are served when there is one", () =>
  Effect.gen(function*() {
    yield* ready
    const pool = yield* member({ size: 1 })
    const gate = yield* Deferred.make<void>()
    const run = yield* Effect.forkChild(pool.run(Deferred.await(gate)))
    yield* pass(1000, 20)
    expect([yield* pool.running, yield* pool.waiting]).toEqual([0, 1])
    yield* Layer.build(ClusterGreenPool.layerCoordinator().pipe(Layer.provide(KeyValueStore.layerMemory)))
    yield* pass(1000)
    expect([yield* pool.running, yield* pool.waiting]).toEqual([1, 0])
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(run)
  }).pipe(Effect.provide(TestRunner.layer)))
