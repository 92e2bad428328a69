/**
 * What a map reads its items from.
 *
 * @since 0.1.0
 */
import { Schema, type Stream } from "effect";
/**
 * A source of items for the maps of a pool: anything that can be iterated, at once or asynchronously, or a `Stream`.
 * A value that is both kinds of iterable is read asynchronously.
 *
 * @category models
 * @since 0.1.0
 */
export type Source<X, E = never, R = never> = Iterable<X> | AsyncIterable<X> | Stream.Stream<X, E, R>;
/**
 * Type helpers that read the parts of a source.
 *
 * @since 0.1.0
 */
export declare namespace Source {
    /**
     * Any source.
     *
     * @category models
     * @since 0.1.0
     */
    type Any = Source<unknown, unknown, unknown>;
    /**
     * The type of a source's items.
     *
     * @category models
     * @since 0.1.0
     */
    type Item<S> = S extends Stream.Stream<infer X, infer _E, infer _R> ? X : S extends AsyncIterable<infer X> ? X : S extends Iterable<infer X> ? X : never;
    /**
     * The failures of a source: a stream's own, `SourceError` for an async iterable, none for an iterable.
     *
     * @category models
     * @since 0.1.0
     */
    type Error<S> = S extends Stream.Stream<infer _X, infer E, infer _R> ? E : S extends AsyncIterable<unknown> ? SourceError : never;
    /**
     * The services that a source needs: a stream's own.
     *
     * @category models
     * @since 0.1.0
     */
    type Services<S> = S extends Stream.Stream<infer _X, infer _E, infer R> ? R : never;
}
declare const SourceError_base: Schema.Class<SourceError, Schema.TaggedStruct<"SourceError", {
    /** What the iterable threw or rejected with. */
    readonly cause: Schema.Defect;
}>, import("effect/Cause").YieldableError>;
/**
 * Says that an async iterable failed: its `next()` threw or rejected. It carries what was thrown.
 *
 * @category errors
 * @since 0.1.0
 */
export declare class SourceError extends SourceError_base {
    /** Quotes the message of the cause. */
    get message(): string;
}
export {};
