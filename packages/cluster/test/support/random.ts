/** Whole numbers from 0 to below a bound, the same for a seed. */
export const randomOf = (seed: number) => {
  let state = seed
  return (bound: number): number => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0
    const mixed = Math.imul(state ^ (state >>> 13), 0x297a2d39)
    return bound <= 0 ? 0 : ((mixed ^ (mixed >>> 16)) >>> 0) % bound
  }
}
