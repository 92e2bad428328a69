/**
 * An adaptive pool: what the ends of its jobs say goes to the controller, and the size that this finds to the pool.
 */
import { Cause, Clock, Context, Duration, Effect, Exit } from "effect"
import { AdaptiveStats, type Verdict, verdictOf } from "../AdaptiveSize.ts"
import { PoolFull } from "../Admission.ts"
import { Elasticity, type SizeBounds } from "./elasticity.ts"
import { monotonicMillis, monotonicSeconds } from "./time.ts"
import type { Timer, Timers } from "./timers.ts"

/** What makes a pool adaptive. */
export interface AdaptiveSettings extends SizeBounds {
  readonly classify: ((exit: Exit.Exit<unknown, unknown>) => Verdict) | undefined
}

/** What the adaptation needs of its pool. */
export interface Sized {
  readonly name: string
  setSize(size: number): void
}

/** Milliseconds that a pause lasts at most. */
const LongestPause = 60_000

export class Adaptation {
  /** How many maps stand still since their window is full of items that run. */
  stalled = 0
  private readonly pool: Sized
  private readonly settings: AdaptiveSettings
  private readonly timers: Timers
  private readonly context: Context.Context<never>
  private readonly clock: Clock.Clock
  private readonly elasticity: Elasticity
  /** What the pool does when it doesn't search: nothing until it is resized, or nothing until a time. */
  private state: "searching" | "paused" | "resting" | "closed"
  private pausedUntil = 0
  private pause: Timer | undefined = undefined
  private hasThrown = false

  /** `context` is that in which the pool was made: it has its clock, and what is logged goes there. */
  constructor(
    pool: Sized,
    settings: AdaptiveSettings,
    size: number,
    timers: Timers,
    context: Context.Context<never>
  ) {
    this.pool = pool
    this.settings = settings
    this.timers = timers
    this.context = context
    this.clock = Context.get(context, Clock.Clock)
    this.state = size === 0 ? "resting" : "searching"
    this.elasticity = new Elasticity(size, settings)
  }

  /** A job has ended, while so many slots were taken and so many free. Its slot has been passed on. */
  ended(exit: Exit.Exit<unknown, unknown>, taken: number, free: number): void {
    if (this.state === "closed") return
    const wanted = free <= 0 || this.stalled > 0
    const verdict = this.judge(exit)
    // `judge` runs the user's own code: the pool may be another one now.
    const { elasticity } = this
    const { cuts, phase } = elasticity
    if (typeof verdict === "number") this.pauseFor(verdict)
    else if (this.state === "searching") elasticity.end(this.now, verdict, taken, wanted)
    if (this.state === "searching") this.apply(phase, cuts)
  }

  /** The user has asked for this size. */
  resized(size: number): void {
    this.endPause()
    if (size > 0) this.elasticity.restart(Math.max(this.settings.min, Math.min(this.settings.max, size)))
    this.state = size === 0 ? "resting" : "searching"
    this.pool.setSize(size === 0 ? 0 : this.elasticity.size)
  }

  close(): void {
    this.endPause()
    this.state = "closed"
  }

  get stats(): AdaptiveStats {
    const { ceiling, cuts, elasticity, goodput, latency, phase } = this.elasticity
    return new AdaptiveStats({
      phase: this.state === "paused" || this.state === "resting" ? this.state : phase,
      elasticity,
      goodput,
      latency,
      ...(ceiling === undefined ? undefined : { ceiling: Math.ceil(ceiling) }),
      cuts
    })
  }

  /** Seconds of monotonic time. */
  private get now(): number {
    return monotonicSeconds(this.clock)
  }

  /** The verdict on the job, or how many milliseconds it says to wait. */
  private judge(exit: Exit.Exit<unknown, unknown>): "ok" | "overload" | "ignore" | number {
    try {
      const { classify } = this.settings
      const verdict = classify === undefined ? verdictInside(this.pool.name, exit) : classify(exit)
      if (verdict === "ok" || verdict === "overload" || verdict === "ignore") return verdict
      return Duration.toMillis(verdict.retryAfter)
    } catch (defect) {
      if (!this.hasThrown) {
        this.hasThrown = true
        this.log(
          Effect.logError(
            "`classify` threw: jobs for which it throws count neither for nor against the size",
            Cause.die(defect)
          )
        )
      }
      return "ignore"
    }
  }

  /** The backend is overloaded, and says for how long. */
  private pauseFor(milliseconds: number): void {
    if (this.state === "searching") this.elasticity.overloaded(this.now)
    const now = monotonicMillis(this.clock)
    // The clock may have acted on the pool.
    if (this.state !== "searching" && this.state !== "paused") return
    const until = now + Math.min(milliseconds, LongestPause)
    if (until <= Math.max(now, this.pausedUntil)) return
    const isNew = this.state === "searching"
    this.endPause()
    this.state = "paused"
    this.pausedUntil = until
    const pause = this.timers.at(until, () => {
      this.endPause()
      this.state = "searching"
      this.elasticity.begin(this.now)
      // The clock may have acted on the pool.
      if (this.state !== "searching") return
      const { size } = this.elasticity
      this.pool.setSize(size)
      this.debug(`The pool resumes with size ${size}`)
    })
    if (this.pausedUntil !== until) return pause.cancel()
    this.pause = pause
    if (!isNew) return
    this.pool.setSize(0)
    this.debug(`The backend is overloaded: the pool pauses for ${Duration.format(Duration.millis(until - now))}`)
  }

  private endPause(): void {
    this.pause?.cancel()
    this.pausedUntil = 0
  }

  /** The size that has been found becomes the pool's. */
  private apply(phase: "starting" | "steady", cuts: number): void {
    const { elasticity } = this
    const { size } = elasticity
    const isCut = elasticity.cuts > cuts
    const isFound = elasticity.phase !== phase
    this.pool.setSize(size)
    // The logger is the user's, and may act on the pool: it comes last.
    if (isCut) this.debug(`The backend is overloaded: the size is cut to ${size}`)
    else if (isFound) this.debug(`The pool has found its size: ${size}`)
  }

  private debug(message: string): void {
    this.log(Effect.logDebug(message))
  }

  private log(effect: Effect.Effect<void>): void {
    Effect.runForkWith(this.context)(Effect.annotateLogs(effect, "pool", this.pool.name))
  }
}

/** As `verdictOf`; what the pool itself rejects says nothing about the backend. */
const verdictInside = (pool: string, exit: Exit.Exit<unknown, unknown>): Verdict => {
  if (exit._tag === "Success") return verdictOf(exit)
  const isOwn = (error: unknown): boolean => error instanceof PoolFull && error.pool === pool
  const others = exit.cause.reasons.filter((reason) => !(Cause.isFailReason(reason) && isOwn(reason.error)))
  return verdictOf(Exit.failCause(Cause.fromReasons(others)))
}
