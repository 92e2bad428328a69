/**
 * The test bed: a pool, a source and a simulated backend, and what came of it, phase by phase.
 */
import { Effect, Exit, Scope } from "effect"
import { type AdaptiveOptions, GreenPool, type GreenPoolOptions, type Verdict } from "../../src/index.ts"
import type { Backend, Outcome } from "./backends.ts"
import { type Random, randomOf, Simulation } from "./simulation.ts"
import type { Feed } from "./sources.ts"

/** A stretch of time in which the backend stays as it is. */
export interface Phase<B> {
  readonly name: string
  /** Seconds. */
  readonly seconds: number
  /** How the backend changes at the begin. */
  readonly change?: (backend: B) => void
}

export interface Scenario<B extends Backend = Backend> {
  readonly name: string
  readonly backend: (simulation: Simulation, random: Random) => B
  readonly source: Feed
  readonly phases: ReadonlyArray<Phase<B>>
  /** How many pools share the backend. Default 1. */
  readonly pools?: number
  readonly adaptive?: AdaptiveOptions
}

/** Something else that sets the size of a pool: told of each job that ends, it says what the size is to be. */
export type Sizer = (now: number, latency: number, inFlight: number, outcome: Outcome) => number

/** How the size comes about: fixed, found by the pool, or set by a sizer. The last two begin at `start`. */
export type Sizing = { readonly fixed: number } | "adaptive" | { readonly make: () => Sizer }

/** What happened in a stretch of time. */
export interface Figures {
  /** Successes per second. */
  readonly goodput: number
  /** The mean time in the slot of the successes, in seconds. */
  readonly latency: number
  /** The share of jobs that ended in an overload or a failure. */
  readonly errors: number
}

/** What was counted in one step of a run. */
export interface Step {
  /** When it ended. */
  readonly at: number
  /** The size at its end. */
  readonly size: number
  successes: number
  /** Overloads and failures. */
  errors: number
  /** The times in the slot of the successes, added up. */
  busy: number
}

/** The start and the most of all pools of the bed. */
export const start = 4
export const max = 512

/**
 * Runs the scenario and gives what happened, in steps of `step` seconds. All randomness comes from the seed. After `most`
 * jobs the rest of a phase is left out: refusals in no time are many.
 */
export const run = <B extends Backend>(
  scenario: Scenario<B>,
  seed: number,
  sizing: Sizing,
  step: number,
  most = Infinity
): ReadonlyArray<ReadonlyArray<Step>> => {
  const random = randomOf(seed)
  const simulation = new Simulation()
  const backend = scenario.backend(simulation, random)
  const scope = Scope.makeUnsafe()
  const none = { successes: 0, errors: 0, busy: 0 }
  let counts = { ...none }
  const pools = Array.from({ length: scenario.pools ?? 1 }, () => {
    const options: Omit<GreenPoolOptions, "maxWaiting" | "maxWait"> = sizing === "adaptive"
      ? { size: start, adaptive: { max, classify, ...scenario.adaptive } }
      : { size: "fixed" in sizing ? sizing.fixed : start }
    const pool = Effect.runSync(GreenPool.make(options).pipe(Scope.provide(scope), Effect.provide(simulation.context)))
    const sizer = typeof sizing === "object" && "make" in sizing ? sizing.make() : undefined
    let inFlight = 0
    const job = Effect.callback<void, "overload" | "failure">((resume) => {
      const began = simulation.now
      inFlight++
      backend.call((outcome) => {
        const latency = simulation.now - began
        if (outcome === "ok") {
          counts.successes++
          counts.busy += latency
        } else {
          counts.errors++
        }
        const size = sizer?.(simulation.now, latency, inFlight, outcome)
        if (size !== undefined) Effect.runSync(Effect.orDie(pool.resize(size)))
        inFlight--
        resume(outcome === "ok" ? Effect.void : Effect.fail(outcome))
      })
    })
    scenario.source(simulation, random, pool, job)
    return pool
  })
  const phases: Array<Array<Step>> = []
  let end = 0
  for (const phase of scenario.phases) {
    const began = end
    end += phase.seconds
    phase.change?.(backend)
    const steps: Array<Step> = []
    phases.push(steps)
    let jobs = 0
    for (let i = 1; began + i * step <= end + 1e-9 && jobs < most; i++) {
      counts = { ...none }
      simulation.runUntil(began + i * step)
      jobs += counts.successes + counts.errors
      const sizes = pools.map((pool) => Effect.runSync(pool.size))
      steps.push({ at: began + i * step, size: sizes.reduce((a, b) => a + b) / sizes.length, ...counts })
    }
  }
  return phases
}

const classify = (exit: Exit.Exit<unknown, unknown>): Verdict => {
  // With an exit as its value: what imapUnordered is given.
  if (exit._tag === "Success") return Exit.isExit(exit.value) ? classify(exit.value) : "ok"
  const reason = exit.cause.reasons[0]
  return reason?._tag === "Fail" && reason.error === "overload" ? "overload" : "ignore"
}

/** What all these steps of so many seconds come to. */
export const figures = (steps: ReadonlyArray<Step>, seconds: number): Figures => {
  const total = (figure: "successes" | "errors" | "busy") => steps.reduce((sum, step) => sum + step[figure], 0)
  const successes = total("successes")
  const errors = total("errors")
  return {
    goodput: successes / (steps.length * seconds),
    latency: successes === 0 ? 0 : total("busy") / successes,
    errors: errors === 0 ? 0 : errors / (errors + successes)
  }
}
