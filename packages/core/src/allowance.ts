/**
 * Pools whose slots come from elsewhere, such as a budget that several processes share: `@greenpool/core/allowance`.
 *
 * @since 0.2.0
 */
import type { Effect } from "effect"
import { type GreenPool, toInternal } from "./GreenPool.ts"

/**
 * How many slots of a pool may be in use here, and what the pool asks for.
 *
 * A slot is granted while fewer are taken than `size` and than the allowance. Everything else goes by the size: `stats`,
 * the windows of maps, what a `maxWaiting` function is called with, the metrics. Nested jobs borrow slots whatever the
 * allowance is.
 *
 * @category models
 * @since 0.2.0
 */
export interface Allowance {
  /**
   * Sets how many slots may be in use: at first as many as there are. A higher allowance serves the callers that then
   * fit, in order, in the same step. A lower one touches nothing that runs. O(1) for each caller that it serves.
   */
  readonly allow: (slots: number) => void
  /** How many jobs hold a slot, as `running` of the pool. */
  readonly running: () => number
  /** How many callers are in the queue, as `waiting` of the pool. */
  readonly waiting: () => number
  /**
   * Has the listener called in each step in which a caller joins or leaves the queue or a job ends, after the slot of
   * that job has been passed on. There is one listener: the next one replaces it.
   *
   * The step isn't over when the listener is called. So it must not throw, and it can read the counters and lower the
   * allowance, but must not call the pool or raise the allowance before its own turn of the event loop.
   */
  readonly onDemand: (listener: () => void) => void
  /**
   * Interrupts all jobs that hold a slot, also a borrowed one, and waits until they have ended. Callers in the queue
   * stay there, and get the slots that become free if the allowance lets them.
   */
  readonly evict: Effect.Effect<void>
}

/**
 * Returns the allowance of a pool that `GreenPool.make` or a layer has made.
 *
 * When to use: to provide the slots of a pool from elsewhere. To limit a pool in one process, use `resize`.
 *
 * ```ts import.meta.vitest
 * import { GreenPool } from "@greenpool/core"
 * import { allowanceOf } from "@greenpool/core/allowance"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* GreenPool.make({ size: 3 })
 *   const allowance = allowanceOf(pool)
 *   allowance.allow(1)
 *   yield* pool.spawn(Effect.never)
 *   yield* Effect.forkChild(pool.run(Effect.void))
 *   yield* Effect.yieldNow
 *   return [yield* pool.size, allowance.running(), allowance.waiting()]
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program))) // prints [ 3, 1, 1 ]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const allowanceOf: (pool: GreenPool<unknown>) => Allowance = (pool) => {
  const { evict, slots } = toInternal(pool)
  return {
    allow: (count) => slots.allow(count),
    running: () => slots.semaphore.taken,
    waiting: () => slots.semaphore.waiting,
    onDemand: (listener) => {
      slots.onDemand = listener
    },
    evict
  }
}
