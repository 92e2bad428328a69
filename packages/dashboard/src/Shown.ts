/**
 * What the dashboard can show: pools, and anything that reports like one.
 *
 * @since 0.1.0
 */
import type { InvalidPoolSize, KeyStats, PoolStats } from "@greenpool/core"
import type { Effect, Stream } from "effect"

/**
 * Something that the dashboard can show. Every `GreenPool` is one; so is a pool of another process, which
 * `Dashboard.remote` reads.
 *
 * If an effect or the stream fails with an `E`, the row of this pool ends with that error and the others go on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shown<out E = never> {
  /** The current figures. Read once a second. */
  readonly stats: Effect.Effect<PoolStats, E>
  /** The current figures, then each new state. Its end means that the pool has closed. Read while a page is open. */
  readonly changes: Stream.Stream<PoolStats, E>
  /** The keys in use. Read once a second while a page is open, if the option `keys` is set. */
  readonly keys?: Effect.Effect<ReadonlyArray<KeyStats>, E>
  /** Changes the size. Without it, the pool can be watched but not steered. */
  readonly resize?: (size: number) => Effect.Effect<void, InvalidPoolSize | E>
}

/**
 * An effect that returns something to show. A service key is one, and so is `GreenPool.make({ … })`.
 *
 * @category models
 * @since 0.1.0
 */
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyPool = Effect.Effect<Shown<any>, any, any>
