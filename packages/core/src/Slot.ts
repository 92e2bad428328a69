/**
 * A slot that outlives the call that took it.
 *
 * @since 0.2.0
 */
import type { Effect } from "effect"

/**
 * A slot that a scope holds, as `takeScoped` returns it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Slot {
  /**
   * Runs an effect inside the job that holds the slot: its nested calls can borrow the slot, and closing the pool
   * interrupts it. Effects that run outside `within` can do neither, even while the scope is open.
   *
   * Waits for nothing and adds no error. Once the slot has been returned, it ends with interruption.
   */
  readonly within: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}
