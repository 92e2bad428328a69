/**
 * Sources that have the reader of their map go on, or leave, within a step of their own.
 */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, type Fiber, Stream } from "effect"
import type { Source } from "../src/index.ts"
import { CountedIterable } from "./support/counted-sources.ts"
import { expectEmpty, upTo, World } from "./support/index.ts"
import { MapJobs } from "./support/map-jobs.ts"

/** Does something in the step that makes the next item. */
class ActingIterable extends CountedIterable {
  act: (item: number) => void = () => {}

  protected override step(): IteratorResult<number, undefined> {
    this.act(this.taken)
    return super.step()
  }
}

const acting = (act: (item: number) => void) => Object.assign(new ActingIterable(), { act })

it.each(["a stream", "an iterator"])("%s that has its reader go on in its step is asked for one at a time", (kind) => {
  const world = new World()
  const pool = world.pool(1)
  const onward = Deferred.makeUnsafe<void>()
  let asked = 0
  let most = 0
  let items = 0
  const ask = (item: number) => {
    most = Math.max(most, ++asked)
    if (item === 2) Deferred.doneUnsafe(onward, Exit.void)
  }
  const item = Effect.suspend(() => {
    ask(items)
    return Effect.ensuring(Effect.as(Effect.yieldNow, items++), Effect.sync(() => asked--))
  })
  const iterator = acting((item) => {
    ask(item)
    asked--
  })
  const map = pool.imap(Effect.succeed, kind === "a stream" ? Stream.fromEffectRepeat(item) : iterator)
  const values: Array<number> = []
  // After the first, the reader goes on when the source says so.
  const read = (value: number) => (values.push(value), value === 0 ? Deferred.await(onward) : Effect.void)
  world.fork(Stream.runForEach(Stream.take(map, 5), read))
  world.run()
  world.get(pool.resize(3))
  expect(values).toEqual(upTo(5))
  expect(most).toBe(1)
  world.get(expectEmpty(pool))
})

describe("a source that has the reader leave within its own step", () => {
  /** A map whose reader leaves when one of its sources says so; then the pool grows, and no job of it may run. */
  const leave = (sourcesOf: (leave: () => void) => ReadonlyArray<Source<number>>) => {
    const world = new World()
    const pool = world.pool(1)
    const jobs = new MapJobs()
    const [first, ...others] = sourcesOf(() => reader.interruptUnsafe())
    const reader: Fiber.Fiber<void, unknown> = world.fork(Stream.runDrain(pool.imap(jobs.job, first!, ...others)))
    world.run()
    world.get(pool.resize(3))
    expect(reader.pollUnsafe()).toBeDefined()
    expect(jobs.running).toEqual([])
    world.get(expectEmpty(pool))
  }

  it.each([1, 2])("is the last of %i to be asked, and has no job for that item, which would keep its slot", (count) => {
    let sources: ReadonlyArray<CountedIterable> = []
    leave((leave) => {
      const first = acting((item) => item === 1 && leave())
      return sources = [first, new CountedIterable()].slice(0, count)
    })
    const counts = sources.map(({ closed, taken }) => [closed, taken])
    expect(counts).toEqual([[1, 2], [1, 1]].slice(0, count))
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
