/**
 * The regression of an adaptive pool: how goodput follows the size, from one leg after another.
 */

export const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(most, value))

/** The weight of an observation of ln X from `n` successes, whose variance is `v / n`: above some 1000 more tells little more. */
export const weightOf = (n: number, v: number): number => n / (v + n / 1000)

/** Regression of ln X on ln L: newer legs count for more, and where little is known the slope is what is sought. */
export class Fit {
  /** The variance of the residuals, times the number of successes. */
  private variance = 1
  private weight = 0
  private x = 0
  private y = 0
  private sxx = 0
  private sxy = 0
  private readonly sought: number
  private static readonly prior = 4
  private static readonly memory = 30

  constructor(sought: number) {
    this.sought = sought
  }

  /** How much is known: the weighted variance of ln L. */
  get information(): number {
    return this.sxx
  }

  get slope(): number {
    return (this.sxy + Fit.prior * this.sought) / (this.sxx + Fit.prior)
  }

  add(x: number, y: number, n: number): void {
    if (this.weight > 0) {
      const residual = y - this.y - this.slope * (x - this.x)
      if (Math.abs(residual) > Math.max(0.5, 4 * Math.sqrt(this.variance / n))) {
        // The backend is another one now; this leg may have been partly of the one before.
        this.weight = this.sxx = this.sxy = 0
        return
      }
      this.variance = clamp(this.variance + 0.1 * (n * residual * residual - this.variance), 0.3, 10)
    }
    const fade = 1 / (1 + this.sxx / Fit.memory)
    const before = this.weight * fade
    const added = weightOf(n, this.variance)
    this.weight = before + added
    const dx = x - this.x
    const dy = y - this.y
    const common = before * added / this.weight
    this.sxx = this.sxx * fade + common * dx * dx
    this.sxy = this.sxy * fade + common * dx * dy
    this.x += dx * added / this.weight
    this.y += dy * added / this.weight
  }
}
