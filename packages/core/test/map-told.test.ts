/**
 * What the source of a map is told when it is closed, and what a reader sees that comes after the end.
 */
import { Cause, Effect, Exit, Fiber, Latch, Pull, Scope, Stream } from "effect"
import { describe, expect, it } from "vitest"
import type { GreenPoolOptions, MapOptions } from "../src/index.ts"
import { mapOf, upTo, type Verb, verbs, World } from "./support/index.ts"
import { MapJobs } from "./support/map-jobs.ts"

/** How something ended, in a word. */
const wordOf = (exit: Exit.Exit<unknown, unknown> | undefined): string => {
  if (exit === undefined) return "not ended"
  if (exit._tag === "Success") return "success"
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : String(Cause.squash(exit.cause))
}

interface Setup {
  readonly verb?: Verb
  readonly options?: MapOptions
  readonly onClose?: GreenPoolOptions["onClose"]
  /** What the source goes on with after its items, and another that it is zipped with. */
  readonly tail?: Stream.Stream<number, string>
  readonly zipped?: Stream.Stream<number, string>
}

/** A map over the numbers from 0 to 4, and what their source is told; read by pulls of the test's. */
const openMap = ({ onClose, options, tail = Stream.empty, verb = "imap", zipped }: Setup = {}) => {
  const world = new World()
  const pool = world.pool(2, { onClose })
  const jobs = new MapJobs()
  const scope = Scope.makeUnsafe()
  const seen = { taken: 0, told: new Array<string>() }
  const source = Stream.unwrap(Effect.as(
    Effect.acquireRelease(Effect.void, (_, exit) => Effect.sync(() => seen.told.push(wordOf(exit)))),
    Stream.concat(Stream.tap(Stream.rechunk(Stream.range(0, 4), 1), () => Effect.sync(() => seen.taken++)), tail)
  ))
  const map = mapOf(pool, verb)
  const stream = zipped === undefined ? map(jobs.job, source, options) : map(jobs.job, source, zipped)
  const pull = world.get(Effect.provideService(Stream.toPull(stream), Scope.Scope, scope))
  /** The next chunk, or how the map ended. */
  const read = (): ReadonlyArray<number> | string => {
    const fiber = world.fork(Pull.catchDone(pull, () => Effect.succeed("done")))
    world.run()
    const exit = fiber.pollUnsafe()
    return exit?._tag === "Success" ? exit.value : wordOf(exit)
  }
  const close = (exit: Exit.Exit<unknown, unknown>) => world.get(Scope.close(scope, exit))
  return { world, pool, jobs, seen, read, close }
}

type Map = ReturnType<typeof openMap>

/** Reads the first result; then the jobs of these items fail. */
const readFirst = ({ jobs, read, world }: Map, ...failing: ReadonlyArray<number>) => {
  jobs.finish(0)
  expect(read()).toHaveLength(1)
  failing.forEach((item) => jobs.fail(item))
  world.run()
}

/** A map whose first item has been read, and whose window, of one item, throws when it is asked again. */
const openThrowing = (onThrow: () => void = () => {}) => {
  let isDue = false
  let thrown = 0
  const window = () => {
    if (!isDue) return 1
    if (++thrown > 1) return 4
    onThrow()
    throw "the window"
  }
  const map = openMap({ options: { window }, onClose: "drain" })
  readFirst(map)
  isDue = true
  map.jobs.finish(1)
  map.world.get(map.pool.resize(3))
  return map
}

describe.each(verbs)("the source of %s that is left is told", (verb) => {
  it.each<[string, string, (map: Map) => void, Setup?]>([
    ["success at its end", "success", ({ jobs, read }) => {
      jobs.finish(...upTo(5))
      while (read() !== "done");
      expect(read()).toBe("done")
    }],
    ["success when its reader stops early, which interrupts jobs", "success", (map) => readFirst(map)],
    ["the failure of a job, which ends the map", "failed 0", ({ jobs, read }) => {
      jobs.fail(0)
      read()
    }],
    ["the first failure of a job, where none was read", "failed 2", (map) => readFirst(map, 2, 1)],
    ["the failure of the reader, whatever the jobs did", "the reader", (map) => {
      readFirst(map, 1)
      map.close(Exit.fail("the reader"))
    }],
    ["the interruption of the reader", "interrupted", ({ close, read }) => {
      read()
      close(Exit.interrupt())
    }],
    ["interruption when the pool closes", "interrupted", (map) => {
      readFirst(map)
      map.world.close()
    }],
    ["interruption when the pool closes, and that is read", "interrupted", (map) => {
      readFirst(map)
      map.world.close()
      expect(map.read()).toBe("interrupted")
    }],
    ["its own failure, where that was not read", "the source", ({ jobs, read }) => {
      jobs.finish(...upTo(5))
      expect(read()).toHaveLength(5)
    }, { options: { window: 8 }, tail: Stream.fail("the source") }],
    ["the failure of another that it is zipped with", "the other", (map) => {
      readFirst(map)
      expect(map.read()).toBe("the other")
    }, { zipped: Stream.concat(Stream.make(1), Stream.fail("the other")) }]
  ])("%s", (_, told, act, setup) => {
    const map = openMap({ ...setup, verb })
    act(map)
    map.close(Exit.void)
    // The failures of jobs end no map of exits.
    expect(map.seen.told).toEqual([verb === "imapExit" && told.startsWith("failed") ? "success" : told])
  })
})

describe("what a window throws", () => {
  it.each<[string, (map: Map) => void, (() => void)?]>([
    ["before it takes another item, once", ({ pool, world }) => world.get(pool.resize(4))],
    ["whatever happens to its fiber then", () => {}, () => Fiber.getCurrent()?.interruptUnsafe()],
    ["although the pool drains", ({ pool, world }) => {
      world.fork(pool.run(Effect.never))
      world.fork(Scope.close(world.scope, Exit.void))
      world.run()
    }]
  ])("ends the map %s", (_, act, onThrow) => {
    const map = openThrowing(onThrow)
    const { taken } = map.seen
    act(map)
    expect(map.seen.taken).toBe(taken)
    expect([map.read(), map.read(), map.read()]).toEqual([[1], "the window", "the window"])
  })

  it("is told to the source, where it was not read, and lets it pull none", () => {
    const map = openThrowing()
    map.close(Exit.void)
    expect(map.seen.told).toEqual(["the window"])
    const wrong = openMap({ options: { window: () => 0 } })
    expect(wrong.read()).toContain("Invalid window 0")
    expect(wrong.seen.taken).toBe(0)
  })
})

it("a reader that comes after the end finds nothing of what it has left", () => {
  const map = openMap()
  readFirst(map)
  map.jobs.finish(1)
  map.world.run()
  map.close(Exit.void)
  expect(map.read()).toBe("interrupted")
})

it("a source is closed after the step that it is in, and the reader ends after that", () => {
  const world = new World()
  const scope = Scope.makeUnsafe()
  const events: Array<string> = []
  const note = (event: string) => Effect.andThen(Effect.yieldNow, Effect.sync(() => events.push(event)))
  const ready = Latch.makeUnsafe()
  const step = Effect.uninterruptible(Effect.andThen(ready.await, note("its step ends")))
  const source = Stream.unwrap(
    Effect.as(Effect.acquireRelease(Effect.void, () => note("it closes")), Stream.fromEffect(step))
  )
  const map = world.pool(2).imap(() => Effect.void, source)
  const reader = world.fork(Effect.flatten(Effect.provideService(Stream.toPull(map), Scope.Scope, scope)))
  reader.addObserver((exit) => events.push(`its reader ends: ${wordOf(exit)}`))
  world.run()
  world.fork(Scope.close(scope, Exit.void))
  world.run()
  ready.openUnsafe()
  world.run()
  expect(events).toEqual(["its step ends", "it closes", "its reader ends: interrupted"])
})
