/**
 * What the source of a map is told when it is closed, and what a reader sees that comes after the end.
 */
import { Cause, Effect, Exit, Fiber, Latch, Pull, Scope, Stream } from "effect"
import { describe, expect, it } from "vitest"
import type { GreenPool } from "../src/index.ts"
import type { MapOptions } from "../src/MapOptions.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { World } from "./support/world.ts"

/** How something ended, in a word. */
const wordOf = (exit: Exit.Exit<unknown, unknown> | undefined): string => {
  if (exit === undefined) return "not ended"
  if (exit._tag === "Success") return "success"
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : String(Cause.squash(exit.cause))
}

/** A map over numbers, and what its source is told; read by pulls of the test's. */
const openMap = (options?: MapOptions, tail: Stream.Stream<number, string> = Stream.empty) => {
  const world = new World()
  const pool: GreenPool = world.pool(2, { onClose: "drain" })
  const jobs = new MapJobs()
  const scope = Scope.makeUnsafe()
  const seen = { taken: 0, told: "nothing" }
  const source = Stream.unwrap(Effect.as(
    Effect.acquireRelease(Effect.void, (_, exit) => Effect.sync(() => void (seen.told = wordOf(exit)))),
    Stream.concat(
      Stream.tap(Stream.rechunk(Stream.range(0, 4), 1), () => Effect.sync(() => seen.taken++)),
      tail
    )
  ))
  const map = pool.imap(jobs.job, source, options)
  const pull = world.get(Effect.provideService(Stream.toPull(map), Scope.Scope, scope))
  /** The next chunk, or how the map ended. */
  const read = (): ReadonlyArray<number> | string => {
    const fiber = world.fork(Pull.catchDone(pull, () => Effect.succeed("done")))
    world.run()
    const exit = fiber.pollUnsafe()
    return exit?._tag === "Success" ? exit.value : wordOf(exit)
  }
  const close = (exit: Exit.Exit<unknown, unknown>) => world.get(Scope.close(scope, exit))
  return { world, pool, jobs, scope, seen, read, close }
}

type Map = ReturnType<typeof openMap>

/** The window is one item first, and throws when it is asked again after `after`. */
const throwing = (act: () => void = () => {}) => {
  const window = { after: false, times: 0, size: () => 1 }
  window.size = () => {
    if (!window.after) return 1
    if (++window.times > 1) return 4
    act()
    throw "the window"
  }
  return window
}

/** Reads the first item, and has the window throw when it is asked again. Tells what was taken by then. */
const throwNow = (map: Map, window: { after: boolean }) => {
  map.jobs.finish(0)
  expect(map.read()).toEqual([0])
  window.after = true
  map.jobs.finish(1)
  map.world.get(map.pool.resize(3))
  return { taken: map.seen.taken }
}

describe("the source of a map that is left is told", () => {
  const failed = Exit.fail("the reader")
  const cases: ReadonlyArray<readonly [string, string, (map: Map) => void, Exit.Exit<void, string>]> = [
    ["success", "success", ({ read }) => read(), Exit.void],
    ["the failure of the reader", "the reader", ({ read }) => read(), failed],
    ["the failure of the reader, whatever the jobs did", "the reader", ({ jobs, read, world }) => {
      read()
      jobs.fail(1)
      world.run()
    }, failed]
  ]

  it.each(cases)("%s", (_, told, act, exit) => {
    const map = openMap()
    act(map)
    map.close(exit)
    expect(map.seen.told).toBe(told)
  })

  it("the first failure of a job, where none was read", () => {
    const map = openMap()
    map.jobs.finish(0)
    expect(map.read()).toEqual([0])
    map.jobs.fail(2)
    map.jobs.fail(1)
    map.world.run()
    map.close(Exit.void)
    expect(map.seen.told).toBe("failed 2")
  })

  it("its own failure, where that was not read", () => {
    const map = openMap({ window: 8 }, Stream.fail("the source"))
    map.jobs.finish(0, 1, 2, 3, 4)
    expect(map.read()).toEqual([0, 1, 2, 3, 4])
    map.close(Exit.void)
    expect(map.seen.told).toBe("the source")
  })

  it("what its window threw, where that was not read", () => {
    const window = throwing()
    const map = openMap({ window: window.size })
    throwNow(map, window)
    map.close(Exit.void)
    expect(map.seen.told).toBe("the window")
  })
})

describe("what a window throws", () => {
  it("ends the map before it takes another item, once", () => {
    const window = throwing()
    const map = openMap({ window: window.size })
    const { taken } = throwNow(map, window)
    map.world.get(map.pool.resize(4))
    map.world.run()
    expect(map.seen.taken).toBe(taken)
    expect([map.read(), map.read(), map.read()]).toEqual([[1], "the window", "the window"])
  })

  it("ends the map, whatever happens to its fiber then", () => {
    const window = throwing(() => Fiber.getCurrent()?.interruptUnsafe())
    const map = openMap({ window: window.size })
    throwNow(map, window)
    expect([map.read(), map.read()]).toEqual([[1], "the window"])
  })

  it("is read although the pool drains", () => {
    const window = throwing()
    const map = openMap({ window: window.size })
    throwNow(map, window)
    map.world.fork(map.pool.run(Effect.never))
    map.world.fork(Scope.close(map.world.scope, Exit.void))
    map.world.run()
    expect([map.read(), map.read()]).toEqual([[1], "the window"])
  })

  it("lets it pull no source", () => {
    const map = openMap({ window: () => 0 })
    expect(map.read()).toContain("Invalid window 0")
    expect(map.seen.taken).toBe(0)
  })
})

describe("a reader that comes after the end", () => {
  it("finds the end again", () => {
    const map = openMap()
    map.jobs.finish(0, 1, 2, 3, 4)
    while (map.read() !== "done");
    expect(map.read()).toBe("done")
  })

  it("finds nothing of what it has left", () => {
    const map = openMap()
    map.jobs.finish(0)
    expect(map.read()).toEqual([0])
    map.jobs.finish(1)
    map.world.run()
    map.close(Exit.void)
    expect(map.read()).toBe("interrupted")
  })

  it("waits until the source of a map that is left has closed", () => {
    const world = new World()
    const pool = world.pool(2)
    const scope = Scope.makeUnsafe()
    const closed = Latch.makeUnsafe()
    const source = Stream.unwrap(Effect.as(Effect.acquireRelease(Effect.void, () => closed.await), Stream.never))
    const map = pool.imap(() => Effect.never, source)
    const reader = world.fork(Effect.flatten(Effect.provideService(Stream.toPull(map), Scope.Scope, scope)))
    world.run()
    world.fork(Scope.close(scope, Exit.void))
    world.run()
    expect(reader.pollUnsafe()).toBe(undefined)
    closed.openUnsafe()
    world.run()
    expect(wordOf(reader.pollUnsafe())).toBe("interrupted")
  })
})

it("A source is closed after the step that it is in", () => {
  const world = new World()
  const pool = world.pool(2)
  const scope = Scope.makeUnsafe()
  const events: Array<string> = []
  const ready = Latch.makeUnsafe()
  const note = (event: string) => Effect.sync(() => void events.push(event))
  const step = Effect.uninterruptible(Effect.andThen(ready.await, note("its step ends")))
  const source = Stream.unwrap(
    Effect.as(Effect.acquireRelease(Effect.void, () => note("it closes")), Stream.fromEffect(step))
  )
  const map = pool.imap(() => Effect.void, source)
  world.fork(Effect.flatten(Effect.provideService(Stream.toPull(map), Scope.Scope, scope)))
  world.run()
  world.fork(Scope.close(scope, Exit.void))
  world.run()
  ready.openUnsafe()
  world.run()
  expect(events).toEqual(["its step ends", "it closes"])
})
