/**
 * The sizes at which the same suite is run, and the lengths of input around each.
 */

/** Pools of no slot, of few, and of more than any input has items. */
export const sizes: ReadonlyArray<number> = [0, 1, 2, 3, 10, 1000]

/** The sizes at which jobs run. */
export const openSizes: ReadonlyArray<number> = sizes.filter((size) => size > 0)

/** Lengths below, at and above the size. */
export const lengthsAround = (size: number): ReadonlyArray<number> =>
  [...new Set([0, 1, size - 1, size, size + 1, 3 * size])].filter((length) => length >= 0)

/** How many items may be in hand. */
export const windowOf = (size: number): number => Math.max(1, size)

/** The numbers from 0 on, `length` of them. */
export const upTo = (length: number): Array<number> => Array.from({ length }, (_, index) => index)
