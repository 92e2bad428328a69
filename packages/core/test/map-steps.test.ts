/**
 * What a map does between the steps of its jobs: when it starts the next one, and what comes of one that has not begun.
 */
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { describe, expect, it } from "vitest"
import type { GreenPoolOptions } from "../src/index.ts"
import { forkNow, isInterrupted, Stage, World } from "./support/index.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { Reader } from "./support/reader.ts"
import { stateIn } from "./support/series.ts"

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

/** A pool of one slot, jobs by name, and a map of one item that is read by `pull`. */
const scene = (options?: Omit<GreenPoolOptions, "size">) => {
  const world = new World()
  const pool = world.pool(1, options)
  const stage = new Stage()
  const pull = world.get(Scope.provide(Stream.toPull(pool.imap(stage.job, ["item"])), world.scope))
  /** Runs this in a job, whose slot it has lent before, and which goes on. */
  const lendAnd = (effect: Effect.Effect<unknown, unknown>) => {
    const borrower = forkNow(pool.run(stage.job("borrower")))
    world.fork(pool.run(Effect.andThen(borrower, Effect.andThen(effect, Effect.never))))
    world.run()
  }
  return { world, pool, stage, pull, lendAnd }
}

describe("An item that waits", () => {
  it("inside a job keeps its place before others when its reader comes again", () => {
    const { lendAnd, pool, pull, stage } = scene()
    lendAnd(Effect.gen(function*() {
      const reader = yield* forkNow(pull)
      yield* forkNow(pool.run(stage.job("other")))
      yield* Fiber.interrupt(reader)
      yield* forkNow(pull)
      yield* stage.finish("borrower")
    }))
    expect(stage.started).toEqual(["borrower", "item"])
  })

  it("goes with its reader out of a job, and gets no slot of that one any more", () => {
    const { lendAnd, pool, pull, stage, world } = scene()
    lendAnd(Effect.flatMap(forkNow(pull), Fiber.interrupt))
    world.fork(pull)
    world.get(stage.finish("borrower"))
    expect([stage.started, world.get(pool.waiting)]).toEqual([["borrower"], 1])
  })

  it("goes with its reader into a job, and has waited until then when it borrows there", () => {
    const { pool, pull, stage, world } = scene({ metrics: true })
    world.fork(pool.run(Effect.andThen(stage.gate("goes on").await, pull)))
    const outside = world.fork(pull)
    world.run()
    outside.interruptUnsafe()
    world.clock.advance(5000)
    world.get(stage.finish("goes on"))
    expect(stage.started).toEqual(["item"])
    expect(stateIn(world.registry, "greenpool_wait_seconds")).toMatchObject({ count: 2, max: 5 })
  })
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
    const map = pool.imap(() => Effect.succeed(++calls), many)
    new Reader(world, map).pull()
    holder.interruptUnsafe()
    world.fork(Scope.close(world.scope, Exit.void))
    world.run()
    expect(calls).toBe(0)
  })
})
