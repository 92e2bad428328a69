/**
 * What a map reads its items from.
 *
 * @since 0.1.0
 */
import { Formatter, Schema, type Stream } from "effect"

/**
 * A source of items for the maps of a pool: anything that can be iterated, at once or asynchronously, or a `Stream`.
 * A value that is both kinds of iterable is read asynchronously.
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
  export type Any = Source<unknown, unknown, unknown>

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
   * The failures of a source: a stream's own, `SourceError` for an async iterable, none for an iterable.
   *
   * @category models
   * @since 0.1.0
   */
  export type Error<S> = S extends Stream.Stream<infer _X, infer E, infer _R> ? E
    : S extends AsyncIterable<unknown> ? SourceError
    : never

  /**
   * The services that a source needs: a stream's own.
   *
   * @category models
   * @since 0.1.0
   */
  export type Services<S> = S extends Stream.Stream<infer _X, infer _E, infer R> ? R : never
}

/**
 * Says that an async iterable failed: its `next()` threw or rejected. It carries what was thrown.
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
