/**
 * Where a map gets its items from.
 *
 * @since 0.1.0
 */
import { Formatter, Schema, type Stream } from "effect"

/**
 * A source of items for the maps of a pool: an iterable (a string too), an async iterable, or a `Stream`. A value that
 * is iterable in both ways is read asynchronously. Anything else is a defect of the map.
 *
 * @category models
 * @since 0.1.0
 */
export type Source<X, E = never, R = never> = Iterable<X> | AsyncIterable<X> | Stream.Stream<X, E, R>

/**
 * Type helpers that read the parts of a source.
 *
 * @category models
 * @since 0.1.0
 */
export declare namespace Source {
  /**
   * Any source.
   *
   * @category models
   * @since 0.1.0
   */
  export type Any = AnySource

  /**
   * The type of a source's items.
   *
   * @category models
   * @since 0.1.0
   */
  export type Item<S> = S extends Stream.Stream<infer X, infer _E, infer _R> ? X
    : S extends AsyncIterable<infer X> ? X
    : S extends Iterable<infer X> ? X
    : never

  /**
   * The errors of a source: a stream's own, `SourceError` for an async iterable, `never` for an iterable.
   *
   * @category models
   * @since 0.1.0
   */
  export type Error<S> = S extends Stream.Stream<infer _X, infer E, infer _R> ? E
    : S extends AsyncIterable<unknown> ? SourceError
    : never

  /**
   * The services that a source needs: those of a stream, otherwise `never`.
   *
   * @category models
   * @since 0.1.0
   */
  export type Services<S> = S extends Stream.Stream<infer _X, infer _E, infer R> ? R : never
}

/** The name that the compiler shows in its messages. */
type AnySource = Source<unknown, unknown, unknown>

/**
 * The items of several sources, as a tuple.
 *
 * @category models
 * @since 0.1.0
 */
export type Items<S extends ReadonlyArray<unknown>> = { -readonly [K in keyof S]: Source.Item<S[K]> }

/**
 * Fails a map whose async iterable failed: its `next()` threw or rejected. It carries what was thrown.
 *
 * @category errors
 * @since 0.1.0
 */
export class SourceError extends Schema.TaggedError<SourceError>()("SourceError", {
  /** What the iterable threw or rejected with. */
  cause: Schema.Defect()
}) {
  /** Quotes the message of the cause. */
  override get message(): string {
    const { cause } = this
    return `The async source failed: ${cause instanceof Error ? cause.message : Formatter.format(cause)}`
  }
}
