/**
 * Sources that have the reader of their map go on, or leave, within a step of their own.
 */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, type Fiber, Stream } from "effect"
import { expectEmpty } from "./support/counters.ts"
import { upTo } from "./support/sizes.ts"
import { World } from "./support/world.ts"

/** Numbers without end; `onNext` is called in the step that makes the next one, `onReturn` when they are left. */
const counting = (onNext: (item: number) => void, onReturn: () => void = () => {}): Iterable<number> => ({
  [Symbol.iterator]() {
    let items = 0
    return {
      next() {
        const value = items++
        onNext(value)
        return { done: false, value }
      },
      return() {
        onReturn()
        return { done: true, value: undefined }
      }
    }
  }
})

/** Reads five results. After the first it goes on when `goOn` says so. */
const setUp = () => {
  const world = new World()
  const pool = world.pool(1)
  const onward = Deferred.makeUnsafe<void>()
  const values: Array<number> = []
  return {
    expectFive: () => {
      world.run()
      world.get(pool.resize(3))
      expect(values).toEqual(upTo(5))
      world.get(expectEmpty(pool))
    },
    goOn: () => Deferred.doneUnsafe(onward, Exit.void),
    read: (source: Iterable<number> | Stream.Stream<number>) =>
      world.fork(
        Stream.runForEach(Stream.take(pool.imap(Effect.succeed, source), 5), (value) => {
          values.push(value)
          return value === 0 ? Deferred.await(onward) : Effect.void
        })
      )
  }
}

describe("a source that has the reader go on within its own step", () => {
  it("loses no item: a stream is asked for one thing at a time", () => {
    const { expectFive, goOn, read } = setUp()
    let items = 0
    let asked = 0
    let most = 0
    const item = Effect.suspend(() => {
      most = Math.max(most, ++asked)
      const item = items++
      if (item === 2) goOn()
      return Effect.as(Effect.yieldNow, item)
    })
    read(Stream.fromEffectRepeat(Effect.ensuring(item, Effect.sync(() => asked--))))
    expectFive()
    expect(most).toBe(1)
  })

  it("has its items in order: an iterator is asked for one thing at a time", () => {
    const { expectFive, goOn, read } = setUp()
    let asked = 0
    let most = 0
    read(counting((item) => {
      most = Math.max(most, ++asked)
      if (item === 2) goOn()
      asked--
    }))
    expectFive()
    expect(most).toBe(1)
  })
})

describe("a source that has the reader leave within its own step", () => {
  /** A map that waits for its slot, and its reader, who leaves when the source is asked for its second item. */
  const leave = (sourceOf: (leave: () => void) => Iterable<number> | Stream.Stream<number>) => {
    const world = new World()
    const pool = world.pool(1)
    const running = new Set<number>()
    const job = (item: number) =>
      Effect.suspend(() => {
        running.add(item)
        return Effect.ensuring(Effect.never, Effect.sync(() => running.delete(item)))
      })
    const source = sourceOf(() => reader.interruptUnsafe())
    const reader: Fiber.Fiber<void> = world.fork(Stream.runDrain(pool.imap(job, source)))
    world.run()
    world.get(pool.resize(3))
    expect(reader.pollUnsafe()).toBeDefined()
    expect([...running]).toEqual([])
    world.get(expectEmpty(pool))
  }

  it("has no job for the item of that step, which would keep its slot for ever, and is closed", () => {
    const events: Array<string> = []
    leave((leave) =>
      counting((item) => {
        if (item === 1) leave()
        events.push(`item ${item}`)
      }, () => events.push("closed"))
    )
    expect(events).toEqual(["item 0", "item 1", "closed"])
  })

  it("is the last of those that it is zipped with to be asked", () => {
    const events: Array<string> = []
    const source = (name: string, onNext: (item: number) => void = () => {}) =>
      counting((item) => {
        events.push(`${name} ${item}`)
        onNext(item)
      }, () => events.push(`${name} closed`))
    const world = new World()
    const pool = world.pool(1)
    const leave = (item: number) => {
      if (item === 1) reader.interruptUnsafe()
    }
    const reader: Fiber.Fiber<void> = world.fork(
      Stream.runDrain(pool.imap(() => Effect.never, source("a", leave), source("b")))
    )
    world.run()
    world.get(pool.resize(3))
    expect(events).toEqual(["a 0", "b 0", "a 1", "b closed", "a closed"])
    world.get(expectEmpty(pool))
  })

  it("is interrupted, if it is a stream, and awaited", () => {
    let items = 0
    let asked = 0
    leave((leave) => {
      const item = Effect.suspend(() => {
        asked++
        if (items++ === 0) return Effect.succeed(0)
        leave()
        return Effect.never
      })
      return Stream.fromEffectRepeat(Effect.ensuring(item, Effect.sync(() => asked--)))
    })
    expect({ items, asked }).toEqual({ items: 2, asked: 0 })
  })
})
