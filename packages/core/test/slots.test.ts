import { expect, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import { GreenPile } from "../src/index.ts"
import { Semaphore, Waiter } from "../src/internal/semaphore.ts"
import { atRest, counters, forkNow, later, makePool, Stage, until, untilEffect, upTo, World } from "./support/index.ts"
import { testEffect } from "./support/test-effect.ts"

const names = (count: number) => upTo(count).map(String)

testEffect.each([0, 1, 3])("a pool of size %i starts jobs of all kinds in the order of their coming", function*(size) {
  const pool = yield* makePool(size)
  const stage = new Stage()
  for (const name of names(size)) yield* forkNow(pool.run(stage.job(name)))
  const pile = yield* Effect.orDie(GreenPile.make<string>(pool))
  const kinds: ReadonlyArray<(job: Effect.Effect<string>) => Effect.Effect<unknown, unknown>> = [
    pool.run,
    pool.spawn,
    pool.spawnN,
    pile.spawn,
    (job) => Stream.runDrain(pool.imap(() => job, [1])),
    pool.run
  ]
  for (const [index, kind] of kinds.entries()) {
    yield* forkNow(kind(stage.job(`${size + index}`)))
    yield* untilEffect(Effect.map(pool.waiting, (waiting) => waiting === index + 1))
  }
  expect(stage.started).toEqual(names(size))
  for (let i = 0; i < kinds.length; i++) {
    // one slot at a time, so that the order of the starts is that of the grants
    if (size === 0) yield* Effect.orDie(pool.resize(i + 1))
    else yield* stage.finish(`${i === 0 ? 0 : size + i - 1}`)
    yield* until(() => stage.started.length > size + i)
    yield* atRest
    expect(stage.started).toEqual(names(size + i + 1))
  }
  yield* stage.finishAll
  yield* pool.waitall
})

it("a pool that grows has no slot for a newcomer while it grants to those in the queue", () => {
  const semaphore = new Semaphore(0)
  const taken: Array<boolean> = []
  class Observer extends Waiter {
    onPermit(): void {
      taken.push(semaphore.takeIfAvailable())
    }
  }
  for (let waiter = 0; waiter < 3; waiter++) semaphore.wait(new Observer())
  semaphore.resize(4)
  expect(taken).toEqual([false, false, true])
})

testEffect("a freed slot goes to the head of the queue in the same step, before anybody else comes", function*() {
  const pool = yield* makePool(1)
  const stage = new Stage()
  const holder = yield* pool.spawn(stage.job("a"))
  yield* atRest
  yield* forkNow(pool.run(stage.job("b")))
  yield* forkNow(pool.run(stage.job("c")))
  holder.interruptUnsafe()
  // no turn has passed
  expect(yield* counters(pool)).toEqual({ free: 0, running: 1, waiting: 1, borrowed: 0 })
  expect(stage.started).toEqual(["a"])
  yield* forkNow(pool.run(stage.job("barger")))
  yield* forkNow(pool.spawn(stage.job("barger")))
  expect(yield* pool.waiting).toBe(3)
  yield* atRest
  expect(stage.started).toEqual(["a", "b"])
})

testEffect("spawn defers: its job, with its slot, starts when the spawner yields, also after a wait", function*() {
  const pool = yield* makePool(2)
  const stage = new Stage()
  yield* pool.spawn(stage.job("a"))
  yield* pool.spawnN(stage.job("b"))
  stage.note("still here")
  expect(yield* pool.running).toBe(2)
  yield* forkNow(Effect.andThen(pool.spawn(stage.job("c")), Effect.sync(() => stage.note("c is spawned"))))
  yield* atRest
  yield* stage.finish("a")
  yield* atRest
  expect(stage.events).toEqual(["still here", "a starts", "b starts", "a ends", "c is spawned", "c starts"])
})

it("a caller of run that gets its slot, and its turn, before it listens goes on", () => {
  const operations = 40
  for (let delay = 0; delay < operations; delay++) {
    const world = new World()
    const pool = world.pool(2)
    const stage = new Stage()
    world.fork(pool.run(stage.job("holder")))
    // The holder ends before the turn of the spawned job, which the caller's turn joins.
    const use = Effect.andThen(pool.spawn(stage.job("spawned")), later(delay, pool.run(Effect.succeed("went on"))))
    const caller = world.fork(Effect.andThen(stage.finish("holder"), use), operations)
    world.run()
    expect(caller.pollUnsafe()).toEqual(Exit.succeed("went on"))
    world.close()
  }
})
