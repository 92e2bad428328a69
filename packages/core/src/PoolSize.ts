/**
 * The size of a pool: what is allowed, and the error for what is not.
 *
 * @since 0.1.0
 */
import { Effect, Formatter, Schema } from "effect"

/**
 * Describes the size of a pool: how many jobs may hold a slot concurrently. A safe integer of at least 0; a pool of
 * size 0 is paused.
 *
 * @category schemas
 * @since 0.1.0
 */
export const PoolSize = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).pipe(Schema.brand("PoolSize"))

/**
 * The type of a checked pool size.
 *
 * @category models
 * @since 0.1.0
 */
export type PoolSize = typeof PoolSize.Type

/**
 * Says that a value isn't a pool size: it isn't a safe integer, or it is below 0. An existing pool stays as it was.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidPoolSize extends Schema.TaggedError<InvalidPoolSize>()("InvalidPoolSize", {
  /** The refused value as text, so that any value survives JSON. */
  value: Schema.String
}) {
  /** Names the value and what is allowed. */
  override get message(): string {
    return `Invalid pool size ${this.value}: it must be a non-negative safe integer (0 pauses the pool)`
  }
}

const isPoolSize = Schema.is(PoolSize)

/** @internal */
export const checkPoolSize = (size: unknown): Effect.Effect<PoolSize, InvalidPoolSize> =>
  isPoolSize(size) ? Effect.succeed(size) : Effect.fail(new InvalidPoolSize({ value: Formatter.format(size) }))
