/**
 * The sources of the maps: iterators, and streams and async iterables that deliver when a command feeds them.
 */
import { Cause, Effect, Stream } from "effect"
import type { Source } from "../../src/index.ts"
import type { Board } from "./board.ts"
import { Named } from "./exits.ts"
import type { Feed, SourceSpec } from "./program.ts"

/** What a source that is awaited is fed through, by its map. */
export type Feeds = Map<string, (feed: Feed) => void>

/** A source of the indices of its items. What becomes of it shows on the board. */
export const openSource = (board: Board, map: string, spec: SourceSpec, feeds: Feeds): Source<number, Named> => {
  const key = `${map} source`
  let given = 0
  const open = (): void => board.set(key, "open")
  const over = { done: true, value: undefined } as const
  const close = (): IteratorResult<number> => {
    if (board.status.get(key) !== "ended") board.set(key, "closed")
    return over
  }
  const awaitFeed = (onFeed: (feed: Feed) => void): void => {
    board.set(key, "awaited")
    feeds.set(map, (feed) => {
      board.set(key, feed.op === "items" ? "open" : "ended")
      onFeed(feed)
    })
  }
  if (spec.kind === "stream") {
    const pull = Effect.callback<readonly [number, ...Array<number>], Named | Cause.Done>((resume) =>
      awaitFeed((feed) => {
        if (feed.op === "end") return resume(Cause.done())
        if (feed.op === "fail") return resume(Effect.fail(new Named("source")))
        const first = given
        given += feed.count
        resume(Effect.succeed([first, ...Array.from({ length: feed.count - 1 }, (_, index) => first + 1 + index)]))
      })
    )
    return Stream.ensuring(Stream.fromPull(Effect.as(Effect.sync(open), pull)), Effect.sync(close))
  }
  if (spec.kind === "async") {
    const next = (): Promise<IteratorResult<number>> =>
      new Promise((resolve, reject) =>
        awaitFeed((feed) => {
          if (feed.op === "fail") reject(new Named("source"))
          else resolve(feed.op === "end" ? over : { done: false, value: given++ })
        })
      )
    return {
      [Symbol.asyncIterator]: () => {
        open()
        return { next, return: () => Promise.resolve(close()) }
      }
    }
  }
  const next = (): IteratorResult<number> => {
    if (given < spec.bodies.length) {
      board.set(`${map} taken`, String(given + 1))
      return { done: false, value: given++ }
    }
    board.set(key, "ended")
    if (spec.throws) throw new Named("source")
    return over
  }
  return {
    [Symbol.iterator]: () => {
      open()
      return { next, return: close }
    }
  }
}
