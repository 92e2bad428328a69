/**
 * The controller of an adaptive pool: finds the size beyond which more slots bring little more work.
 *
 * Goodput X is successes per second, L the size. The elasticity e = d ln X / d ln L is 1 where twice the slots do twice
 * the work, and 0 where more slots only lengthen the backend's queue. The controller seeks e = 0.2: it sets a size,
 * watches one leg (a time in the slot to settle, then as many jobs as there are slots), and decides on the next size.
 *
 * It is pure: numbers in, a size out. It has no clock, and nothing in it is random. Times are in seconds.
 */
import { clamp, Fit, weightOf } from "./fit.ts"
import { Latencies } from "./latencies.ts"

/** What the controller has to keep to. */
export interface SizeBounds {
  readonly min: number
  readonly max: number
  /** The mean time in the slot that the size must not drive beyond; `Infinity` where there is none. */
  readonly target: number
}

/** What one leg has shown. */
export interface Leg {
  /** Jobs that ended, and of these the successes and the overloads. */
  readonly ends: number
  readonly successes: number
  readonly overloads: number
  readonly seconds: number
  /** The mean number of slots taken. */
  readonly taken: number
  /** Whether more slots would have been used. */
  readonly wanted: boolean
}

/** The elasticity that is sought. */
const Sought = 0.2
/** The fewest jobs that make a leg: of fewer, small sizes could not be told apart. */
const FewestEnds = 20
/** The share of ends at which a slot may be free in a leg that teaches something. */
const SpareShare = 0.15
/** Legs go so far above and below the centre: this share, or one slot where that is more. */
const Dither = 0.15
/**
 * While starting, the size doubles as long as the elasticity is above this. The prior is an elasticity of 1 with this
 * weight. Legs with less information don't end the start.
 */
const Start = { elasticity: 0.6, prior: 6, information: 5 }
/** How the centre moves: a gain on the elasticity, and the largest step in ln(size). */
const Step = { gain: 0.3, largest: 0.25, information: 1 }
/** A cut multiplies the size by this. */
const Cut = 0.85
/** Legs in quiet below the ceiling before one above it, at first and at most; what a success makes of it. */
const Probe = { pause: 8, longestPause: 64, height: 1.02, rise: 1.25 }
/** The share of overloads that is expected anyway, and what a leg keeps of what was known of it. */
const Background = { least: 0.02, memory: 0.9 }
/** The strain from which on there is no growth; up to 1 below it, there is less. */
const MostStrain = 3

/** A leg of the start. */
interface StartLeg {
  readonly number: number
  readonly size: number
  readonly goodput: number
  readonly latency: number
  readonly weight: number
  /** The lowest latency up to it. */
  readonly lowest: number
}

export class Elasticity {
  /** The size of the present leg. */
  size: number
  phase: "starting" | "steady" = "starting"
  /** As far as it is known. */
  elasticity = 1
  /** Of the last leg: successes per second, and the mean time in the slot. */
  goodput = 0
  latency = 0
  /** The size at which the backend was last overloaded. */
  ceiling: number | undefined = undefined
  cuts = 0
  private readonly bounds: SizeBounds
  /** The size around which the legs go. */
  private centre: number
  private fit = new Fit(Sought)
  private latencies = new Latencies()
  /** The centre may not go above this, since the strain is too high. */
  private strained = Infinity
  /** Of the legs without strain: jobs that ended, and the overloads among them. */
  private background = { ends: 0, overloads: 0 }
  /** The leg before, while starting. */
  private previous: StartLeg | undefined = undefined
  private kind: "low" | "high" | "probe" = "low"
  /** Legs near the ceiling since the last cut or probe, how many there have to be, and what a probe that holds brings. */
  private quiet = 0
  private pause = Probe.pause
  private rise = Probe.rise

  // The present leg. It opens one mean job time after it begins. Before that, only overloads count.
  private began: number | undefined = undefined
  private opens = -Infinity
  /** No overload counts before that. */
  private listens = -Infinity
  /** Where no time in the slot is known yet, so many ends instead. */
  private skip = 0
  private opened: number | undefined = undefined
  private last = 0
  private heard = 0
  private overloads = 0
  private ends = 0
  private successes = 0
  private taken = 0
  private spare = 0

  constructor(start: number, bounds: SizeBounds) {
    this.bounds = bounds
    this.size = this.centre = start
    this.skip = start
  }

  /** Searches anew from this size: nothing that was known holds any more, but for the number of cuts. */
  restart(start: number): void {
    const { cuts } = this
    Object.assign(this, new Elasticity(start, this.bounds), { cuts })
  }

  /** A job has ended while so many slots were taken; `wanted` says whether one more would have been used. */
  end(now: number, verdict: "ok" | "overload" | "ignore", taken: number, wanted: boolean): void {
    this.heard++
    this.began ??= now
    if (verdict === "overload" && now >= this.listens) {
      this.overloads++
      if (this.overloads > this.tolerated(Math.max(this.planned, this.heard))) {
        // The time in the slot of those that have ended here, refusals and all.
        const latency = Math.min(this.latency || Infinity, taken * (now - this.began) / this.heard)
        this.cut()
        this.begin(now)
        this.listens = now + latency
        return
      }
    }
    if (now < this.opens || this.skip-- > 0) return
    // From one moment to another: jobs that end together are all in the leg or all out of it.
    this.opened ??= now
    if (now === this.opened) return
    if (this.ends >= this.planned && now > this.last) {
      this.close()
      this.begin(now)
      return
    }
    this.last = now
    this.ends++
    this.taken += taken
    if (verdict === "ok") this.successes++
    if (!wanted) this.spare++
  }

  private close(): void {
    const { ends, last, opened = last, overloads, spare, successes } = this
    this.learn({
      ends,
      successes,
      overloads,
      seconds: last - opened,
      taken: this.taken / ends,
      wanted: spare <= SpareShare * ends
    })
  }

  /** The backend has said by itself that it is overloaded: cuts the size, unless it has just been cut. */
  overloaded(now: number): void {
    if (now < this.listens) return
    this.cut()
    this.begin(now)
    this.listens = this.opens
  }

  /** Begins the present leg anew. */
  begin(now: number): void {
    this.began = now
    this.opens = now + this.latency
    this.listens = -Infinity
    this.skip = this.latency === 0 ? this.size : 0
    this.opened = undefined
    this.heard =
      this.overloads =
      this.ends =
      this.successes =
      this.taken =
      this.spare =
        0
  }

  private get planned(): number {
    return Math.max(this.size, FewestEnds)
  }

  /** Decides on the next size. */
  learn(leg: Leg): void {
    const { ends, overloads, seconds, successes, taken, wanted } = leg
    this.goodput = successes / seconds
    this.latency = taken * seconds / ends
    const isTooLarge = overloads > this.tolerated(ends)
    if (!isTooLarge || this.size === this.bounds.min) this.learnBackground(ends, overloads)
    if (isTooLarge) return this.cut()
    // What is wanted no more, or brings nothing, says nothing of the backend.
    if (!wanted || successes === 0) return
    // Immediate rejections aren't a low latency.
    if (successes * 2 > ends) this.latencies.add(this.latency)
    if (this.phase === "starting") this.grow(successes)
    else this.steer(successes)
  }

  /** So many overloads among `ends` jobs may be chance. */
  private tolerated(ends: number): number {
    const { background } = this
    const share = background.ends === 0 ? 0 : background.overloads / background.ends
    const mean = Math.max(Background.least, share) * ends
    return 2 + 1.5 * mean + 3 * Math.sqrt(mean)
  }

  /** What overloads there are where the size is low is not for its being too large. */
  private learnBackground(ends: number, overloads: number): void {
    // All legs of the start are low.
    if (this.kind !== "low") return
    const { background } = this
    background.ends = background.ends * Background.memory + ends
    background.overloads = background.overloads * Background.memory + overloads
  }

  /** The size was too large. */
  private cut(): void {
    this.cuts++
    this.phase = "steady"
    if (this.kind === "probe") this.pause = Math.min(this.pause * 2, Probe.longestPause)
    this.ceiling = Math.min(this.ceiling ?? Infinity, this.size)
    this.quiet = 0
    this.rise = Probe.rise
    this.move(Cut * this.size)
    // The low one first: the ceiling may be far below.
    this.setLeg("low")
  }

  /** Doubles, as long as that brings much more. */
  private grow(successes: number): void {
    const { bounds, goodput, latency, previous, size } = this
    const weight = weightOf(successes, 1)
    if (previous !== undefined) {
      const distance = Math.log(size / previous.size)
      const information = distance * distance / (1 / weight + 1 / previous.weight)
      const slope = Math.log(goodput / previous.goodput) / distance
      this.elasticity = (information * slope + Start.prior) / (information + Start.prior)
      // The first legs are short, and prove little.
      const isEnough = this.elasticity <= Start.elasticity && information > Start.information
      const isTooSlow = latency > MostStrain * previous.lowest && previous.number > 1
      if (isEnough || isTooSlow) return this.settle(clamp(goodput * previous.latency, previous.size, size))
    }
    // Twice the slots may mean twice the time.
    if (size === bounds.max || latency * 2 > bounds.target) return this.settle(size)
    const { lowest = Infinity, number = 0 } = previous ?? {}
    this.previous = { number: number + 1, size, goodput, latency, weight, lowest: Math.min(latency, lowest) }
    this.size = Math.min(size * 2, bounds.max)
  }

  private settle(centre: number): void {
    this.phase = "steady"
    this.move(centre)
    this.setLeg("high")
  }

  /** Moves the centre by what is known of the elasticity. */
  private steer(successes: number): void {
    const { bounds, fit, latencies } = this
    fit.add(Math.log(this.size), Math.log(this.goodput), successes)
    this.elasticity = fit.slope
    let step = fit.information > Step.information
      ? clamp(Step.gain * (fit.slope - Sought), -Step.largest, Step.largest)
      : 0
    const strain = latencies.strain(bounds.target)
    if (bounds.target !== Infinity) {
      step = clamp(-Math.log(strain) / 2, -Step.largest, step)
    } else if (strain > MostStrain) {
      // Free below what it was: a stop that lets it only shrink would ratchet down.
      if (this.strained === Infinity) this.strained = this.centre
    } else {
      this.strained = Infinity
      step = Math.min(step, Step.largest * (MostStrain - strain))
    }
    const isNear = this.reach("high") >= this.highest
    this.move(this.centre * Math.exp(step))
    if (this.kind === "probe") this.raise()
    else if (isNear) this.quiet++
    this.setLeg(this.quiet >= this.pause ? "probe" : this.kind === "low" ? "high" : "low")
  }

  /** A leg above the ceiling was not too large. */
  private raise(): void {
    this.ceiling = this.ceiling! * this.rise
    this.rise *= this.rise
    this.pause = Probe.pause
    this.quiet = 0
  }

  /** The largest size below the ceiling. */
  private get highest(): number {
    return this.ceiling === undefined ? Infinity : Math.ceil(this.ceiling) - 1
  }

  private move(centre: number): void {
    const { max, min } = this.bounds
    // At least so far above the smallest size that the low legs differ from the high ones as elsewhere; the legs
    // themselves stay within the bounds.
    this.centre = clamp(centre, min * (1 + Dither), Math.min(max, this.highest, this.strained))
  }

  /** The size of a leg below or above the centre. */
  private reach(kind: "low" | "high"): number {
    const far = Math.max(Dither * this.centre, 1)
    return kind === "high" ? Math.floor(this.centre + far) : Math.ceil(this.centre - far)
  }

  private setLeg(kind: "low" | "high" | "probe"): void {
    const { bounds: { max, min }, ceiling, highest } = this
    const above = ceiling === undefined ? Infinity : Math.max(Math.ceil(ceiling), Math.round(ceiling * Probe.height))
    // There may be nothing above the ceiling that is allowed.
    this.kind = kind === "probe" && above > max ? "high" : kind
    this.size = clamp(
      this.kind === "probe" ? above : Math.min(this.reach(this.kind as "low" | "high"), highest),
      min,
      max
    )
  }
}
