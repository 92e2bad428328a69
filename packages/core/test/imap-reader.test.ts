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

type Numbers = Iterable<number> | Stream.Stream<number>

describe("a source that has the reader go on within its own step is asked for one thing at a time", () => {
  /** Of a source that calls `goOn` at its third item, and says how often it was asked inside of that. */
  it.each<[string, (note: (difference: number) => void, goOn: (item: number) => void) => Numbers]>([
    ["a stream", (note, goOn) => {
      let items = 0
      const item = Effect.suspend(() => {
        note(1)
        goOn(items)
        return Effect.as(Effect.yieldNow, items++)
      })
      return Stream.fromEffectRepeat(Effect.ensuring(item, Effect.sync(() => note(-1))))
    }],
    ["an iterator", (note, goOn) =>
      counting((item) => {
        note(1)
        goOn(item)
        note(-1)
      })]
  ])("%s", (_, sourceOf) => {
    const world = new World()
    const pool = world.pool(1)
    const onward = Deferred.makeUnsafe<void>()
    const values: Array<number> = []
    let asked = 0
    let most = 0
    const note = (difference: number) => most = Math.max(most, asked += difference)
    const source = sourceOf(note, (item) => item === 2 && Deferred.doneUnsafe(onward, Exit.void))
    world.fork(
      Stream.runForEach(Stream.take(pool.imap(Effect.succeed, source), 5), (value) => {
        values.push(value)
        // After the first, the reader goes on when the source says so.
        return value === 0 ? Deferred.await(onward) : Effect.void
      })
    )
    world.run()
    world.get(pool.resize(3))
    expect(values).toEqual(upTo(5))
    expect(most).toBe(1)
    world.get(expectEmpty(pool))
  })
})

describe("a source that has the reader leave within its own step", () => {
  /** A map whose reader leaves when one of its sources says so; then the pool grows, and no job of it may run. */
  const leave = (sourcesOf: (leave: () => void) => ReadonlyArray<Numbers>) => {
    const world = new World()
    const pool = world.pool(1)
    const running = new Set<number>()
    const job = (item: number) =>
      Effect.suspend(() => {
        running.add(item)
        return Effect.ensuring(Effect.never, Effect.sync(() => running.delete(item)))
      })
    const [first, ...others] = sourcesOf(() => reader.interruptUnsafe())
    const reader: Fiber.Fiber<void> = world.fork(Stream.runDrain(pool.imap(job, first!, ...others)))
    world.run()
    world.get(pool.resize(3))
    expect(reader.pollUnsafe()).toBeDefined()
    expect([...running]).toEqual([])
    world.get(expectEmpty(pool))
  }

  it("has no job for the item of that step, which would keep its slot for ever, and is closed", () => {
    const events: Array<string> = []
    leave((leave) => [
      counting((item) => {
        if (item === 1) leave()
        events.push(`item ${item}`)
      }, () => events.push("closed"))
    ])
    expect(events).toEqual(["item 0", "item 1", "closed"])
  })

  it("is the last of those that it is zipped with to be asked", () => {
    const events: Array<string> = []
    const source = (name: string, onNext: (item: number) => void) =>
      counting((item) => {
        events.push(`${name} ${item}`)
        onNext(item)
      }, () => events.push(`${name} closed`))
    leave((leave) => [source("a", (item) => item === 1 && leave()), source("b", () => {})])
    expect(events).toEqual(["a 0", "b 0", "a 1", "b closed", "a closed"])
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
      return [Stream.fromEffectRepeat(Effect.ensuring(item, Effect.sync(() => asked--)))]
    })
    expect({ items, asked }).toEqual({ items: 2, asked: 0 })
  })
})
