/**
 * Sources of the numbers from 0 on that count what is taken out of them and how they are closed.
 */
import { Effect, Stream } from "effect"

abstract class Counted {
  readonly length: number
  opened = 0
  /** How many items were given. */
  taken = 0
  /** How often the end was told. */
  ends = 0
  /** How often it was closed before its end. */
  closed = 0

  constructor(length = Infinity) {
    this.length = length
  }

  protected step(): IteratorResult<number, undefined> {
    if (this.taken < this.length) return { done: false, value: this.taken++ }
    this.ends++
    return { done: true, value: undefined }
  }
}

export class CountedIterable extends Counted implements Iterable<number> {
  [Symbol.iterator](): Iterator<number, undefined> {
    this.opened++
    return {
      next: () => this.step(),
      return: () => {
        this.closed++
        return { done: true, value: undefined }
      }
    }
  }
}

export class CountedAsyncIterable extends Counted implements AsyncIterable<number> {
  [Symbol.asyncIterator](): AsyncIterator<number, undefined> {
    this.opened++
    return {
      next: () => Promise.resolve(this.step()),
      return: () => {
        this.closed++
        return Promise.resolve({ done: true, value: undefined })
      }
    }
  }
}

/** A stream that gives one item at a time. */
export class CountedStream extends Counted {
  readonly stream: Stream.Stream<number> = Stream.unwrap(
    Effect.as(
      Effect.acquireRelease(
        Effect.sync(() => {
          this.opened++
        }),
        () =>
          Effect.sync(() => {
            if (this.ends === 0) this.closed++
          })
      ),
      Stream.unfold(undefined, () =>
        Effect.sync(() => {
          const step = this.step()
          return step.done === true ? undefined : [step.value, undefined] as const
        }))
    )
  )
}

/** The kinds of source that answer at once. */
export const countedSources = [
  {
    kind: "an iterable",
    make: (length?: number) => {
      const counts = new CountedIterable(length)
      return { counts, source: counts }
    }
  },
  {
    kind: "a stream",
    make: (length?: number) => {
      const counts = new CountedStream(length)
      return { counts, source: counts.stream }
    }
  }
] as const
