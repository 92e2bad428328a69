/**
 * A snapshot of a pool's counters.
 *
 * @since 0.1.0
 */
import { Schema } from "effect";
declare const PoolStats_base: Schema.Class<PoolStats, Schema.Struct<{
    /** The pool's name. */
    readonly name: Schema.String;
    /** How many jobs may hold a slot at once. */
    readonly size: Schema.Int;
    /** Jobs that hold a slot. More than `size` after a shrink, until enough have ended. */
    readonly running: Schema.Int;
    /** `size - running`: slots that could be taken now; negative after a shrink below what runs. */
    readonly free: Schema.Int;
    /** Callers that wait for a slot. */
    readonly waiting: Schema.Int;
    /** Nested jobs that run on the borrowed slot of a job around them. */
    readonly borrowed: Schema.Int;
    /** Jobs that got or borrowed a slot, since the pool was made. */
    readonly started: Schema.Int;
    /** Started jobs that ended in success. */
    readonly succeeded: Schema.Int;
    /** Started jobs that ended in a failure or a defect. */
    readonly failed: Schema.Int;
    /** Started jobs that were interrupted. */
    readonly interrupted: Schema.Int;
}>, {}>;
/**
 * One consistent snapshot of a pool: all figures are of the same moment, so that
 * `free = size - running` and `started = succeeded + failed + interrupted + running + borrowed` hold in each.
 *
 * It encodes to plain JSON with `Schema.encodeEffect(PoolStats)`.
 *
 * @category schemas
 * @since 0.1.0
 */
export declare class PoolStats extends PoolStats_base {
}
export {};
