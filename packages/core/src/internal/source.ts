/**
 * Sources as cursors: one item at a time, synchronously where the source can.
 */
import { Channel, Effect, Formatter, Predicate, Pull, Scope, Stream } from "effect"
import { type Source, SourceError } from "../Source.ts"

/** What `take` returns when the next item has to be fetched first. */
export const Empty: unique symbol = Symbol("Empty")
/** What `take` returns after the last item. */
export const End: unique symbol = Symbol("End")

/** Reads a source. It is closed with the scope that it was opened in. */
export interface Cursor {
  /** Returns the next item, or `Empty`, or `End`, after which it isn't called again. Throws if the source does. */
  take(): unknown
  /** Fetches what `take` returns next. Fails as the source does. */
  readonly fetch: Effect.Effect<void, unknown>
}

/** Opens sources as one cursor: over the items of a single one, or over tuples up to the end of the shortest. */
export const open = (
  sources: ReadonlyArray<Source.Any>,
  scope: Scope.Scope
): Effect.Effect<Cursor, never, unknown> => {
  return sources.length === 1
    ? openOne(sources[0], scope)
    : Effect.map(Effect.forEach(sources, (source) => openOne(source, scope)), zip)
}

const openOne = (source: Source.Any | undefined, scope: Scope.Scope): Effect.Effect<Cursor, never, unknown> => {
  if (Stream.isStream(source)) return openStream(source, scope)
  if (Predicate.hasProperty(source, Symbol.asyncIterator)) {
    return openAsyncIterator(source as AsyncIterable<unknown>, scope)
  }
  if (typeof source === "string" || Predicate.hasProperty(source, Symbol.iterator)) {
    return openIterator(source as Iterable<unknown>, scope)
  }
  return Effect.die(
    new TypeError(`A source must be an Iterable, an AsyncIterable or a Stream, not ${Formatter.format(source)}`)
  )
}

const openIterator = (source: Iterable<unknown>, scope: Scope.Scope): Effect.Effect<Cursor> =>
  Effect.uninterruptible(Effect.suspend(() => {
    const iterator = source[Symbol.iterator]()
    // As in a `for` loop, an iterator that has ended or thrown isn't closed.
    let ended = false
    let closed = false
    const close = Effect.sync(() => {
      closed = true
      if (!ended) iterator.return?.()
    })
    const cursor: Cursor = {
      take() {
        // Another source of the same map may have caused it to be closed.
        if (closed) return End
        ended = true
        const result = iterator.next()
        if (result.done === true) return End
        ended = false
        // The map may have been left from inside this step.
        if (closed) iterator.return?.()
        return result.value
      },
      fetch: Effect.void
    }
    // A scope that has closed in the meantime closes it immediately.
    return Effect.as(Scope.addFinalizer(scope, close), cursor)
  }))

const openAsyncIterator = (source: AsyncIterable<unknown>, scope: Scope.Scope): Effect.Effect<Cursor> =>
  Effect.uninterruptible(Effect.suspend(() => {
    const iterator = source[Symbol.asyncIterator]()
    let item: unknown = Empty
    let ended = false
    let fetching = false
    const end = async () => {
      await iterator.return?.()
    }
    const close = Effect.suspend(() => {
      if (ended) return Effect.void
      if (!fetching) return Effect.promise(end)
      // Not awaited: it may never end while a `next` is pending.
      end().catch(() => {})
      return Effect.void
    })
    const fetch = async () => {
      fetching = true
      try {
        const result = await iterator.next()
        if (result.done === true) ended = true
        else item = result.value
      } catch (cause) {
        ended = true
        throw cause
      } finally {
        fetching = false
      }
    }
    const cursor: Cursor = {
      take() {
        const taken = item
        item = Empty
        return ended ? End : taken
      },
      fetch: Effect.tryPromise({ try: fetch, catch: (cause) => new SourceError({ cause }) })
    }
    return Effect.as(Scope.addFinalizer(scope, close), cursor)
  }))

const openStream = <X, E, R>(
  source: Stream.Stream<X, E, R>,
  scope: Scope.Scope
): Effect.Effect<Cursor, never, R> =>
  Effect.map(Channel.toPullScoped(Stream.toChannel(source), scope), (pull) => {
    let chunk: ReadonlyArray<X> = []
    let next = 0
    let ended = false
    return {
      take: () => next < chunk.length ? chunk[next++] : ended ? End : Empty,
      fetch: pull.pipe(
        Effect.map((items) => {
          chunk = items
          next = 0
        }),
        Pull.catchDone(() =>
          Effect.sync(() => {
            ended = true
          })
        )
      ) as Effect.Effect<void, unknown>
    }
  })

const zip = (cursors: ReadonlyArray<Cursor>): Cursor => {
  let row: Array<unknown> = []
  let fetch: Cursor["fetch"] = Effect.void
  return {
    take() {
      for (const cursor of cursors.slice(row.length)) {
        const item = cursor.take()
        fetch = cursor.fetch
        if (item === Empty || item === End) return item
        row.push(item)
      }
      const full = row
      row = []
      return full
    },
    fetch: Effect.suspend(() => fetch)
  }
}
