/**
 * The options of a map.
 *
 * @since 0.2.0
 */

/**
 * The options of `imap`, its variants and `starmap`. They are a plain object, and come after the sources.
 *
 * A `concurrency` or a `window` that isn't an integer of at least 1, and a `priority` that isn't finite, is a defect of
 * the map.
 *
 * @category options
 * @since 0.2.0
 */
export interface MapOptions {
  /**
   * How many jobs of this map may run concurrently: an integer of at least 1. The pool's size bounds them as well.
   * Default: the pool's size.
   */
  readonly concurrency?: number | undefined
  /**
   * How many items may be in flight, from being taken out of the source until their results are emitted: an integer of at
   * least 1, or a function that returns one for the pool's size at that moment. A window that is larger than the
   * concurrency keeps an ordered map at work behind a slow item, and costs the memory of the results that wait for it.
   * Default: `max(1, min(concurrency, size))`.
   */
  readonly window?: number | ((size: number) => number) | undefined
  /** The key of the map's one place in the queue. Default: no key. */
  readonly key?: string | undefined
  /** The priority of the map's one place in the queue, within its key: a finite number. Default: 0. */
  readonly priority?: number | undefined
}
