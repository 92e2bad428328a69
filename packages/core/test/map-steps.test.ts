/**
 * What a map does between the steps of its jobs: when it starts the next one, and what becomes of one that hasn't begun.
 */
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { describe, expect, it } from "vitest"
import { isInterrupted } from "./support/exits.ts"
import { forkNow } from "./support/forkNow.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { Reader } from "./support/reader.ts"
import { Stage } from "./support/stage.ts"
import { World } from "./support/world.ts"

const many = [0, 1, 2, 3]

it("A job that ends makes room for the next before its result is read, in a window wider than the concurrency", () => {
  const world = new World()
  const jobs = new MapJobs()
  const reader = new Reader(world, world.pool(2).imap(jobs.job, many, { concurrency: 1, window: 3 }))
  jobs.finish(0)
  reader.pull()
  expect(jobs.started).toEqual([0, 1])
  jobs.finish(1)
  world.run()
  expect(reader.values).toEqual([0])
  expect(jobs.started).toEqual([0, 1, 2])
})

it("An item that waits inside a job keeps its place before others when its reader comes again", () => {
  const world = new World()
  const pool = world.pool(1)
  const stage = new Stage()
  const job = Effect.gen(function*() {
    yield* forkNow(pool.run(stage.job("borrower")))
    const pull = yield* Stream.toPull(pool.imap(stage.job, ["item"]))
    const reader = yield* forkNow(pull)
    yield* forkNow(pool.run(stage.job("other")))
    yield* Fiber.interrupt(reader)
    yield* forkNow(pull)
    yield* stage.finish("borrower")
    return yield* Effect.never
  })
  world.fork(pool.run(Effect.scoped(job)))
  world.run()
  expect(stage.started).toEqual(["borrower", "item"])
})

describe("a pool that closes", () => {
  it("inside the function of a map interrupts the job that this makes", () => {
    const world = new World()
    let closing: Fiber.Fiber<void> | undefined
    const map = world.pool(1).imap(() => {
      closing = world.fork(Scope.close(world.scope, Exit.void))
      return Effect.never
    }, many)
    new Reader(world, map).pull()
    expect(closing?.pollUnsafe()).toEqual(Exit.void)
  })

  it("inside the function of a map interrupts the reader, whose earlier job goes on", () => {
    const world = new World()
    const map = world.pool(2).imap((item) => {
      if (item === 1) world.fork(Scope.close(world.scope, Exit.void))
      return Effect.uninterruptible(Effect.never)
    }, many)
    const reader = new Reader(world, map)
    reader.pull()
    expect(isInterrupted(reader.exit)).toBe(true)
  })

  it("before the item that has just got its slot has begun, doesn't call the function with it", () => {
    const world = new World()
    const pool = world.pool(1)
    const holder = world.fork(pool.run(Effect.never))
    let calls = 0
    const map = pool.imap(() => {
      calls++
      return Effect.void
    }, many)
    new Reader(world, map).pull()
    holder.interruptUnsafe()
    world.fork(Scope.close(world.scope, Exit.void))
    world.run()
    expect(calls).toBe(0)
  })
})
