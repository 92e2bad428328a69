/**
 * The limit: what all members together may run at most, with every verb.
 */
import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
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

it.effect("the limit holds under random load and resizing, with members that come and go", () =>
  Effect.gen(function*() {
    yield* ready
    let seed = 7
    const below = (bound: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
      return (seed >>> 8) % bound
    }
    let running = 0
    // What may run: the size, and after a shrink what ran then, until it has ended.
    let size = 5
    let allowed = 5
    const broken: Array<string> = []
    const job = Effect.suspend(() => {
      running++
      if (running > allowed) broken.push(`${running} of ${allowed}`)
      return Effect.sleep(below(40)).pipe(Effect.ensuring(Effect.sync(() => {
        running--
        allowed = Math.max(size, Math.min(allowed, running))
      })))
    })
    const open = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const options = { size: 5, name: "random", ...below(2) === 0 ? { onClose: "drain" as const } : {} }
      return { scope, pool: yield* Scope.provide(member(options), scope) }
    })
    const pools = [yield* open, yield* open, yield* open]
    for (let step = 0; step < 150; step++) {
      const index = below(pools.length)
      const { pool, scope } = pools[index]!
      const what = below(20)
      if (what < 6) { for (let i = below(8); i > 0; i--) yield* Effect.forkChild(pool.run(job)) }
      else if (what < 8) yield* Effect.forkChild(pool.spawn(job))
      else if (what < 10) yield* Effect.forkChild(Stream.runDrain(pool.imap(() => job, [1, 2, 3, 4, 5])))
      else if (what < 12) yield* Effect.forkChild(pool.runIfAvailable(job))
      else if (what === 12) {
        const next = below(8)
        if (next > size) allowed = Math.max(allowed, size = next)
        const resize = yield* Effect.forkChild(pool.resize(next))
        yield* pass(5, 2)
        expect(resize.pollUnsafe()?._tag).toBe("Success")
        size = next
        allowed = Math.max(size, running)
      } else if (what === 13) {
        pools[index] = yield* open
        yield* Effect.forkChild(Scope.close(scope, Exit.void))
      } else {
        yield* pass(5)
      }
    }
    expect(broken).toEqual([])
    yield* pools[0]!.pool.resize(5)
    yield* pass(10, 100)
    expect(running).toBe(0)
    yield* pools[0]!.pool.waitall
    const stats = yield* pools[0]!.pool.clusterStats
    expect({ leased: stats.leased, members: stats.members.length }).toEqual({ leased: 0, members: 3 })
  }).pipe(Effect.provide(ClusterGreenPool.layerTest())))
