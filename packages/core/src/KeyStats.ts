/**
 * A snapshot of one key of a pool.
 *
 * @since 0.2.0
 */
import { Schema } from "effect"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/**
 * One key of a pool, at the moment of asking: how much it uses and how much it waits for.
 *
 * It encodes to plain JSON with `Schema.encodeEffect(KeyStats)`.
 *
 * @category schemas
 * @since 0.2.0
 */
export class KeyStats extends Schema.Class<KeyStats>("@greenpool/core/KeyStats")({
  /** The key; absent for jobs without a key, and for maps without one. */
  key: Schema.optional(Schema.String),
  /** The key's share compared with the other keys. */
  weight: Schema.Finite.check(Schema.isGreaterThan(0)),
  /** Jobs of this key that hold a slot. */
  running: Count,
  /** Callers of this key in the queue. */
  waiting: Count
}) {}
