/**
 * The size of a pool: what is allowed, and the error for what is not.
 *
 * @since 0.1.0
 */
import { Effect, Schema } from "effect";
/**
 * Describes the size of a pool: how many jobs may hold a slot at once. A safe integer of at least 0; a pool of
 * size 0 is paused.
 *
 * @category schemas
 * @since 0.1.0
 */
export declare const PoolSize: Schema.brand<Schema.Int, "PoolSize">;
/**
 * The type of a checked pool size.
 *
 * @category models
 * @since 0.1.0
 */
export type PoolSize = typeof PoolSize.Type;
declare const InvalidPoolSize_base: Schema.Class<InvalidPoolSize, Schema.TaggedStruct<"InvalidPoolSize", {
    /** The refused value as text, so that any value survives JSON. */
    readonly value: Schema.String;
}>, import("effect/Cause").YieldableError>;
/**
 * Says that a value is no pool size: it is no integer, or below 0. The pool, if there is one, stays as it was.
 *
 * @category errors
 * @since 0.1.0
 */
export declare class InvalidPoolSize extends InvalidPoolSize_base {
    /** Names the value and what is allowed. */
    get message(): string;
}
/** @internal */
export declare const checkPoolSize: (size: unknown) => Effect.Effect<PoolSize, InvalidPoolSize>;
export {};
