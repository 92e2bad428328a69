/**
 * Simulated backends: what they take in, how long it takes, and what they refuse. Times are in seconds.
 */
import type { Random, Simulation } from "./simulation.ts"

/** How a call ends: an overload is one that the backend says it has too much for. */
export type Outcome = "ok" | "overload" | "failure"

export interface Backend {
  readonly call: (done: (outcome: Outcome) => void) => void
}

type Make<B extends Backend = Backend> = (simulation: Simulation, random: Random) => B

/** How long a call is served. */
export type Service = (random: Random) => number

const normal = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

/** All of them with the mean 1. */
export const services = {
  exponential: (random) => -Math.log(1 - random()),
  /** Coefficient of variation 0.2. */
  even: (random) => Math.max(0.2, 1 + 0.2 * normal(random)),
  /** Log-normal with coefficient of variation 2.5. */
  uneven: (random) => Math.exp(normal(random) * Math.sqrt(Math.log(7.25)) - Math.log(7.25) / 2),
  /** Nine of ten take 0.4, the tenth 6.4. */
  twoModes: (random) => random() < 0.9 ? 0.4 : 6.4,
  /** Pareto with exponent 2.2, cut off at 100. */
  pareto: (random) => Math.min(100, (1.2 / 2.2) * (1 - random()) ** (-1 / 2.2)),
  deterministic: () => 1
} as const satisfies Record<string, Service>

export interface WorkersOptions {
  readonly workers: number
  readonly service: Service
  /** Seconds of service in the mean. Default 1. */
  readonly mean?: number
  /** Seconds on the network, there and back. Default 0. */
  readonly network?: number
  /** How many calls may wait; others are refused. Default: no bound. */
  readonly queue?: number
  /** How long callers wait for an answer; the backend goes on with what they have given up. Default: for ever. */
  readonly timeout?: number
  /** The share of calls that fail in the end. Default 0. */
  readonly failures?: number
  /** The share of calls that are told, whatever the load, that it is too much. Default 0. */
  readonly overloads?: number
}

export interface Workers extends Backend {
  mean: number
  network: number
  readonly setWorkers: (workers: number) => void
}

/** How long a refusal takes. */
const refusal = 0.02

/** Workers with one queue. */
export const workers = (options: WorkersOptions): Make<Workers> => (simulation, random) => {
  const { failures = 0, mean = 1, network = 0, overloads = 0, queue = Infinity, service, timeout } = options
  let { workers } = options
  let busy = 0
  const waiting: Array<() => void> = []
  const serve = () => {
    while (busy < workers && waiting.length > 0) {
      const done = waiting.shift()!
      busy++
      simulation.after(backend.mean * service(random), () => {
        busy--
        simulation.after(backend.network / 2, done)
        serve()
      })
    }
  }
  const backend: Workers = {
    mean,
    network,
    setWorkers(count) {
      workers = count
      serve()
    },
    call(done) {
      const chance = random()
      const outcome = chance < failures ? "failure" : chance < failures + overloads ? "overload" : "ok"
      let isOver = false
      const end = (outcome: Outcome) => {
        if (!isOver) done(outcome)
        isOver = true
      }
      if (timeout !== undefined) simulation.after(timeout, () => end("overload"))
      simulation.after(backend.network / 2, () => {
        if (busy >= workers && waiting.length >= queue) {
          simulation.after(refusal + backend.network / 2, () => end("overload"))
        } else {
          waiting.push(() => end(outcome))
          serve()
        }
      })
    }
  }
  return backend
}

/** A backend whose parts get in each other's way: n calls at once have X(n) = n / (s (1 + σ(n-1) + κn(n-1))). */
export const contention = (sigma: number, kappa: number): Make => (simulation, random) => {
  const calls: Array<(outcome: Outcome) => void> = []
  let version = 0
  // Service is exponential, so that what is served next, and when, is drawn anew at each change.
  const plan = () => {
    const planned = ++version
    const n = calls.length
    if (n === 0) return
    const rate = n / (1 + sigma * (n - 1) + kappa * n * (n - 1))
    simulation.after(-Math.log(1 - random()) / rate, () => {
      if (planned !== version) return
      const [done] = calls.splice(Math.floor(random() * n), 1)
      plan()
      done!("ok")
    })
  }
  return {
    call(done) {
      calls.push(done)
      plan()
    }
  }
}

export interface Capped extends Backend {
  cap: number
}

/** As many calls at once as it takes to serve them, but no more than a cap: others are refused. */
export const capped = (cap: number, service: Service): Make<Capped> => (simulation, random) => {
  let calls = 0
  const backend: Capped = {
    cap,
    call(done) {
      if (calls >= backend.cap) return simulation.after(refusal, () => done("overload"))
      calls++
      simulation.after(service(random), () => {
        calls--
        done("ok")
      })
    }
  }
  return backend
}

/** So many calls a second, in a bucket of that many; others are refused. */
export const limited = (rate: number, service: Service): Make => (simulation, random) => {
  let tokens = rate
  let filled = 0
  return {
    call(done) {
      const { now } = simulation
      tokens = Math.min(rate, tokens + (now - filled) * rate)
      filled = now
      if (tokens < 1) return simulation.after(refusal, () => done("overload"))
      tokens--
      simulation.after(service(random), () => done("ok"))
    }
  }
}
